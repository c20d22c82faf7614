// The output as a host drives it, read over loopback by a client that shares no code with its server.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_output.hpp"

namespace {

using fake::str;
using squall::plugin::text_value;

const sq_output& plugin() { return fake::load_output("prometheus"); }

/// A connection to 127.0.0.1 that sends text and reads until the answer is whole.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    is_open_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  bool is_open() const { return is_open_; }
  void send(std::string_view text) { ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size())); }
  /// Head and body of the next answer; shorter when the server closed before.
  std::string answer(bool has_body = true) {
    std::string got = std::exchange(rest_, {});
    size_t whole = std::string::npos;
    while (got.size() < whole) {
      const size_t head = got.find("\r\n\r\n");
      if (head != got.npos && whole == got.npos) {
        const size_t length = got.find("Content-Length: ");
        whole = head + 4 + (has_body && length < head ? std::stoul(got.substr(length + 16)) : 0);
        continue;
      }
      char bytes[4096];
      const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n <= 0) return got;
      got.append(bytes, static_cast<size_t>(n));
    }
    rest_ = got.substr(whole);
    return got.substr(0, whole);
  }
  /// The server has closed, and said nothing more.
  bool is_at_end() {
    char byte;
    return rest_.empty() && ::recv(fd_, &byte, 1, 0) <= 0;
  }

 private:
  int fd_;
  bool is_open_;
  std::string rest_;
};

class Endpoint : public ::testing::Test {
 protected:
  void open(int64_t linger_ns = 0) {
    const sq_pair options[] = {{str("listen"), text_value("127.0.0.1:0")},
                               {str("linger"), squall::plugin::duration_value(linger_ns)}};
    ASSERT_EQ(plugin().open(nullptr, options, 2, &output, &error), SQ_OK) << error.text;
    const std::string line = fake::OutputHost::get().log.back();   // "prometheus: http://127.0.0.1:PORT/metrics"
    const std::string begin = "prometheus: http://127.0.0.1:";
    ASSERT_TRUE(line.starts_with(begin) && line.ends_with("/metrics")) << line;
    port = static_cast<uint16_t>(std::stoul(line.substr(begin.size())));
  }
  void write(uint64_t number, uint64_t count) {
    fake::Batch batch(number);
    const sq_series_desc page = fake::series(0, "page");
    if (number == 0) batch.series = {&page};
    batch.add_window(0).count = count;
    plugin().write(output, batch.view(), &account);
  }
  void begin_close() { plugin().close(output, &account); }
  void wait_closed() {
    fake::OutputHost::get().run_until([&] { return account.done > 0; });
    EXPECT_EQ(account.done, 1);
    EXPECT_EQ(account.status, SQ_OK);
  }
  static std::string get(std::string_view more = "") {
    return "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(more) + "\r\n";
  }

  void* output = nullptr;
  sq_error error{};
  sq_done account;
  uint16_t port = 0;
};

TEST_F(Endpoint, IsReadOverOneConnectionAsTheRunGoesOn) {
  open();
  Client client(port);
  client.send(get());
  EXPECT_NE(client.answer().find("\nsquall_run_active 0\n"), std::string::npos);
  uint64_t sum = 0;
  for (uint64_t number = 0; number < 3; ++number) {
    write(number, number + 1);
    sum += number + 1;
    client.send(get());
    const std::string answer = client.answer();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_NE(answer.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), answer.npos);
    EXPECT_NE(answer.find("phase=\"main\"} " + std::to_string(sum) + "\n"), answer.npos) << answer;
    EXPECT_NE(answer.find("\nsquall_run_active 1\n"), answer.npos);
  }
  EXPECT_EQ(account.delivered, 3u);
  begin_close();
  wait_closed();
  EXPECT_TRUE(client.is_at_end());
  EXPECT_FALSE(Client(port).is_open());
}

