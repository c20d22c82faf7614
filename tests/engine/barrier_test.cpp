// Users who wait for each other, in virtual time on one shard and on two.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

Step at_barrier(std::uint32_t barrier, std::int64_t timeout_ns = 30 * kSecond) {
  return Step{BarrierStep{barrier, timeout_ns}, std::nullopt, {}};
}

std::uint32_t add_barrier(ScenarioBuilder& builder, std::string name, std::uint64_t users) {
  builder.scenario.barriers.push_back({std::move(name), users, false, {}});
  return static_cast<std::uint32_t>(builder.scenario.barriers.size() - 1);
}

/// A population whose users log in, which takes user k (k + 1) x 10 ms, wait for the others and do one operation.
PopulationSpec& meeting(ScenarioBuilder& builder, std::uint32_t barrier, double users) {
  const std::uint32_t task = builder.task("meet", {1});
  builder.scenario.tasks[task].steps.push_back(at_barrier(barrier));
  builder.scenario.tasks[task].steps.push_back(builder.operation(0, "act"));
  PopulationSpec& population = builder.population("users", {{task, 1}});
  population.load.users = users;
  return population;
}

/// When each `do` began, in ms of run time.
std::vector<std::uint64_t>& script_slow_logins() {
  static std::vector<std::uint64_t> begun;
  begun.clear();
  script() = {};
  script().on_start = [](std::uint64_t session, std::uint32_t op, std::uint64_t start_ns) {
    if (op == 0) begun.push_back((start_ns - 1'000'000'000'000) / kMs);
    return ScriptedEnd{op == 1 ? start_ns + ((session & 0xFFFF) % 100 + 1) * 10 * kMs : start_ns + kMs};
  };
  return begun;
}

class BarrierTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(BarrierTest, AllGoOnInTheMomentTheLastOneComes) {
  auto& begun = script_slow_logins();
  ScenarioBuilder builder;
  meeting(builder, add_barrier(builder, "all", 5), 5).stop_after.iterations = 5;
  VirtualRun run(builder.scenario, GetParam());
  ASSERT_TRUE(run.errors().empty());
  const RunResult result = run.run();
  ASSERT_EQ(begun.size(), 5u);
  for (const auto at : begun) EXPECT_EQ(at, begun.front());
  const SeriesTotals& waits = series_named(result, "all");
  EXPECT_EQ(waits.counts.ok, 5u);
  EXPECT_EQ(waits.key.type, "barrier");
  EXPECT_EQ(series_named(result, "act").lateness.max_ns(), 0u);
}

TEST_P(BarrierTest, ItClosesBehindEachGroup) {
  auto& begun = script_slow_logins();
  ScenarioBuilder builder;
  meeting(builder, add_barrier(builder, "pairs", 2), 4).stop_after.iterations = 8;
  VirtualRun run(builder.scenario, GetParam());
  const RunResult result = run.run();
  std::map<std::uint64_t, int> together;
  for (const auto at : begun) ++together[at];
  for (const auto& [at, count] : together) EXPECT_EQ(count % 2, 0) << at;
  EXPECT_EQ(series_named(result, "pairs").counts.ok, 8u);
}

TEST_P(BarrierTest, WhoWaitsTooLongFailsAndTheOthersStillMeet) {
  script_slow_logins();
  ScenarioBuilder builder;
  const std::uint32_t barrier = add_barrier(builder, "three", 3);
  PopulationSpec& population = meeting(builder, barrier, 2);
  population.stop_after.iterations = 2;
  builder.scenario.tasks[0].steps[1] = at_barrier(barrier, 100 * static_cast<std::int64_t>(kMs));
  builder.scenario.tasks[0].steps[1].on_failure = OnFailure::interrupt;
  VirtualRun run(builder.scenario, GetParam());
  const RunResult result = run.run();
  const SeriesTotals& waits = series_named(result, "three");
  EXPECT_EQ(waits.counts.failed, 2u);
  EXPECT_EQ(waits.failed_with(ErrorClass::timeout), 2u);
  EXPECT_EQ(waits.response.max_ns() / kMs, 100u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 2u);
  EXPECT_EQ(script().started[0], 0u);
}

TEST_P(BarrierTest, AUserWhoIsGoneForGoodIsNotWaitedFor) {
  auto& begun = script_slow_logins();
  script().on_start = [&begun, before = script().on_start](std::uint64_t session, std::uint32_t op, std::uint64_t start_ns) {
    if (op == 1 && (session & 0xFFFF) % 100 == 2) return ScriptedEnd{start_ns + 5 * kMs, SQ_OUT_FAILED, SQ_K_CONNECT, 0};
    return before(session, op, start_ns);
  };
  ScenarioBuilder builder;
  const std::uint32_t barrier = add_barrier(builder, "all", 3);
  PopulationSpec& population = meeting(builder, barrier, 3);
  population.stop_after.iterations = 3;
  population.barriers = {barrier};
  builder.scenario.tasks[0].steps[0].on_failure = OnFailure::stop_user;
  VirtualRun run(builder.scenario, GetParam());
  const RunResult result = run.run();
  EXPECT_EQ(begun.size(), 2u);
  EXPECT_EQ(series_named(result, "all").counts.ok, 2u);
}

TEST_P(BarrierTest, TheEndOfTheRunCutsThoseWhoWait) {
  script_slow_logins();
  ScenarioBuilder builder;
  meeting(builder, add_barrier(builder, "never", 9), 3);
  builder.scenario.run.for_ns = kSecond;
  VirtualRun run(builder.scenario, GetParam());
  const RunResult result = run.run();
  EXPECT_EQ(series_named(result, "never").counts.cut, 3u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 3u);
}

TEST_P(BarrierTest, ASignalCutsThemToo) {
  script_slow_logins();
  ScenarioBuilder builder;
  meeting(builder, add_barrier(builder, "never", 9), 3);
  VirtualRun run(builder.scenario, GetParam());
  run.at(500 * static_cast<std::int64_t>(kMs), [](VirtualRun& self) { self.controller().stop_by_user("SIGINT"); });
  const RunResult result = run.run();
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 3u);
  EXPECT_EQ(script().sessions_open, 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, BarrierTest, ::testing::Values(1u, 2u));

}  // namespace
}  // namespace squall::testing
