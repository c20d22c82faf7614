// Calls that a user makes side by side: how many connections they get, and that nothing changes for
// calls that are not.
#include "http_fixture.hpp"

namespace {

struct Beside : Http {
  const fake::Prepared prepared = get();
  void reply(size_t stream) {
    host.stream(stream).take_sent();
    host.stream(stream).feed(ok("x"));
    host.run();
  }
};

TEST_F(Beside, EachOpensAConnectionUpToTheBound) {
  fake::Session user(http, 1);
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 9; ++i) calls.push_back(&user.start(prepared, {}, SQ_CALL_BESIDE));
  host.run();
  EXPECT_EQ(host.stream_count(), 6u);
  for (size_t round = 0; round < 2; ++round)
    for (size_t i = 0; i < 6; ++i)
      if (!host.stream(i).sent.empty()) reply(i);
  for (fake::Call* call : calls) EXPECT_OK(*call, 200);
  EXPECT_EQ(host.stream_count(), 6u);
  EXPECT_EQ(host.open_streams(), 6u) << "they stay open";
  user.close();
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Beside, TheBoundIsAnOption) {
  fake::Protocol own(host, "http", {{"connections", squall::plugin::int_value(2)}});
  fake::Bindings bindings = own.bind("get");
  const auto step = own.prepare("get", bindings.to(site));
  fake::Session user(own, 1);
  for (int i = 0; i < 9; ++i) user.start(step, {}, SQ_CALL_BESIDE);
  host.run();
  EXPECT_EQ(host.stream_count(), 2u);
}

TEST_F(Beside, WithoutTheFlagTheyQueue) {
  fake::Session user(http, 1);
  auto& first = user.start(prepared);
  auto& second = user.start(prepared);
  host.run();
  EXPECT_EQ(host.stream_count(), 1u);
  reply(0);
  EXPECT_OK(first, 200);
  EXPECT_FALSE(second.completed);
  reply(0);
  EXPECT_OK(second, 200);
}

TEST_F(Beside, AnOlderHostsCallHasNoFlag) {
  fake::Session user(http, 1);
  for (int i = 0; i < 3; ++i) user.start(prepared, {}, SQ_CALL_BESIDE, offsetof(sq_call, flags));
  host.run();
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Beside, OneThatMayOpenDoesNotWaitBehindOneThatMayNot) {
  fake::Session shared(http, 1);
  shared.start(prepared);
  auto& queued = shared.start(prepared);
  auto& beside = shared.start(prepared, {}, SQ_CALL_BESIDE);
  host.run();
  EXPECT_EQ(host.stream_count(), 2u);
  reply(1);
  EXPECT_OK(beside, 200);
  EXPECT_FALSE(queued.completed);
  host.run();
  reply(1);
  EXPECT_OK(queued, 200);  // an idle connection serves whoever waits
}

TEST_F(Beside, TheLastUsedConnectionIsTakenFirst) {
  fake::Session user(http, 1);
  for (int i = 0; i < 3; ++i) user.start(prepared, {}, SQ_CALL_BESIDE);
  host.run();
  for (size_t i : {0, 1, 2}) reply(i);
  for (size_t used : {2, 2}) {
    auto& call = user.start(prepared);
    host.run();
    EXPECT_FALSE(host.stream(used).sent.empty());
    reply(used);
    EXPECT_OK(call, 200);
  }
  host.stream(2).finish();
  host.run();
  auto& call = user.start(prepared);
  host.run();
  EXPECT_FALSE(host.stream(1).sent.empty());
  reply(1);
  EXPECT_OK(call, 200);
  EXPECT_EQ(host.stream_count(), 3u);
}

TEST_F(Beside, AFreshOneClosesWhatIsIdle) {
  fake::Session user(http, 1);
  for (int i = 0; i < 3; ++i) user.start(prepared, {}, SQ_CALL_BESIDE);
  host.run();
  for (size_t i : {0, 1, 2}) reply(i);
  auto& call = user.start(http.prepare("get", bind().text("connection", "new")));
  host.run();
  EXPECT_EQ(host.stream_count(), 4u);
  EXPECT_EQ(host.open_streams(), 1u);
  reply(3);
  EXPECT_OK(call, 200);
}

TEST_F(Beside, EachIsCancelledAlone) {
  fake::Session user(http, 1);
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(&user.start(prepared, {}, SQ_CALL_BESIDE));
  host.run();
  user.cancel(*calls[3]);
  user.cancel(*calls[7]);
  host.run();
  EXPECT_EQ(calls[3]->outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(calls[7]->outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(host.stream_count(), 7u) << "the one that waited has its place";
  for (size_t i : {0, 1, 2, 4, 5, 6}) reply(i);
  for (size_t i : {0, 1, 2, 4, 5, 6}) EXPECT_OK(*calls[i], 200);
}

TEST_F(Beside, RefusesBoundsThatCannotBe) {
  sq_error error{};
  void* instance = nullptr;
  const sq_pair option{squall::plugin::str("connections"), squall::plugin::int_value(65)};
  EXPECT_EQ(http.table->open(&option, 1, &instance, &error), SQ_E_INVALID);
  EXPECT_EQ(std::string(error.text), "connections must lie between 1 and 64");
}

}  // namespace
