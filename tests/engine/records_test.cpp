// Exclusive records in virtual time, on one shard and on two: never two holders, nobody starves, and every record comes
// back however its iteration ends.
#include <gtest/gtest.h>

#include <map>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000, kS = 1'000 * kMs;

class Records : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  Records() { script() = {}; }

  /// A dataset `name` with `count` records of one column, k; every second is of kind "even".
  std::uint32_t dataset(const std::string& name, int count) {
    std::string csv = "k,kind\n";
    for (int i = 0; i < count; ++i) csv += std::to_string(i) + (i % 2 ? ",odd\n" : ",even\n");
    auto parsed = Dataset::parse(csv, Dataset::Format::csv);
    auto data = std::make_shared<Dataset>(std::move(std::get<Dataset>(parsed)));
    data->name = name;
    data->pick = Pick::exclusive;
    builder.scenario.datasets.push_back(std::move(data));
    return static_cast<std::uint32_t>(builder.scenario.datasets.size() - 1);
  }
  static Step acquire(std::uint32_t dataset, AcquireStep::Empty when_empty = AcquireStep::Empty::wait) {
    AcquireStep what;
    what.dataset = dataset;
    what.slot = 2 * dataset;
    what.when_empty = when_empty;
    return Step{std::move(what), std::nullopt, {}};
  }
  static Step release(std::uint32_t dataset) { return Step{ReleaseStep{2 * dataset}, std::nullopt, {}}; }

  /// A task that acquires, does its operation, and hands back.
  std::uint32_t editing(const std::string& name, std::uint32_t data, std::uint32_t operation = 0,
                        AcquireStep::Empty when_empty = AcquireStep::Empty::wait) {
    const auto task = builder.task(name, {operation});
    auto& steps = builder.scenario.tasks[task].steps;
    steps.insert(steps.begin(), acquire(data, when_empty));
    steps.push_back(release(data));
    return task;
  }
  PopulationSpec& users(std::vector<std::pair<std::uint32_t, double>> tasks, double count) {
    PopulationSpec& population = builder.population("editors", std::move(tasks));
    population.load.users = count;
    population.locals = 8;
    return population;
  }
  /// Operation `op` takes this long; how many of it run at once is counted.
  void takes(std::uint32_t op, std::int64_t ns) {
    times_[op] = ns;
    script().on_start = [this](std::uint64_t, std::uint32_t began, std::uint64_t start) {
      std::erase_if(ends_[began], [&](std::uint64_t end) { return end <= start; });
      const std::uint64_t end = start + static_cast<std::uint64_t>(times_[began]);
      ends_[began].push_back(end);
      at_once[began] = std::max(at_once[began], ends_[began].size());
      return ScriptedEnd{end, outcome, kind};
    };
  }
  RunResult run(std::int64_t for_ns) {
    builder.scenario.run.for_ns = for_ns;
    RunResult result = VirtualRun(builder.scenario, GetParam()).run();
    for (const RecordTotals& records : result.records) {
      EXPECT_EQ(records.acquired, records.handed_back) << records.dataset;
      EXPECT_LE(records.held_most, records.records);
    }
    return result;
  }

  /// Users who acquire an account in on_start and then work.
  RunResult run_with_accounts(int records, double count) {
    const auto data = dataset("accounts", records);
    const auto task = builder.task("work", {0});
    users({{task, 1.0}}, count).on_start.push_back(acquire(data));
    takes(0, 100 * kMs);
    return run(4'950 * kMs);
  }

  ScenarioBuilder builder;
  std::map<std::uint32_t, std::size_t> at_once;
  std::uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;

 private:
  std::map<std::uint32_t, std::int64_t> times_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> ends_;
};

