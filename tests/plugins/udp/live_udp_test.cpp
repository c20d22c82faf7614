// udp.send and udp.request over real sockets: an echo, a port where nobody listens.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "live_host.hpp"

namespace {

using squall::plugin::view;

/// A bound UDP port; echoes what comes until "bye".
struct Echo {
  Echo() {
    fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  ~Echo() {
    if (thread.joinable()) thread.join();
    ::close(fd);
  }
  void run() {
    thread = std::thread([this] {
      std::vector<char> buffer(65'536);
      for (;;) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const ssize_t n = ::recvfrom(fd, buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &size);
        if (n < 0) return;
        ++received;
        if (std::string_view(buffer.data(), static_cast<size_t>(n)) == "bye") return;
        ::sendto(fd, buffer.data(), static_cast<size_t>(n), 0, reinterpret_cast<sockaddr*>(&from),
                 size);
      }
    });
  }
  int fd = -1;
  uint16_t port = 0;
  std::atomic<int> received{0};
  std::thread thread;
};

TEST(LiveUdp, QuestionsAreAnsweredInTurn) {
  Echo echo;
  live::Session session("udp");
  const auto& target = session.shard.add("udp://127.0.0.1:" + std::to_string(echo.port));
  session.begin();
  echo.run();
  std::vector<live::Call*> calls;
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    texts.push_back("question " + std::to_string(i) +
                    std::string(static_cast<size_t>(i) * 650, 'x'));
    calls.push_back(
        &session.start("request", target, {{"payload", session.payload(texts.back())}}));
  }
  ASSERT_TRUE(session.shard.loop.until([&] { return calls.back()->is_complete; }));
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]->outcome, uint32_t{SQ_OUT_OK}) << view(calls[i]->detail);
    EXPECT_EQ(session.output(*calls[i], 0), texts[i]);
  }
  session.run("send", target, {{"payload", session.payload("bye")}});
  echo.thread.join();
  EXPECT_EQ(echo.received, 101);
}

TEST(LiveUdp, APortWhereNobodyListensIsSaidSo) {
  uint16_t port = 0;
  { port = Echo().port; }
  live::Session session("udp");
  const auto& target = session.shard.add("udp://127.0.0.1:" + std::to_string(port));
  session.begin();
  for (int i = 0; i < 3; ++i) {
    live::Call& call = session.run("request", target, {{"payload", session.payload("anybody?")}});
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
    EXPECT_EQ(call.kind, uint32_t{SQ_K_RECEIVE});
    EXPECT_EQ(call.code, ECONNREFUSED);
  }
}

}  // namespace
