// One request and its answer: bytes on the wire, outputs, framing, phases, reuse of connections.
#include "http_fixture.hpp"

namespace {

TEST_F(Http, SendsWhatABrowserWouldCallMinimal) {
  fake::Session user(http, 7);
  auto& call = user.start(get("/a b?x=1"));
  host.run();
  ASSERT_EQ(host.stream_count(), 1u);
  EXPECT_EQ(host.stream(0).session, 7u);
  EXPECT_EQ(host.stream(0).sent,
            "GET /a%20b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: "
            "squall/0.1.0\r\nAccept: */*\r\n\r\n");
  EXPECT_EQ(call.bytes_out, host.stream(0).sent.size());
  const std::string answer = ok("hello", "X-Rev: 12\r\n");
  host.stream(0).feed(answer);
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.bytes_in, answer.size());
  EXPECT_EQ(call.number("status"), 200);
  EXPECT_EQ(call.text("body"), "hello");
  EXPECT_EQ(call.text("header", "x-rev"), "12");
  EXPECT_EQ(call.text("header", "x-none"), "");
  EXPECT_EQ(call.number("size"), 5);
  EXPECT_EQ(call.text("url"), "http://127.0.0.1:8080/a%20b?x=1");
}

TEST_F(Http, ReusesTheConnectionAndNeverPipelines) {
  fake::Session user(http, 1);
  const auto prepared = get();
  auto& first = user.start(prepared);
  auto& second = user.start(prepared);
  host.run();
  EXPECT_EQ(host.stream(0).writes, 1u);
  host.stream(0).feed(ok("1"));
  host.run();
  EXPECT_OK(first, 200);
  EXPECT_EQ(host.stream(0).writes, 2u);
  EXPECT_FALSE(second.completed);
  host.stream(0).feed(ok("2"));
  host.run();
  EXPECT_OK(second, 200);
  EXPECT_EQ(second.text("body"), "2");
  EXPECT_EQ(first.text("body"), "1");
  EXPECT_EQ(host.stream_count(), 1u);
}

}  // namespace