TEST_P(Records, FiveAreAlwaysInUseAndNeverInTwoHands) {
  const auto task = editing("job", dataset("content", 5));
  users({{task, 1.0}}, 50);
  takes(0, 2 * kS);
  const RunResult result = run(59 * kS);   // the last round ends in the drain
  EXPECT_EQ(at_once[0], 5u);
  const RecordTotals& records = result.records.at(0);
  EXPECT_EQ(records.acquired, 150u);                       // 5 records, 60 s of 2 s each
  EXPECT_EQ(records.held_most, 5u);
  EXPECT_EQ(records.least_used, 30u);
  EXPECT_EQ(records.most_used, 30u);
  EXPECT_EQ(records.waited.count(), 145u);
  EXPECT_EQ(records.waited.max_ns(), static_cast<std::uint64_t>(18 * kS));   // served in turn: nine are before each
  EXPECT_EQ(records.in_vain, 45u);
  EXPECT_EQ(records.in_vain_longest_ns, static_cast<std::uint64_t>(17 * kS));   // since the round at 42 s
  EXPECT_EQ(series_named(result, "job").response.max_ns(), static_cast<std::uint64_t>(2 * kS));
  EXPECT_EQ(result.snapshot.generator.lag.max_ns(), 0u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 45u);
}

TEST_P(Records, ComeBackWhenTheIterationIsInterrupted) {
  const auto data = dataset("content", 3);
  const auto task = builder.task("job", {0});
  auto& steps = builder.scenario.tasks[task].steps;
  steps[0].on_failure = OnFailure::interrupt;
  steps.insert(steps.begin(), acquire(data));              // nothing releases it
  users({{task, 1.0}}, 3);
  takes(0, 100 * kMs);
  outcome = SQ_OUT_FAILED, kind = SQ_K_STATUS;
  const RunResult result = run(9'950 * kMs);
  EXPECT_EQ(result.records.at(0).acquired, 300u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 300u);
}

TEST_P(Records, OfOnStartAreHeldForTheUsersLife) {
  const RunResult result = run_with_accounts(/*records=*/4, /*count=*/4);
  EXPECT_EQ(result.records.at(0).acquired, 4u);
  EXPECT_EQ(result.records.at(0).held_most, 4u);
  EXPECT_EQ(series_named(result, "work").counts.ok, 200u);
}

TEST_P(Records, UsersBeyondThemWaitAndAreCutWithoutAnError) {
  const RunResult result = run_with_accounts(/*records=*/4, /*count=*/6);
  EXPECT_EQ(result.records.at(0).acquired, 4u);
  EXPECT_EQ(result.records.at(0).in_vain, 2u);
  EXPECT_EQ(result.snapshot.totals().failed, 0u);
}

TEST_P(Records, SkipTakesAnotherTaskAtOnce) {
  const auto data = dataset("content", 1);
  const auto job = editing("job", data, 0, AcquireStep::Empty::skip);
  const auto read = builder.task("read", {3});
  users({{job, 1.0}, {read, 1.0}}, 5);
  takes(0, 1 * kS);
  takes(3, 1 * kS);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(series_named(result, "job").counts.ok + series_named(result, "read").counts.ok, 50u);   // nobody was idle
  EXPECT_EQ(at_once[0], 1u);
  EXPECT_GT(result.records.at(0).found_none, 0u);
  EXPECT_EQ(result.snapshot.ledger.iterations.started, 50u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 0u);
}

TEST_P(Records, SkipWithoutAnotherTaskWaits) {
  const auto data = dataset("content", 1);
  users({{editing("job", data, 0, AcquireStep::Empty::skip), 1.0}}, 2);
  takes(0, 1 * kS);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(series_named(result, "job").counts.ok, 10u);
  EXPECT_EQ(result.records.at(0).in_vain, 1u);
}

TEST_P(Records, SkipAfterAnOperationEndsTheIteration) {
  const auto data = dataset("content", 1);
  const auto job = editing("job", data, 0, AcquireStep::Empty::skip);
  auto& steps = builder.scenario.tasks[job].steps;
  steps.insert(steps.begin(), builder.operation(1, "look"));
  const auto read = builder.task("read", {3});
  users({{job, 1.0}, {read, 1.0}}, 2);
  takes(0, 10 * kS);
  takes(1, 100 * kMs);
  takes(3, 100 * kMs);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(at_once[0], 1u);
  EXPECT_GT(result.snapshot.ledger.iterations.interrupted, 20u);   // what was looked at was looked at
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, result.records.at(0).found_none);
}

