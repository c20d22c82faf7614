// `parallel` in virtual time: branches side by side, what comes behind them, and how one of them ends the iteration.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../payload/test_scope.hpp"
#include "payload/distribution.hpp"
#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint64_t kZero = 1'000'000'000'000;
enum Op : std::uint32_t { kDo, kLogin, kLogout, kOther };

struct Begun {
  std::uint64_t session;
  std::uint32_t op;
  std::int64_t at_ms;
  auto operator<=>(const Begun&) const = default;
};

class Parallel : public ::testing::Test {
 protected:
  Parallel() { script() = {}; }

  Step op(std::uint32_t number, std::optional<OnFailure> on_failure = {}) const {
    static constexpr const char* kNames[] = {"do", "login", "logout", "other"};
    Step step = builder.operation(number, kNames[number]);
    step.on_failure = on_failure;
    return step;
  }
  static Step side_by_side(std::vector<Steps> branches) { return Step{ParallelStep{std::move(branches)}, std::nullopt, {}}; }
  static Step group(Steps steps) { return Step{GroupStep{"group", "group", {}, std::move(steps)}, std::nullopt, {}}; }
  static Step interrupt() { return Step{InterruptStep{}, std::nullopt, {}}; }

  /// Those of `failing` fail at their end.
  RunResult run(Steps steps, std::vector<std::uint32_t> failing = {}, const std::function<void(VirtualRun&)>& prepare = {}) {
    script().on_start = [this, failing](std::uint64_t session, std::uint32_t number, std::uint64_t start_ns) {
      begun.push_back({session, number, static_cast<std::int64_t>(start_ns - kZero) / kMs});
      ScriptedEnd end{start_ns + static_cast<std::uint64_t>(takes_ms[number] * kMs)};
      if (std::ranges::count(failing, number) > 0) {
        end.outcome = SQ_OUT_FAILED;
        end.kind = SQ_K_CLOSED;
      }
      return end;
    };
    PopulationSpec& population = builder.one_user(std::move(steps), 1);
    population.load.users = users;
    population.stop_after = stop_after;
    VirtualRun virtual_run(builder.scenario, shards);
    if (prepare) prepare(virtual_run);
    return virtual_run.run();
  }

  ScenarioBuilder builder;
  std::vector<Begun> begun;
  std::vector<std::int64_t> takes_ms{10, 20, 30, 40};
  double users = 1;
  std::uint32_t shards = 1;
  Budget stop_after{.iterations = 1};
};

TEST_F(Parallel, ItsStepsBeginTogetherAndTheNextWhenTheLastHasEnded) {
  const RunResult result = run({op(kOther), side_by_side({{op(kDo)}, {op(kLogout)}, {op(kLogin)}}), op(kDo)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kOther, 0}, {0, kDo, 40}, {0, kLogout, 40}, {0, kLogin, 40}, {0, kDo, 70}}));
  EXPECT_EQ(script().beside, 3u);   // of five
  EXPECT_EQ(series_named(result, "login").response.max_ns(), static_cast<std::uint64_t>(20 * kMs));
  EXPECT_EQ(result.snapshot.ledger.iterations.completed, 1u);
  EXPECT_EQ(result.verdict.exit_code, 0);
}

TEST_F(Parallel, BranchesOfSeveralStepsGoOnByThemselves) {
  run({side_by_side({{op(kDo), ScenarioBuilder::wait(5 * kMs), op(kDo)}, {op(kLogin), op(kLogin)}}), op(kOther)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}, {0, kLogin, 0}, {0, kDo, 15}, {0, kLogin, 20}, {0, kOther, 40}}));
}

TEST_F(Parallel, OneWithinAnotherEndsWithItsOwnLast) {
  run({side_by_side({{side_by_side({{op(kDo)}, {op(kLogin)}}), op(kDo)}, {op(kLogout)}}), op(kOther)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}, {0, kLogin, 0}, {0, kLogout, 0}, {0, kDo, 20}, {0, kOther, 30}}));
}

TEST_F(Parallel, AGroupAroundItLastsAsLongAsItsLongest) {
  const RunResult result = run({group({side_by_side({{op(kOther)}, {op(kDo)}})})});
  const SeriesTotals& series = series_named(result, "group");
  EXPECT_EQ(series.counts.ok, 1u);
  EXPECT_EQ(series.response.max_ns(), static_cast<std::uint64_t>(40 * kMs));
}

