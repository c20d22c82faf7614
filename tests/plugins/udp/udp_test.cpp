// udp.send and udp.request over scripted datagrams: what is sent, whose answer an answer is, and
// what an error is called.
#include <cerrno>
#include <cstdio>

#include "fake_host.hpp"

namespace {

struct Udp : ::testing::Test {
  fake::Host host;
  const sq_target* meter = host.add_target("meter", "udp://127.0.0.1:9000");
  fake::Protocol udp{host, "udp"};
  fake::Session user{udp, 7};

  fake::Prepared prepare(std::string_view op, sq_source* payload, uint64_t keep_bytes = 1 << 20) {
    return udp.prepare(op, udp.bind(op).to(meter).source("payload", payload), UINT64_MAX,
                       keep_bytes);
  }
  fake::Call& start(std::string_view op, std::string payload) {
    return user.start(prepare(op, host.make_source(std::move(payload))));
  }
};

TEST_F(Udp, SendEndsWhenTheKernelHasIt) {
  fake::Call& call = start("send", "hello");
  host.run();
  EXPECT_TRUE(call.completed);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.bytes_out, 5u);
  EXPECT_EQ(call.number("size"), 5);
  EXPECT_EQ(host.dgram(0).sent, std::vector<std::string>{"hello"});
}

TEST_F(Udp, ASessionKeepsOneSocketForEachTarget) {
  const sq_target* other = host.add_target("other", "udp://127.0.0.1:9001");
  for (int i = 0; i < 3; ++i) start("send", "x");
  user.start(
      udp.prepare("send", udp.bind("send").to(other).source("payload", host.make_source("y"))));
  host.run();
  ASSERT_EQ(host.dgram_count(), 2u);
  EXPECT_EQ(host.dgram(0).sent.size(), 3u);
  EXPECT_EQ(host.dgram(1).target, other);
}

TEST_F(Udp, RequestEndsWithTheNextDatagram) {
  fake::Call& call = start("request", "ping");
  host.advance(1'000);
  EXPECT_FALSE(call.completed);
  host.dgram(0).receive({"pong", "stray"});
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.text("body"), "pong");
  EXPECT_EQ(call.number("size"), 4);
  EXPECT_EQ(call.bytes_out, 4u);
  EXPECT_EQ(call.bytes_in, 4u);
  EXPECT_EQ(call.phase_ns[SQ_PH_FIRST_BYTE], 1'000u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
}

TEST_F(Udp, AnEmptyDatagramIsAnAnswer) {
  fake::Call& call = start("request", "");
  host.run();
  EXPECT_EQ(host.dgram(0).sent, std::vector<std::string>{""});
  host.dgram(0).receive({""});
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.number("size"), 0);
}

TEST_F(Udp, KeepsNoMoreThanIsWanted) {
  fake::Call& call = user.start(prepare("request", host.make_source("?"), 3));
  host.run();
  host.dgram(0).receive({"abcdef"});
  host.run();
  EXPECT_EQ(call.text("body"), "abc");
  EXPECT_EQ(call.number("size"), 6);
}

TEST_F(Udp, WhatArrivesUnaskedIsNobodysAnswer) {
  start("send", "x");
  host.run();
  host.dgram(0).receive({"early"});
  host.run();
  fake::Call& call = start("request", "q");
  host.run();
  EXPECT_FALSE(call.completed);
  host.dgram(0).receive({"a"});
  host.run();
  EXPECT_EQ(call.text("body"), "a");
}

TEST_F(Udp, QuestionsOfOneSessionAreAskedOneByOne) {
  fake::Call& first = start("request", "1");
  fake::Call& second = start("request", "2");
  host.run();
  EXPECT_EQ(host.dgram(0).sent.size(), 1u);
  host.advance(500);
  host.dgram(0).receive({"a"});
  host.run();
  EXPECT_EQ(first.text("body"), "a");
  EXPECT_EQ(host.dgram(0).sent.size(), 2u);
  host.dgram(0).receive({"b"});
  host.run();
  EXPECT_EQ(second.text("body"), "b");
  EXPECT_EQ(second.phase_ns[SQ_PH_WAIT_CONN], 500u);
}

TEST_F(Udp, ALateAnswerIsNeverCreditedToTheNextQuestion) {
  fake::Call& first = start("request", "1");
  fake::Call& second = start("request", "2");
  first.deadline_ns = host.now_ns + 100;
  host.advance(100);
  user.cancel(first);
  user.cancel(first);
  host.dgram(0).receive({"late"});  // comes to a closed socket
  host.run();
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_TIMEOUT});
  EXPECT_FALSE(second.completed);
  ASSERT_EQ(host.dgram_count(), 2u);  // another port
  EXPECT_TRUE(host.dgram(0).is_closed);
  host.dgram(1).receive({"b"});
  host.run();
  EXPECT_EQ(second.text("body"), "b");
}