TEST_P(Records, InterruptReturnsTheUser) {
  const auto data = dataset("content", 1);
  const auto job = editing("job", data, 0, AcquireStep::Empty::interrupt);
  const auto read = builder.task("read", {3});
  users({{job, 1.0}, {read, 1.0}}, 2);
  takes(0, 1 * kS);
  takes(3, 10 * kMs);
  const RunResult result = run(10 * kS);
  EXPECT_EQ(at_once[0], 1u);
  EXPECT_GT(result.snapshot.ledger.iterations.interrupted, 0u);
  EXPECT_GT(series_named(result, "read").counts.ok, 300u);   // whoever finds none reads on meanwhile
  EXPECT_EQ(result.snapshot.totals().failed, 0u);
}

TEST_P(Records, NeedsMakesATaskEligibleOnlyWhileOneIsFree) {
  const auto data = dataset("content", 2);
  const auto job = editing("job", data);
  builder.scenario.tasks[job].needs = data;
  const auto read = builder.task("read", {3});
  users({{job, 1.0}, {read, 1.0}}, 10);
  takes(0, 2 * kS);
  takes(3, 500 * kMs);
  const RunResult result = run(20 * kS);
  EXPECT_EQ(at_once[0], 2u);
  EXPECT_EQ(result.records.at(0).waited.count() + result.records.at(0).in_vain, 0u);   // nobody met an empty store
  EXPECT_GT(series_named(result, "read").counts.ok, 200u);
}