TEST_F(Parallel, AFailureFailsTheGroupsAroundAndNoOthers) {
  const RunResult result = run({group({side_by_side({{op(kDo), op(kLogin)}, {op(kOther)}}), op(kLogout)})}, {kDo});
  EXPECT_EQ(series_named(result, "group").counts.failed, 1u);
  EXPECT_EQ(series_named(result, "login").counts.ok, 1u);    // a failure alone goes on
  EXPECT_EQ(series_named(result, "logout").counts.ok, 1u);
  EXPECT_EQ(result.snapshot.ledger.iterations.completed, 1u);
}

TEST_F(Parallel, WhenOneInterruptsTheOthersEndWhatIsInFlightAndNoMore) {
  const RunResult result = run({side_by_side({{op(kDo, OnFailure::interrupt), op(kDo)}, {op(kLogin), op(kLogout)},
                                              {ScenarioBuilder::wait(15 * kMs), op(kLogout)}}),
                                op(kOther)}, {kDo});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}, {0, kLogin, 0}}));
  EXPECT_EQ(series_named(result, "login").counts.ok, 1u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 1u);
  EXPECT_EQ(script().released, 2u);
}

TEST_F(Parallel, TheWordInterruptEndsItToo) {
  run({side_by_side({{op(kDo), op(kDo)}, {side_by_side({{ScenarioBuilder::wait(15 * kMs), interrupt()}, {op(kLogin)}})}}), op(kOther)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}, {0, kLogin, 0}, {0, kDo, 10}}));
}

TEST_F(Parallel, ABranchThatInterruptsAtOnceLetsNoneBeginBehindIt) {
  const RunResult result = run({side_by_side({{op(kDo)}, {interrupt()}, {op(kLogin)}}), op(kOther)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}}));
  EXPECT_EQ(series_named(result, "do").counts.ok, 1u);
}

TEST_F(Parallel, BranchesThatTakeNoTimeAreOverAtOnce) {
  builder.scenario.run.for_ns = 20 * kMs;
  stop_after = {};
  const RunResult result = run({side_by_side({{}, {ScenarioBuilder::wait(0)}, {side_by_side({{}, {}})}}),
                                side_by_side({{op(kDo)}, {}})});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kDo, 0}, {0, kDo, 10}}));
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 0u);
}

TEST_F(Parallel, EveryUserGoesOnItsOwnWay) {
  users = 50;
  shards = 2;
  stop_after.iterations = 500;
  const RunResult result = run({side_by_side({{op(kDo)}, {op(kLogin), op(kDo)}, {op(kLogout)}}), op(kOther)});
  EXPECT_EQ(result.snapshot.ledger.iterations.completed, 500u);
  EXPECT_EQ(series_named(result, "do").counts.ok, 1000u);
  EXPECT_EQ(series_named(result, "other").counts.ok, 500u);
  EXPECT_EQ(script().released, 2500u);
}

// Each branch waits for its own token; one that gets none ends the part, and those in flight end.
TEST_F(Parallel, ABudgetOfRequestsIsExact) {
  for (const std::uint64_t requests : {1u, 3u, 4u, 97u, 1001u}) {
    for (const std::uint64_t delay_ms : {0, 25}) {
      SCOPED_TRACE(::testing::Message() << requests << " requests, grants after " << delay_ms << " ms");
      script() = {};
      begun.clear();
      builder = {};
      users = 7;
      shards = 2;
      stop_after = {.requests = requests};
      const RunResult result = run({side_by_side({{op(kDo)}, {op(kLogin), op(kDo)}, {op(kLogout)}, {op(kOther)}})}, {},
                                   [&](VirtualRun& virtual_run) { virtual_run.delay_grants(delay_ms * kMs); });
      EXPECT_EQ(begun.size(), requests);
      EXPECT_EQ(result.snapshot.totals().ok, requests);
      EXPECT_EQ(result.snapshot.ledger.iterations.cut, 0u);
    }
  }
}

TEST_F(Parallel, AtTheDrainItsWaitsAreDroppedAndWhatIsInFlightEnds) {
  builder.scenario.run.for_ns = 25 * kMs;
  builder.scenario.run.drain_ns = 100 * kMs;
  stop_after = {};
  const RunResult result = run({side_by_side({{op(kOther), op(kDo)}, {ScenarioBuilder::wait(1000 * kMs), op(kLogin)}}), op(kLogout)});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kOther, 0}}));
  EXPECT_EQ(series_named(result, "other").counts.ok, 1u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 1u);
}

