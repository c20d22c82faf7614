// Over real sockets against nginx: its log and our sums agree to the byte, and on how often a
// connection was used (truths T9, T10, T24).
#include <map>

#include "live_host.hpp"
#include "nginx.hpp"

namespace {

using squall::plugin::text_value;

struct Sums {
  size_t requests = 0;
  uint64_t out = 0, in = 0;
  void add(const live::Call& call, int status) {
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << view(call.detail);
    EXPECT_EQ(call.code, status);
    ++requests;
    out += call.bytes_out;
    in += call.bytes_in;
  }
  static std::string_view view(sq_str text) { return squall::plugin::view(text); }
};

void expect_equal(const Nginx& nginx, live::Session& session, const Sums& sums, size_t connections,
                  size_t most_uses) {
  EXPECT_TRUE(session.shard.loop.until([&] { return nginx.log().size() >= sums.requests; }));
  const auto lines = nginx.log();
  EXPECT_EQ(lines.size(), sums.requests);
  uint64_t received = 0, sent = 0;
  std::map<uint64_t, uint64_t> uses;
  for (const auto& line : lines) {
    received += line.request_length;
    sent += line.bytes_sent;
    uses[line.connection] = std::max(uses[line.connection], line.connection_requests);
  }
  EXPECT_EQ(received, sums.out);
  EXPECT_EQ(sent, sums.in);
  EXPECT_EQ(uses.size(), connections);
  for (const auto& [connection, count] : uses) EXPECT_LE(count, most_uses);
}

struct LiveHttp : ::testing::Test {
  void SetUp() override {
    if (!Nginx::is_installed()) GTEST_SKIP() << "skipped: nginx is not installed";
  }
};

TEST_F(LiveHttp, CountsRequestsBytesAndConnectionsAsNginxDoes) {
  for (const size_t k : {1, 7, 100}) {
    Nginx nginx("keepalive_requests " + std::to_string(k) + "; location / { return 200 'hello'; }");
    live::Session session("http");
    const auto& site = session.shard.add(nginx.url());
    session.begin();
    Sums sums;
    for (int i = 0; i < 210; ++i)
      sums.add(session.run(i % 3 ? "get" : "head", site, {{"path", text_value("/x")}}), 200);
    expect_equal(nginx, session, sums, (210 + k - 1) / k, k);
  }
}

TEST_F(LiveHttp, SendsAndReceivesLargeBodiesWhole) {
  Nginx nginx(
      "client_max_body_size 64m; location /put { dav_methods PUT; } gzip on; gzip_types *; "
      "gzip_min_length 100;");
  std::string text;
  for (std::uint64_t i = 0; text.size() < 5'000'000; ++i) text += std::to_string(i * 7919) + "\n";
  live::Session session("http");
  const auto& site = session.shard.add(nginx.url());
  session.begin();
  Sums sums;
  sums.add(
      session.run("put", site, {{"path", text_value("/put")}, {"payload", session.payload(text)}}),
      201);
  std::ifstream file(nginx.root() / "put", std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == text);
  const auto& plain = session.run("get", site, {{"path", text_value("/put")}});
  sums.add(plain, 200);
  EXPECT_EQ(session.output(plain, 3), std::to_string(text.size()));
  EXPECT_TRUE(session.output(plain, 1) == text.substr(0, 1 << 20)) << "kept up to keep_bytes";
  const auto& zipped =
      session.run("get", site, {{"path", text_value("/put")}, {"decode", text_value("gzip")}});
  sums.add(zipped, 200);
  EXPECT_LT(std::stoul(session.output(zipped, 3)), text.size() / 2);
  EXPECT_TRUE(session.output(zipped, 1) == text.substr(0, 1 << 20));
  expect_equal(nginx, session, sums, 1, 3);
}

TEST_F(LiveHttp, RefusedIsAFailedConnect) {
  int port = 0;
  {
    Nginx nginx("");
    port = nginx.port;
  }
  live::Session session("http");
  const auto& site = session.shard.add("http://127.0.0.1:" + std::to_string(port));
  session.begin();
  const auto& call = session.run("get", site, {});
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CONNECT});
}

TEST_F(LiveHttp, PhasesAddUp) {
  Nginx nginx("location / { return 200 'hello'; }");
  live::Session session("http");
  const auto& site = session.shard.add(nginx.url());
  session.begin();
  for (int i = 0; i < 20; ++i) {
    const auto& call = session.run("get", site, {});
    uint64_t sum = 0;
    for (uint64_t phase : call.phase_ns) sum += phase;
    EXPECT_EQ(sum, call.end_ns - call.start_ns);
    EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT] > 0, i == 0);
  }
}

}  // namespace