TEST_F(Udp, AQuestionMayBeTakenBackBeforeItIsAsked) {
  start("request", "1");
  fake::Call& second = start("request", "2");
  host.run();
  user.cancel(second);
  host.run();
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(second.bytes_out, 0u);
  EXPECT_EQ(host.dgram_count(), 1u);
}

TEST_F(Udp, ErrorsHaveTheirClass) {
  struct Row {
    int error;
    uint32_t kind;
  };
  for (const Row& row : {Row{ECONNREFUSED, SQ_K_RECEIVE}, Row{EHOSTUNREACH, SQ_K_RECEIVE},
                         Row{ENOBUFS, SQ_K_LOCAL_RESOURCE}, Row{EMSGSIZE, SQ_K_SEND}}) {
    fake::Call& call = start("request", "x");
    host.run();
    host.dgram(host.dgram_count() - 1).error(row.error);
    host.run();
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
    EXPECT_EQ(call.kind, row.kind) << row.error;
    EXPECT_EQ(call.code, row.error);
  }
}

TEST_F(Udp, CallsWaitInOrderForASocketThatIsNotUpYet) {
  fake::Call& first = start("send", "1");  // the socket exists from here on
  host.run();
  user.cancel(start("request", "x"));  // and is given up
  host.run();
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_OK});
  host.network.resolve_ns = 6'000'000;
  fake::Call& second = start("send", "2");
  fake::Call& third = start("request", "3");
  fake::Call& fourth = start("send", "4");
  host.advance(5'500'000);
  EXPECT_FALSE(second.completed);
  sq_dgram& socket = host.dgram(host.dgram_count() - 1);
  EXPECT_EQ(socket.session, 7u);
  host.advance(1'000'000);
  EXPECT_EQ(socket.sent, (std::vector<std::string>{"2", "3", "4"}));
  EXPECT_EQ(second.phase_ns[SQ_PH_WAIT_CONN], 6'000'000u);
  EXPECT_TRUE(fourth.completed);
  socket.receive({"a"});
  host.run();
  EXPECT_EQ(third.text("body"), "a");
}

TEST_F(Udp, ASocketThatNeverComesUpFailsAllWhoWaitForIt) {
  host.network.open = false;
  host.network.kind = SQ_K_RESOLVE;
  fake::Call& first = start("send", "1");
  fake::Call& second = start("request", "2");
  host.run();
  EXPECT_EQ(first.kind, uint32_t{SQ_K_RESOLVE});
  EXPECT_EQ(second.kind, uint32_t{SQ_K_RESOLVE});
  EXPECT_TRUE(host.dgram(0).is_closed);
}

TEST_F(Udp, AFullKernelIsALocalResource) {
  for (const auto& [limit, kind] : {std::pair<int32_t, uint32_t>{0, SQ_K_LOCAL_RESOURCE},
                                    {SQ_E_LIMIT, SQ_K_LOCAL_RESOURCE},
                                    {SQ_E_CLOSED, SQ_K_RECEIVE},
                                    {SQ_E_IO, SQ_K_SEND}}) {
    start("send", "x");
    host.run();
    host.dgram(host.dgram_count() - 1).send_limit = limit;
    fake::Call& call = start("send", "y");
    host.run();
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
    EXPECT_EQ(call.kind, kind) << limit;
    EXPECT_EQ(call.bytes_out, 0u);
  }
  host.network.refuse_now = SQ_E_LIMIT;
  user.close();
  fake::Session other(udp, 8);
  fake::Call& call = other.start(prepare("send", host.make_source("z")));
  host.run();
  EXPECT_EQ(call.detail_text(), "EMFILE");
}

TEST_F(Udp, APayloadInPiecesIsOneDatagram) {
  sq_source* source = host.make_source("abcdefgh");
  source->piece = 3;
  user.start(prepare("send", source));
  std::FILE* file = std::tmpfile();
  std::fputs("from a file", file);
  std::fflush(file);
  user.start(prepare("send", host.make_file_source(::fileno(file), 11)));
  host.run();
  std::fclose(file);
  EXPECT_EQ(host.dgram(0).sent, (std::vector<std::string>{"abcdefgh", "from a file"}));
}

TEST_F(Udp, APayloadAboveTheProtocolsLimitIsRefused) {
  fake::Call& most = start("send", std::string(65'507, 'x'));
  fake::Call& above = start("send", std::string(65'508, 'x'));
  host.run();
  EXPECT_EQ(most.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(above.kind, uint32_t{SQ_K_LIMIT});
  EXPECT_EQ(host.dgram(0).sent.size(), 1u);
}

TEST_F(Udp, NeedsATargetAndAPayload) {
  EXPECT_EQ(udp.refusal("send", udp.bind("send").to(meter)), "parameter payload is missing");
  EXPECT_EQ(udp.refusal("send", udp.bind("send").source("payload", host.make_source("x"))),
            "udp needs a target: to");
}

}  // namespace