TEST_F(Endpoint, SpeaksOpenMetricsWhenAsked) {
  open();
  write(0, 1);
  Client client(port);
  client.send(get("Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n"));
  const std::string answer = client.answer();
  EXPECT_NE(answer.find("\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"), answer.npos);
  EXPECT_TRUE(answer.ends_with("\n# EOF\n"));
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, HeadIsTheHeadAlone) {
  open();
  write(0, 1);
  Client client(port);
  client.send(get());
  const std::string whole = client.answer();
  client.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.answer(false), whole.substr(0, whole.find("\r\n\r\n") + 4));
  client.send(get());   // nothing of a body came between
  EXPECT_EQ(client.answer(), whole);
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, RefusesWhatItShould) {
  open();
  const std::pair<const char*, const char*> rows[] = {
      {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 404 "},
      {"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 "},
      {"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 "},
      {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 421 "}};
  Client one(port);   // a refusal does not end the connection
  for (const auto& [request, begin] : rows) {
    one.send(request);
    const std::string answer = one.answer();
    EXPECT_TRUE(answer.starts_with(begin)) << answer;
    EXPECT_EQ(answer.find("squall_run"), answer.npos);
  }
  const std::string long_header(20'000, 'x');
  for (const std::string& garbage : {std::string("garbage\r\n\r\n"), "GET /metrics HTTP/1.1\r\nX: " + long_header,
                                     std::string("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n123456789")}) {
    Client client(port);
    client.send(garbage);
    EXPECT_FALSE(client.answer().starts_with("HTTP/1.1 200"));
  }
  one.send(get());
  EXPECT_TRUE(one.answer().starts_with("HTTP/1.1 200 "));
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, HasNoMoreConnectionsThanItAllows) {
  open();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 32; ++i) {
    clients.push_back(std::make_unique<Client>(port));
    clients.back()->send(get());
    EXPECT_TRUE(clients.back()->answer().starts_with("HTTP/1.1 200 "));
  }
  Client late(port);
  EXPECT_TRUE(late.is_at_end());
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, StaysForALastReader) {
  open(60'000'000'000);
  write(0, 3);
  Client client(port);
  client.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.answer(false);
  begin_close();
  client.send("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");   // has read nothing
  client.answer(false);
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.answer();
  EXPECT_EQ(account.done, 0);
  client.send(get());
  const std::string answer = client.answer();
  EXPECT_NE(answer.find("\nsquall_run_active 0\n"), answer.npos);
  EXPECT_NE(answer.find("phase=\"main\"} 3\n"), answer.npos);
  wait_closed();   // long before the linger is over
}

TEST_F(Endpoint, DoesNotStayLongerThanItShould) {
  open(20'000'000);
  write(0, 3);
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, DoesNotStayForNothing) {
  open(60'000'000'000);
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, APortInUseIsSaid) {
  open();
  const std::string taken = "127.0.0.1:" + std::to_string(port);
  const sq_pair option{str("listen"), text_value(taken)};
  void* other = nullptr;
  EXPECT_EQ(plugin().open(nullptr, &option, 1, &other, &error), SQ_E_IO);
  EXPECT_EQ(error.text, "listen: cannot listen on " + taken + ": Address already in use");
  const sq_pair foreign{str("listen"), text_value("192.0.2.1:0")};
  EXPECT_EQ(plugin().open(nullptr, &foreign, 1, &other, &error), SQ_E_IO);
  EXPECT_STREQ(error.text, "listen: cannot listen on 192.0.2.1:0: Cannot assign requested address");
  begin_close();
  wait_closed();
}

TEST_F(Endpoint, ToBeReadFromElsewhereIsWarnedOf) {
  const sq_pair option{str("listen"), text_value("0.0.0.0:0")};
  ASSERT_EQ(plugin().open(nullptr, &option, 1, &output, &error), SQ_OK) << error.text;
  EXPECT_NE(fake::OutputHost::get().log.back().find("every machine that reaches http://0.0.0.0:"), std::string::npos);
  begin_close();
  wait_closed();
}

}  // namespace
