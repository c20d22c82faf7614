// Times of a call in virtual time: every nanosecond lies in one phase, and a delay in one phase is
// seen in that phase alone; what a cancelled call leaves behind.
#include "http_fixture.hpp"

namespace {

TEST_F(Http, PhasesTellWhereTheTimeWent) {
  host.network = {.resolve_ns = 300, .connect_ns = 1000, .tls_ns = 200, .hold_writes = true};
  fake::Session user(http, 1);
  auto& call = user.start(get());
  host.advance(1500);
  host.run();
  host.advance(40);  // the kernel takes the request so much later
  host.last_stream().release_writes();
  host.advance(500);
  host.last_stream().feed(ok("hello").substr(0, 30));
  host.advance(70);
  host.last_stream().feed(ok("hello").substr(30));
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.phase_ns[SQ_PH_WAIT_CONN], 0u);
  EXPECT_EQ(call.phase_ns[SQ_PH_RESOLVE], 300u);
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 1000u);
  EXPECT_EQ(call.phase_ns[SQ_PH_TLS], 200u);
  EXPECT_EQ(call.phase_ns[SQ_PH_SEND], 40u);
  EXPECT_EQ(call.phase_ns[SQ_PH_FIRST_BYTE], 500u);
  EXPECT_EQ(call.phase_ns[SQ_PH_RECEIVE], 70u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  EXPECT_EQ(call.first_byte_ns, call.end_ns - 70);
}

TEST_F(Http, WaitingForTheSessionIsAPhase) {
  fake::Session user(http, 1);
  const auto prepared = get();
  user.start(prepared);
  auto& second = user.start(prepared);
  host.advance(900);
  host.last_stream().feed(ok(""));
  host.run();
  host.advance(100);
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(second, 200);
  EXPECT_EQ(second.phase_ns[SQ_PH_WAIT_CONN], 900u);
  EXPECT_EQ(second.phase_ns[SQ_PH_FIRST_BYTE], 100u);
  EXPECT_EQ(second.phases(), 1000u);
}

TEST_F(Http, PhasesOfARedirectAddUp) {
  host.network.connect_ns = 100;
  const sq_target* other = host.add_target("other", "http://other.org");
  (void)other;
  fake::Session user(http, 1);
  auto& call = user.start(get());
  host.advance(100);
  host.advance(10);
  host.last_stream().feed(
      "HTTP/1.1 302 F\r\nLocation: http://other.org/\r\nContent-Length: 0\r\n\r\n");
  host.advance(100);
  host.advance(20);
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 200u);
  EXPECT_EQ(call.phase_ns[SQ_PH_FIRST_BYTE], 30u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
}

TEST_F(Http, ACallThatIsCancelledLateIsATimeout) {
  const std::string answer = ok("hello");
  host.network.connect_ns = 50;
  for (const auto& [received, detail] : std::vector<std::pair<int, std::string>>{
           {-1, "connect"}, {0, "first byte"}, {20, "receive"}}) {
    fake::Session user(http, 1);
    auto& call = user.start(get());
    call.deadline_ns = call.start_ns + 1000;
    if (received >= 0) host.advance(50);
    if (received > 0) host.last_stream().feed(answer.substr(0, static_cast<size_t>(received)));
    host.advance(received >= 0 ? 950 : 20);
    if (received < 0) call.deadline_ns = host.now_ns;
    user.cancel(call);
    user.cancel(call);
    host.run();
    ASSERT_TRUE(call.completed);
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_TIMEOUT});
    EXPECT_EQ(call.detail_text(), detail);
    EXPECT_EQ(call.end_ns, call.deadline_ns);
    EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
    EXPECT_EQ(host.open_streams(), 0u) << "a late answer must find no connection";
    host.advance(100);
  }
}

TEST_F(Http, ALateAnswerIsNotTheNextCalls) {
  fake::Session user(http, 1);
  auto& late = user.start(get("/late"));
  host.run();
  sq_stream& first = host.last_stream();
  user.cancel(late);
  auto& next = user.start(get("/next"));
  first.feed(ok("late"));
  host.run();
  EXPECT_TRUE(late.completed);
  EXPECT_EQ(late.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_FALSE(next.completed);
  ASSERT_EQ(host.stream_count(), 2u);
  EXPECT_TRUE(host.last_stream().sent.starts_with("GET /next "));
  host.last_stream().feed(ok("next"));
  host.run();
  EXPECT_EQ(next.text("body"), "next");
}

TEST_F(Http, AWaitingCallIsCancelledAlone) {
  fake::Session user(http, 1);
  const auto prepared = get();
  auto& first = user.start(prepared);
  auto& second = user.start(prepared);
  auto& third = user.start(prepared);
  host.run();
  user.cancel(second);
  host.run();
  EXPECT_TRUE(second.completed);
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(second.bytes_out, 0u);
  for (auto* call : {&first, &third}) {
    host.last_stream().feed(ok(""));
    host.run();
    EXPECT_OK(*call, 200);
  }
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Http, ACancelledUploadEndsWhenItsBuffersAreFree) {
  host.network.hold_writes = true;
  fake::Session user(http, 1);
  auto& call = user.start(http.prepare("post", bind("post").slot("body", 0)),
                          {squall::plugin::bytes_value("text")});
  host.run();
  user.cancel(call);
  EXPECT_EQ(call.completions, 0) << "the host still reads args";
  host.run();
  EXPECT_TRUE(call.completed);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_CANCELLED});
}

}  // namespace