TEST_F(Parallel, WhatRunsAfterTheDrainIsCutInAllItsBranches) {
  builder.scenario.run.for_ns = 5 * kMs;
  builder.scenario.run.drain_ns = 1 * kMs;
  stop_after = {};
  const RunResult result = run({side_by_side({{op(kOther), op(kDo)}, {side_by_side({{op(kLogin)}, {op(kLogout)}}), op(kDo)},
                                              {ScenarioBuilder::wait(7 * kMs), op(kDo)}})});
  EXPECT_EQ(begun, (std::vector<Begun>{{0, kOther, 0}, {0, kLogin, 0}, {0, kLogout, 0}}));
  EXPECT_EQ(result.snapshot.totals().cut, 3u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 1u);
  EXPECT_EQ(script().released, 3u);
  EXPECT_EQ(script().sessions_open, 0u);
}

TEST_F(Parallel, PollsMayHaveItInside) {
  UntilStep until;
  until.every_ns = 100 * kMs;
  until.timeout_ns = 350 * kMs;
  until.name = "visible";
  until.type = "group";
  until.steps = {side_by_side({{op(kLogin)}, {op(kLogout)}}), op(kDo)};
  Check never;
  never.output = kCheckTime;
  Matcher::Rule late;
  late.op = Matcher::Op::above;
  late.value = Template(Value{Duration{3'600'000 * kMs}});
  never.matcher.add(std::move(late));
  until.satisfied = {never};
  const RunResult result = run({Step{std::move(until), std::nullopt, {}}}, {kLogin});
  EXPECT_EQ(series_named(result, "visible").counts.failed, 1u);
  EXPECT_EQ(series_named(result, "login").counts.failed, 4u);
  EXPECT_EQ(series_named(result, "do").counts.ok, 4u);
}

// What a branch draws hangs on the seed and its place, not on which answer came first.
TEST_F(Parallel, DrawsAreABranchesOwn) {
  const auto pauses = [&](std::int64_t first_takes_ms, std::int64_t second_takes_ms) {
    script() = {};
    begun.clear();
    builder = {};
    takes_ms = {first_takes_ms, 20, 30, second_takes_ms};
    const Value bounds = list_value({text_value("1ms"), text_value("500ms")});
    const Step pause{WaitStep{*make_distribution(map_value({{"uniform", bounds}}), UnitKind::duration)}, std::nullopt, {}};
    run({side_by_side({{op(kDo), pause, op(kLogin)}, {op(kOther), pause, op(kLogout)}}), pause, op(kDo)});
    std::sort(begun.begin(), begun.end(), [](const Begun& a, const Begun& b) { return a.at_ms < b.at_ms; });
    const auto at = [&](Op number) { return std::ranges::find(begun, std::uint32_t{number}, &Begun::op)->at_ms; };
    const std::int64_t last_end = std::max(at(kLogin) + 20, at(kLogout) + 30);
    return std::vector<std::int64_t>{at(kLogin) - first_takes_ms, at(kLogout) - second_takes_ms, begun.back().at_ms - last_end};
  };
  const auto drawn = pauses(10, 40);
  EXPECT_NE(drawn[0], drawn[1]);
  EXPECT_EQ(pauses(40, 10)[0], drawn[0]);
  EXPECT_EQ(pauses(40, 10)[1], drawn[1]);
  EXPECT_NEAR(static_cast<double>(pauses(40, 10)[2]), static_cast<double>(drawn[2]), 1);   // of rounded begins
}

TEST_F(Parallel, WhatAUserHoldsIsNotForABranch) {
  builder.scenario.datasets.push_back(std::make_shared<Dataset>(Dataset::of_rows({"name"}, {{"a"}})));
  builder.scenario.barriers.push_back({"meet", 1, false, {}});
  builder.one_user({side_by_side({{Step{AcquireStep{}, std::nullopt, {}}}, {Step{ReleaseStep{}, std::nullopt, {}}},
                              {Step{BarrierStep{}, std::nullopt, {}}}})}, 1);
  const VirtualRun virtual_run(builder.scenario);
  std::vector<std::string> texts;
  for (const PlanError& error : virtual_run.errors()) texts.push_back(error.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"'acquire' cannot stand within 'parallel'", "'release' cannot stand within 'parallel'",
                                             "'barrier' cannot stand within 'parallel'"}));
}

}  // namespace
}  // namespace squall::testing
