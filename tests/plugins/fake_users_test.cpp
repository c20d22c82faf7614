// The fake host's users with the very tasks that the engine is tested with (tests/engine/compiled_tasks.cpp): what a task sees and
// what becomes of it is the same there and here.
#include <squall/testing/fake_host.hpp>

#include <gtest/gtest-spi.h>

#include <map>

#include "fake_host.hpp"

namespace {

using fake::Answer;
using fake::Asked;
using fake::Pass;
using fake::VirtualUser;
using squall::plugin::bool_value;
using squall::plugin::int_value;

constexpr uint64_t kMs = 1'000'000;

struct Bench {
  fake::Host host;
  fake::Tasks tasks{host, SQUALL_COMPILED_TASKS};
  uint64_t begin_ns = host.now_ns;

  explicit Bench(Answer answer = {.takes_ns = 10 * kMs}) {
    for (const char* operation : {"script.do", "script.other", "script.login"}) tasks.on(operation, answer);
  }
  std::string ending(std::string_view task) {
    VirtualUser user(tasks);
    return user.finish(task).ending();
  }
};

TEST(FakeUsers, CallsFollowEachOtherAndWaitsTakeTheirTime) {
  Bench bench;
  VirtualUser user(bench.tasks);
  Pass& pass = user.run("follow");
  EXPECT_EQ(pass.ending(), "running");
  EXPECT_EQ(user.calls_in_flight(), 1u);
  bench.host.advance(59 * kMs);
  EXPECT_EQ(bench.tasks.asked.size(), 1u);
  bench.host.advance(1 * kMs);
  EXPECT_EQ(bench.tasks.asked.size(), 2u);
  EXPECT_EQ(user.finish(pass).ending(), "ok");
  EXPECT_EQ(pass.end_ns - pass.begin_ns, 70 * kMs);
  EXPECT_EQ(bench.tasks.sample("home").operation, "script.do");
  EXPECT_EQ(bench.tasks.sample("script.other").took_ns(), 10 * kMs);
  EXPECT_EQ(bench.tasks.samples.size(), 2u);
}

TEST(FakeUsers, PartsHaveResults) { EXPECT_EQ(Bench().ending("parts"), "ok"); }

TEST(FakeUsers, AnAnswerIsJudgedByTheTaskAndElseByItsOperation) {
  Bench bench({.code = 200, .outputs = {{"code", "200"}}, .code_max = 199});
  EXPECT_EQ(bench.ending("judged"), "failed: the output");   // which a script gives as text
  bench.tasks.samples.clear();
  bench.tasks.on("script.do", [](const Asked& asked) { return Answer{.code = asked.name == "another" ? 200 : 201, .code_max = 199}; });
  EXPECT_EQ(bench.ending("groups"), "ok");
  EXPECT_EQ(bench.tasks.sample("script.do").ending(), "failed: status");
  EXPECT_EQ(bench.tasks.sample("pair").ending(), "failed: status");
  EXPECT_EQ(bench.tasks.sample("failing").ending(), "failed: check, wrong");
  EXPECT_EQ(bench.tasks.sample("bad").ending(), "failed: check");
  EXPECT_EQ(bench.tasks.sample("bad").type, "transaction");
}

TEST(FakeUsers, AnExceptionFailsThePassAndItsGroups) {
  Bench bench;
  EXPECT_EQ(bench.ending("thrown"), "failed: the basket is empty");
  EXPECT_EQ(bench.tasks.sample("open").ending(), "failed: check");
}

TEST(FakeUsers, WhatTheRealHostRefusesIsRefusedInTheSameWords) {
  const std::map<std::string, std::string> texts = {{"no_plugin", "no plugin offers 'script.dance'"},
                                                    {"no_operation", "no plugin offers 'do'"},
                                                    {"no_target", "script.do: no target is called 'moon'"},
                                                    {"no_dataset", "acquire: no dataset with `pick: exclusive` is called 'x'"},
                                                    {"no_value", "'name' has no value"},
                                                    {"no_variable", "set: the scenario has no 'name'"}};
  for (const auto& [task, text] : texts) EXPECT_EQ(Bench().ending(task), "failed: " + text);
}

TEST(FakeUsers, AnInterruptIsNoFailure) { EXPECT_EQ(Bench().ending("interrupted"), "interrupted"); }

TEST(FakeUsers, CallsSideBySideAreToldSo) {
  Bench bench;
  EXPECT_EQ(bench.ending("beside"), "ok");
  ASSERT_EQ(bench.tasks.asked.size(), 3u);
  EXPECT_FALSE(bench.tasks.asked[0].beside);
  EXPECT_TRUE(bench.tasks.asked[1].beside);
  EXPECT_FALSE(bench.tasks.asked[2].beside);
  EXPECT_EQ(bench.host.now_ns - bench.begin_ns, 20 * kMs);
}

TEST(FakeUsers, ACutUnwindsWhatItHolds) {
  for (const char* task : {"waiting", "calling", "waiting"}) {   // each looks whether the one before was unwound
    Bench bench({.takes_ns = fake::kNever});
    VirtualUser user(bench.tasks);
    Pass& pass = user.run(task);
    EXPECT_EQ(pass.ending(), "running");
    user.cut();
    EXPECT_EQ(pass.ending(), "cut") << task;
    EXPECT_EQ(user.calls_in_flight(), 0u);
    EXPECT_EQ(bench.tasks.count("script.do"), task == std::string("calling") ? 1u : 0u);
  }
}

TEST(FakeUsers, WhoGoesIsCutFirst) {
  Bench bench({.takes_ns = fake::kNever});
  VirtualUser(bench.tasks).run("calling");
  EXPECT_EQ(bench.tasks.sample("script.do").ending(), "cancelled");
}

TEST(FakeUsers, WhoNeverEndsIsNamed) {
  EXPECT_NONFATAL_FAILURE(
      {
        Bench bench;
        VirtualUser user(bench.tasks);
        user.run("silent");
        user.cut();
        bench.host.advance(5000 * kMs);
      },
      "done() did not follow within 5 s of cancel()");
}

TEST(FakeUsers, ABudgetEndsThePassAtTheCallThatIsOneMore) {
  Bench bench;
  VirtualUser user(bench.tasks);
  user.requests_left = 4;
  EXPECT_EQ(user.finish("budget").ending(), "ok");
  EXPECT_EQ(user.finish("budget").ending(), "budget used up");
  EXPECT_EQ(bench.tasks.asked.size(), 4u);
  EXPECT_EQ(bench.tasks.samples.size(), 4u);
}

TEST(FakeUsers, ABudgetThatEndsAmongCallsSideBySide) {
  Bench bench;
  VirtualUser user(bench.tasks);
  user.requests_left = 2;
  EXPECT_EQ(user.finish("budget").ending(), "budget used up");
  EXPECT_EQ(bench.tasks.asked.size(), 2u);
  ASSERT_EQ(bench.tasks.samples.size(), 2u);
  EXPECT_EQ(bench.tasks.samples[1].ending(), "ok");   // it was under way, and comes to its end
}

TEST(FakeUsers, AMistakeAmongCallsSideBySideWaitsForThoseBeforeIt) {
  Bench bench;
  VirtualUser user(bench.tasks);
  EXPECT_EQ(user.finish("half").ending(), "failed: no plugin offers 'script.dance'");
  EXPECT_EQ(bench.tasks.sample("script.do").ending(), "ok");
  EXPECT_EQ(bench.ending("budget"), "ok");
}

TEST(FakeUsers, OptionsVariablesAndStateAreThere) {
  for (const bool given : {false, true}) {
    Bench bench;
    bench.tasks.give("city", "Ulm");
    fake::Tasks::Options options;
    if (given) options = {{"pages", int_value(7)}, {"given", bool_value(true)}};
    VirtualUser user(bench.tasks);
    for (const char* name : {"ann", "bob"}) {
      bench.tasks.give("people.name", name);
      EXPECT_EQ(user.finish("knows", options).ending(), "ok");
    }
    EXPECT_EQ(user.variable("token"), "t1");
  }
}

TEST(FakeUsers, SamplesAndMetricsOfItsOwn) {
  Bench bench;
  EXPECT_EQ(bench.ending("tells"), "ok");
  EXPECT_EQ(bench.tasks.sample("whole").took_ns(), 10 * kMs);
  EXPECT_EQ(bench.tasks.sample("whole").type, "sample");
  EXPECT_EQ(bench.tasks.metrics.at(0), std::pair(std::string("basket"), 4.5));
}

TEST(FakeUsers, RandomNumbersAreTheSeedsAndTheUsers) {
  const auto drawn = [](uint64_t index, uint64_t seed) {
    Bench bench;
    VirtualUser user(bench.tasks, index, seed);
    EXPECT_EQ(user.finish("draws").ending(), "ok");
    return bench.tasks.sample("drawn").took_ns();
  };
  EXPECT_EQ(drawn(0, 1), drawn(0, 1));
  EXPECT_NE(drawn(0, 1), drawn(0, 2));
  EXPECT_NE(drawn(0, 1), drawn(1, 1));
}

// ---- records -------------------------------------------------------------------------------------------

struct RecordBench : Bench {
  RecordBench() { tasks.dataset("previews", {"id", "kind"}, {{"a", "page"}, {"b", "page"}, {"c", "image"}}); }
};

TEST(FakeUsers, NoRecordIsInTwoHandsAndAllComeBack) {
  RecordBench bench;
  std::list<VirtualUser> users;
  for (uint64_t i = 0; i < 10; ++i) users.emplace_back(bench.tasks, i);
  std::map<std::string, int> endings;
  for (int round = 0; round < 100; ++round) {   // 1,000 passes, ten at a time
    std::vector<std::pair<VirtualUser*, Pass*>> passes;
    for (VirtualUser& user : users) passes.emplace_back(&user, &user.run("edits"));
    EXPECT_EQ(bench.tasks.free_records("previews"), 0u);
    for (const auto& [user, pass] : passes) ++endings[user->finish(*pass).ending()];
    EXPECT_EQ(bench.tasks.free_records("previews"), 3u);
  }
  EXPECT_EQ(endings["ok"] + endings["interrupted"] + endings["failed: oops"], 1000);
  EXPECT_GT(endings["interrupted"], 100);
  EXPECT_GT(endings["failed: oops"], 100);
  EXPECT_EQ(bench.tasks.count("edit"), 1000u);
  EXPECT_EQ(bench.tasks.binds, 1u);
}

TEST(FakeUsers, ByWhatStandsInItsColumnsAndNoLongerThanATimeOut) {
  RecordBench bench;
  VirtualUser first(bench.tasks, 0), second(bench.tasks, 1);
  Pass& one = first.run("fitting");
  Pass& other = second.run("fitting");
  EXPECT_EQ(first.records_held(), 1u);
  bench.host.advance(16 * kMs);
  EXPECT_EQ(one.ending(), "ok");
  EXPECT_EQ(other.ending(), "ok");
  EXPECT_EQ(other.end_ns - other.begin_ns, 16 * kMs);   // 1 ms late, 5 without a record, and its call
}

TEST(FakeUsers, WaitingForARecordEndsWithTheRun) {
  RecordBench bench;
  std::list<VirtualUser> users;
  for (uint64_t i = 0; i < 5; ++i) users.emplace_back(bench.tasks, i).run("hoards");
  EXPECT_EQ(bench.tasks.free_records("previews"), 0u);
  for (VirtualUser& user : users) user.cut();
  EXPECT_EQ(bench.tasks.free_records("previews"), 3u);
}

// ---- what a broken plugin hears -------------------------------------------------------------------------

struct Broken : Bench {
  Broken() : Bench({.takes_ns = 1}) {}
  sq_call* begin(VirtualUser& user, const sq_value* values, uint32_t n) {
    const sq_pair param{fake::str("text"), values ? values[0] : sq_value{}};
    sq_opref* operation = nullptr;
    EXPECT_EQ(fake::Host::users()->bind(&user, fake::str("script.do"), &param, n, &operation, nullptr, nullptr), SQ_OK);
    static const sq_call_events kEvents = {sizeof kEvents, 0, [](sq_call*) noexcept {}};
    return fake::Host::users()->call(&user, operation, values, n, &kEvents, nullptr);
  }
};

TEST(FakeUsers, ACallThatIsReleasedEarlyOrTwiceIsTold) {
  Broken bench;
  VirtualUser user(bench.tasks);
  user.run("waiting");
  sq_call* const call = bench.begin(user, nullptr, 0);
  EXPECT_NONFATAL_FAILURE(fake::Host::users()->release(call), "release() before on_done");
  bench.host.advance(1);
  fake::Host::users()->release(call);
  EXPECT_EQ(bench.tasks.sample("script.do").ending(), "ok");
}

TEST(FakeUsers, AnArgumentThatChangesWhileItsCallIsUnderWayIsTold) {
  Broken bench;
  VirtualUser user(bench.tasks);
  user.run("waiting");
  std::string text = "hello";
  const sq_value value = squall::plugin::text_value(text);
  bench.begin(user, &value, 1);
  text[0] = 'j';
  EXPECT_NONFATAL_FAILURE(bench.host.advance(1), "script.do: 'text' has changed before the call's end");
}

TEST(FakeUsers, ATimeOutAndWhatNeverComes) {
  Bench bench({.takes_ns = fake::kNever});
  VirtualUser user(bench.tasks);
  EXPECT_NONFATAL_FAILURE(user.finish("one"), "the pass waits for what never comes");
}

}  // namespace