TEST_P(Records, UsersWhoseOnlyTaskNeedsOneTakeTurns) {
  const auto data = dataset("content", 2);
  const auto job = editing("job", data);
  builder.scenario.tasks[job].needs = data;
  users({{job, 1.0}}, 6);
  takes(0, 1 * kS);
  std::map<std::uint64_t, int> done;
  script().on_start = [&, inner = script().on_start](std::uint64_t session, std::uint32_t op, std::uint64_t start) {
    ++done[session];
    return inner(session, op, start);
  };
  const RunResult result = run(29'500 * kMs);
  EXPECT_EQ(result.records.at(0).acquired, 60u);
  EXPECT_EQ(result.snapshot.ledger.iterations.completed, 60u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 0u);    // who waited had not begun
  for (const auto& [session, count] : done) EXPECT_EQ(count, 10) << session;
  EXPECT_EQ(result.records.at(0).waited.max_ns(), static_cast<std::uint64_t>(2 * kS));   // two others have their turn before
  EXPECT_EQ(result.records.at(0).in_vain, 4u);
}

TEST_P(Records, EligibleAtUserStartHoldsForLife) {
  const auto data = dataset("content", 2);
  users({{editing("hold", data), 1.0}}, 2);
  const auto job = editing("job", data, 1);
  builder.scenario.tasks[job].needs = data;
  const auto read = builder.task("read", {3});
  PopulationSpec& late = users({{job, 1.0}, {read, 1.0}}, 8);
  late.name = "late";
  late.start_ns = 1 * kS;            // both records are in use then
  late.eligible_at_user_start = true;
  builder.scenario.populations[0].stop_after.iterations = 2;   // and never again from 5 s on
  takes(0, 5 * kS);
  takes(3, 500 * kMs);
  run(20 * kS);
  EXPECT_EQ(script().started[0], 2u);
  EXPECT_EQ(script().started[1], 0u);
  EXPECT_GT(script().started[3], 8u * 30u);
}

TEST_P(Records, WhereTakesOnlyWhatFits) {
  const auto data = dataset("content", 4);
  const auto task = builder.task("job", {0});
  auto& steps = builder.scenario.tasks[task].steps;
  Step even = acquire(data);
  std::get<AcquireStep>(even.what).where.emplace_back(1, Template(Value{std::string("even")}));
  steps.insert(steps.begin(), even);
  users({{task, 1.0}}, 4);
  takes(0, 1 * kS);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(at_once[0], 2u);
  EXPECT_EQ(result.records.at(0).acquired, 20u);
  EXPECT_EQ(result.records.at(0).least_used, 0u);
}

TEST_P(Records, WhatNoRecordIsFailsTheStep) {
  const auto data = dataset("content", 4);
  const auto task = builder.task("job", {0});
  auto& steps = builder.scenario.tasks[task].steps;
  Step none = acquire(data);
  std::get<AcquireStep>(none.what).where.emplace_back(1, Template(Value{std::string("square")}));
  none.on_failure = OnFailure::interrupt;
  steps.insert(steps.begin(), none);
  steps.insert(steps.begin(), ScenarioBuilder::wait(1 * kS));
  users({{task, 1.0}}, 1);
  const RunResult result = run(5 * kS);
  EXPECT_EQ(script().started[0], 0u);
  EXPECT_EQ(result.records.at(0).acquired, 0u);
  EXPECT_GE(result.snapshot.ledger.iterations.interrupted, 4u);
}

TEST_P(Records, AcquiredOnceMoreTheFirstGoesBack) {
  const auto data = dataset("content", 2);
  const auto task = editing("job", data);
  auto& steps = builder.scenario.tasks[task].steps;
  steps.insert(steps.begin(), acquire(data));
  users({{task, 1.0}}, 1);
  takes(0, 1 * kS);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(result.records.at(0).acquired, 20u);
  EXPECT_EQ(result.records.at(0).held_most, 1u);
}

TEST_P(Records, ReleasingWhatIsNotHeldFailsTheStep) {
  const auto data = dataset("content", 1);
  const auto task = editing("job", data);
  auto& steps = builder.scenario.tasks[task].steps;
  steps.push_back(release(data));
  steps.back().on_failure = OnFailure::interrupt;
  users({{task, 1.0}}, 1);
  takes(0, 1 * kS);
  const RunResult result = run(9'500 * kMs);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 10u);
  EXPECT_EQ(result.records.at(0).acquired, 10u);
}

TEST_P(Records, AnArrivalTakesATaskWhoseRecordIsFree) {
  const auto data = dataset("content", 1);
  const auto job = editing("job", data);
  builder.scenario.tasks[job].needs = data;
  const auto read = builder.task("read", {3});
  PopulationSpec& population = users({{job, 1.0}, {read, 1.0}}, 0);
  population.load.model = Load::Model::open;
  population.load.rate_per_s = 10;
  takes(0, 2 * kS);
  takes(3, 10 * kMs);
  const RunResult result = run(10 * kS);
  EXPECT_EQ(script().started[0] + script().started[3], 100u);
  EXPECT_EQ(at_once[0], 1u);
  EXPECT_EQ(result.records.at(0).waited.count(), 0u);      // nobody met a job without a record
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 0u);
}

TEST_P(Records, EligibleAtUserStartHasNoMeaningForArrivals) {
  const auto task = builder.task("read", {3});
  PopulationSpec& population = users({{task, 1.0}}, 0);
  population.load.model = Load::Model::open;
  population.load.rate_per_s = 10;
  population.eligible_at_user_start = true;
  const VirtualRun run(builder.scenario, GetParam());
  ASSERT_EQ(run.errors().size(), 1u);
  EXPECT_EQ(run.errors()[0].text.find("'eligible: at_user_start' is for closed and fleet load"), 0u);
}

TEST_P(Records, AStopCutsWhoWaitsAndHandsBackWhatRuns) {
  const auto data = dataset("content", 2);
  users({{editing("job", data), 1.0}}, 10);
  takes(0, 60 * kS);
  builder.scenario.run.for_ns = 600 * kS;
  VirtualRun run(builder.scenario, GetParam());
  run.at(5 * kS, [](VirtualRun& own) { own.controller().stop_by_user("SIGINT"); });
  const RunResult result = run.run();
  EXPECT_EQ(result.verdict.exit_code, 105);
  EXPECT_EQ(result.records.at(0).acquired, 2u);
  EXPECT_EQ(result.records.at(0).handed_back, 2u);
  EXPECT_EQ(result.records.at(0).in_vain, 8u);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 10u);
}

INSTANTIATE_TEST_SUITE_P(Shards, Records, ::testing::Values(1u, 2u));

}  // namespace
}  // namespace squall::testing
