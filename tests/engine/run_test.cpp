// Truths of whole runs in virtual time, with tolerance zero: budgets over shards, fleets' counts, ends,
// books, lives of users, what a signal does.
#include <gtest/gtest.h>

#include <algorithm>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000, kS = 1'000 * kMs;
constexpr std::uint64_t kZero = 1'000'000'000'000;

std::function<ScriptedEnd(std::uint64_t, std::uint32_t, std::uint64_t)> takes(std::int64_t ns) {
  return [ns](std::uint64_t, std::uint32_t, std::uint64_t start) {
    return ScriptedEnd{start + static_cast<std::uint64_t>(ns)};
  };
}

const PopulationTotals& population_of(const RunResult& result, std::size_t index = 0) {
  return result.snapshot.populations.at(index);
}

/// A fleet of devices that do `report` on their clocks.
PopulationSpec& fleet(ScenarioBuilder& builder, double users, std::int64_t every_ns) {
  const auto task = builder.task("report", {0});
  PopulationSpec& population = builder.population("meters", {{task, 1.0}});
  population.load.model = Load::Model::fleet;
  population.load.users = users;
  population.load.every = every_ns;
  population.load.phase = Load::Phase::aligned;
  script() = {};
  return population;
}

class BudgetOverShards : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(BudgetOverShards, IsExactAndTheOthersGoOn) {
  ScenarioBuilder builder;
  const auto counted = builder.task("counted", {0});
  const auto other = builder.task("other", {3});
  const auto third = builder.task("third", {3});
  builder.scenario.tasks[counted].stop_after.requests = 10'000;
  builder.arrivals("mix", {{counted, 1.0}, {other, 1.0}, {third, 1.0}}, 3'000);
  builder.scenario.run.for_ns = 20 * kS;
  script() = {};
  script().on_start = takes(3 * kMs);
  VirtualRun run(builder.scenario, GetParam());
  const RunResult result = run.run();
  EXPECT_EQ(script().started[0], 10'000u);
  EXPECT_EQ(script().started[3], 40'000u);
  EXPECT_EQ(series_named(result, "counted").counts.ok, 10'000u);
  EXPECT_EQ(result.verdict.exit_code, 0) << (result.verdict.reasons.empty() ? "" : result.verdict.reasons[0]);
  // Its arrivals after the end are planned, and said to be not due any more (bar iterations that found no token).
  const IterationLedger& books = result.snapshot.ledger.iterations;
  EXPECT_EQ(books.planned, 60'000u);
  EXPECT_EQ(books.planned, books.started + books.not_due);
}

TEST_P(BudgetOverShards, IterationsOfAPopulationEndTheRun) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  PopulationSpec& population = builder.population("users", {{task, 1.0}});
  population.load.users = 7;
  population.stop_after.iterations = 1'001;
  script() = {};
  script().on_start = takes(5 * kMs);
  const RunResult result = VirtualRun(builder.scenario, GetParam()).run();
  EXPECT_EQ(script().started[0], 1'001u);
  EXPECT_EQ(population_of(result).iterations.completed, 1'001u);
  EXPECT_EQ(result.verdict.exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Shards, BudgetOverShards, ::testing::Values(1u, 2u, 3u, 8u));

/// 100 arrivals a second for 5 s, each of which keeps its user for 300 ms: 30 users are needed.
PopulationSpec& busy_arrivals(ScenarioBuilder& builder) {
  const auto task = builder.task("page", {0});
  PopulationSpec& population = builder.arrivals("visitors", {{task, 1.0}}, 100);
  builder.scenario.run.for_ns = 5 * kS;
  script() = {};
  script().on_start = takes(300 * kMs);
  return population;
}

// Nothing in it takes time: without a pause the loop would never come to the end of the run.
TEST(Closed, AnIterationInWhichNothingIsDoneLetsTimePass) {
  ScenarioBuilder builder;
  Task task;
  task.name = "nothing";
  task.steps.push_back(Step{SetStep{}, std::nullopt, {}});
  builder.scenario.tasks.push_back(task);
  builder.population("users", {{0, 1.0}}).load.users = 2;
  builder.scenario.run.for_ns = kS;
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_NEAR(static_cast<double>(population_of(result).iterations.completed), 2000, 2);   // one a millisecond each
}

TEST(Closed, AnIterationOfWaitsAloneHasNoPauseOfItsOwn) {
  ScenarioBuilder builder;
  Task task;
  task.name = "waits";
  task.steps.push_back(ScenarioBuilder::wait(10 * static_cast<std::int64_t>(kMs)));
  builder.scenario.tasks.push_back(task);
  builder.population("users", {{0, 1.0}}).load.users = 1;
  builder.scenario.run.for_ns = kS;
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_NEAR(static_cast<double>(population_of(result).iterations.started), 100, 1);
}

class OpenLoad : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(OpenLoad, ArrivalsThatWaitForATokenAllGetAUserWhenItComes) {
  ScenarioBuilder builder;
  busy_arrivals(builder).stop_after.iterations = 400;
  VirtualRun run(builder.scenario, GetParam());
  run.delay_grants(25 * kMs);
  const RunResult result = run.run();
  EXPECT_EQ(series_named(result, "page").counts.ok, 400u);
  // Tokens are waited for, the last ones one grant after the other; but nobody waits for another's operation to end.
  EXPECT_LT(population_of(result).blocked.max_ns(), static_cast<std::uint64_t>(300 * kMs));
}

TEST_P(OpenLoad, ArrivalsThatWaitForAStartingUserEachHaveOneStarted) {
  ScenarioBuilder builder;
  busy_arrivals(builder).on_start.push_back(builder.operation(1, "login"));
  const RunResult result = VirtualRun(builder.scenario, GetParam()).run();
  EXPECT_EQ(series_named(result, "page").counts.ok, 500u);
  EXPECT_EQ(population_of(result).iterations.waiting, 0u);
  EXPECT_LE(population_of(result).blocked.max_ns(), static_cast<std::uint64_t>(301 * kMs));   // a login
}

INSTANTIATE_TEST_SUITE_P(Shards, OpenLoad, ::testing::Values(1u, 2u));

TEST(Fleet, RunsExactlyTheOccurrencesThatBelongToTheRun) {
  for (const std::uint32_t shards : {1u, 2u}) {
    ScenarioBuilder builder;
    PopulationSpec& population = fleet(builder, 900, 1 * kS);
    population.load.phase = Load::Phase::random;
    population.load.jitter_ns = 20 * kMs;
    builder.scenario.run.for_ns = 10 * kS;
    script().on_start = takes(1 * kMs);
    const RunResult result = VirtualRun(builder.scenario, shards).run();
    EXPECT_EQ(script().started[0], 9'000u);
    const IterationLedger& books = result.snapshot.ledger.iterations;
    EXPECT_EQ(books.planned, 9'000u);
    EXPECT_EQ(books.completed, 9'000u);
    EXPECT_EQ(books.not_due + books.waiting, 0u);
    EXPECT_EQ(result.snapshot.generator.lag.max_ns(), 0u);
  }
}

TEST(Fleet, AnOverrunIsLateAndItsWaitingIsTheTargets) {
  ScenarioBuilder builder;
  fleet(builder, 1, 100 * kMs);
  builder.scenario.run.for_ns = 1 * kS;
  script().on_start = takes(150 * kMs);   // each outlives its period
  const RunResult result = VirtualRun(builder.scenario).run();
  const SeriesTotals& report = series_named(result, "report");
  // Occurrence i is due at i x 100 ms and begins at i x 150 ms.
  EXPECT_EQ(report.counts.ok, 7u);
  EXPECT_EQ(report.service.max_ns(), static_cast<std::uint64_t>(150 * kMs));
  EXPECT_EQ(report.response.max_ns(), static_cast<std::uint64_t>(6 * 50 * kMs + 150 * kMs));
  EXPECT_EQ(result.snapshot.generator.lag.max_ns(), 0u);
  EXPECT_EQ(population_of(result).blocked.max_ns(), static_cast<std::uint64_t>(6 * 50 * kMs));
  EXPECT_EQ(result.snapshot.ledger.iterations.waiting, 3u);
}

TEST(Fleet, WhatComesWhileAUserStartsIsNoOverrun) {
  ScenarioBuilder builder;
  PopulationSpec& population = fleet(builder, 1, 1 * kS);
  population.load.skip_on_overrun = true;
  population.on_start.push_back(builder.operation(1, "login"));
  builder.scenario.run.for_ns = 10 * kS;
  script().on_start = takes(10 * kMs);
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_EQ(script().started[0], 10u);
  EXPECT_EQ(result.snapshot.ledger.iterations.dropped, 0u);
}

TEST(Users, LogInAndOutExactlyOnceEach) {
  for (const bool is_interrupted : {false, true}) {
    ScenarioBuilder builder;
    const auto task = builder.task("read", {0});
    builder.scenario.tasks[task].steps.push_back(ScenarioBuilder::wait(50 * kMs));
    PopulationSpec& population = builder.population("readers", {{task, 1.0}});
    population.load.stages = {{2 * kS, 200, false}, {3 * kS, 200, false}, {2 * kS, 20, false}, {1 * kS, 20, false}};
    population.on_start.push_back(builder.operation(1, "login"));
    population.on_stop.push_back(builder.operation(2, "logout"));
    builder.scenario.run.for_ns = 8 * kS;
    script() = {};
    std::uint64_t calls = 0;
    script().on_start = [&calls](std::uint64_t, std::uint32_t op, std::uint64_t start) {
      ScriptedEnd end{start + 2'000'000};
      if (op == 0 && ++calls % 20 == 0) end.outcome = SQ_OUT_FAILED, end.kind = SQ_K_STATUS;
      return end;
    };
    VirtualRun run(builder.scenario, 2);
    if (is_interrupted) run.at(4 * kS, [](VirtualRun& own) { own.controller().stop_by_user("SIGINT"); });
    const RunResult result = run.run();
    EXPECT_EQ(script().started[1], 200u);
    EXPECT_EQ(script().started[2], script().started[1]);
    EXPECT_EQ(script().sessions_open, 0u);
    EXPECT_EQ(population_of(result).users_peak, 200u);
    EXPECT_EQ(result.verdict.exit_code, is_interrupted ? 105 : 0);
    EXPECT_GT(result.snapshot.totals().failed, 0u);
  }
}

TEST(Users, AFailedLoginStopsItsUserAndStillLogsOut) {
  ScenarioBuilder builder;
  const auto task = builder.task("read", {0});
  PopulationSpec& population = builder.population("readers", {{task, 1.0}});
  population.load.users = 10;
  population.on_start.push_back(builder.operation(1, "login"));
  population.on_stop.push_back(builder.operation(2, "logout"));
  builder.scenario.run.for_ns = 1 * kS;
  script() = {};
  script().on_start = [](std::uint64_t session, std::uint32_t op, std::uint64_t start) {
    ScriptedEnd end{start + 10'000'000};
    if (op == 1 && session % 2 == 0) end.outcome = SQ_OUT_FAILED, end.kind = SQ_K_CONNECT;
    return end;
  };
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_EQ(script().started[1], 10u);
  EXPECT_EQ(script().started[2], 10u);
  EXPECT_EQ(series_named(result, "login").counts.failed, 5u);
  EXPECT_EQ(script().started[0], 5u * 99u);
}

TEST(Users, AskedForNewConnectionsBeginEachIterationWithASessionOfItsOwn) {
  for (const bool is_new : {false, true}) {
    ScenarioBuilder builder;
    const auto task = builder.task("page", {0, 3});
    PopulationSpec& population = builder.population("visitors", {{task, 1.0}});
    population.load.users = 3;
    population.new_connection = is_new;
    population.stop_after.iterations = 30;
    script() = {};
    script().on_start = takes(5 * kMs);
    const RunResult result = VirtualRun(builder.scenario).run();
    EXPECT_EQ(population_of(result).iterations.completed, 30u);
    EXPECT_EQ(script().sessions_opened, is_new ? 30u : 3u);
    EXPECT_EQ(script().sessions_open, 0u);
  }
}

TEST(Users, ATaskWithoutAnOperationNeitherRecursesNorStopsTheOthers) {
  ScenarioBuilder builder;
  const auto empty = builder.task("empty", {});
  const auto page = builder.task("page", {0});
  builder.population("idle", {{empty, 1.0}}).load.users = 1;
  builder.scenario.populations.back().stop_after.iterations = 100'000;
  builder.population("visitors", {{page, 1.0}}).load.users = 1;
  builder.scenario.populations.back().stop_after.iterations = 10;
  script() = {};
  script().on_start = takes(5 * kMs);
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_EQ(population_of(result, 0).iterations.completed, 100'000u);
  EXPECT_EQ(population_of(result, 1).iterations.completed, 10u);
}

TEST(Run, ShorterThanASecondKnowsItsMostUsers) {
  ScenarioBuilder builder;
  const auto task = builder.task("short", {0});
  PopulationSpec& population = builder.population("users", {{task, 1.0}});
  population.load.users = 7;
  population.stop_after.iterations = 30;
  script() = {};
  script().on_start = takes(10 * kMs);
  for (const std::uint32_t shards : {1u, 2u}) {
    const RunResult result = VirtualRun(builder.scenario, shards).run();
    EXPECT_LT(result.info.duration_ns, 1 * kS);
    EXPECT_EQ(population_of(result).users_peak, 7u);
  }
}

std::shared_ptr<const Dataset> rows(std::size_t count, Pick pick, OnEnd on_end) {
  std::string csv = "id\n";
  for (std::size_t i = 0; i < count; ++i) csv += std::to_string(i) + "\n";
  auto data = std::make_shared<Dataset>(std::get<Dataset>(Dataset::parse(csv, Dataset::Format::csv)));
  data->name = "rows";
  data->pick = pick;
  data->on_end = on_end;
  return data;
}

/// Reads a record before the task's operations.
void use_record(ScenarioBuilder& builder, std::uint32_t task, PopulationSpec& population) {
  EveryName names(Reference::Kind::field);
  population.locals = 1;
  SetStep set{{{0, std::get<Template>(Template::compile("${rows.id}", names))}}, false};
  auto& steps = builder.scenario.tasks[task].steps;
  steps.insert(steps.begin(), Step{std::move(set), std::nullopt, {}});
}

/// One task, `limited`, that reads a record in each iteration, and users that do nothing else.
struct LimitedUsers {
  ScenarioBuilder builder;
  const std::uint32_t task = builder.task("limited", {0});
  PopulationSpec& population = builder.population("users", {{task, 1.0}});

  LimitedUsers(std::uint32_t users, std::shared_ptr<const Dataset> data, std::int64_t operation_ns) {
    builder.scenario.datasets.push_back(std::move(data));
    population.load.users = users;
    use_record(builder, task, population);
    script() = {};
    script().on_start = takes(operation_ns);
  }
};

class DataOverShards : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(DataOverShards, ThatIsUsedUpEndsItsTaskAndNothingFails) {
  for (const Pick pick : {Pick::unique, Pick::sequential, Pick::shuffled}) {
    ScenarioBuilder builder;
    const auto limited = builder.task("limited", {0});
    const auto other = builder.task("other", {3});
    builder.scenario.datasets.push_back(rows(1'003, pick, OnEnd::stop_task));
    PopulationSpec& population = builder.population("mix", {{limited, 1.0}, {other, 1.0}});
    population.load.users = 8;
    builder.scenario.run.for_ns = 20 * kS;
    use_record(builder, limited, population);
    script() = {};
    script().on_start = takes(10 * kMs);
    const RunResult result = VirtualRun(builder.scenario, GetParam()).run();
    EXPECT_EQ(script().started[0], 1'003u);
    EXPECT_EQ(script().started[0] + script().started[3], 16'000u);  // the users go on with the other task
    EXPECT_EQ(series_named(result, "limited").counts.failed, 0u);
    EXPECT_LE(result.snapshot.ledger.iterations.interrupted, 8u);  // who asked and got none
    EXPECT_EQ(result.verdict.exit_code, 0);
  }
}

TEST_P(DataOverShards, ThatIsUsedUpEndsTheRunWhenNothingElseIsToDo) {
  LimitedUsers users(8, rows(100, Pick::unique, OnEnd::stop_task), 1 * kS);
  users.builder.scenario.run.for_ns = 3'600 * kS;
  const RunResult result = VirtualRun(users.builder.scenario, GetParam()).run();
  EXPECT_EQ(script().started[0], 100u);
  EXPECT_LT(result.info.duration_ns, 60 * kS);
  EXPECT_EQ(result.verdict.exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Shards, DataOverShards, ::testing::Values(1u, 2u, 3u));

TEST(Data, ThatFailsAtItsEndFailsEachOperationThatFollows) {
  LimitedUsers users(2, rows(100, Pick::sequential, OnEnd::fail), 10 * kMs);
  users.population.stop_after.iterations = 150;
  users.builder.scenario.tasks[users.task].steps[0].on_failure = OnFailure::interrupt;
  const RunResult result = VirtualRun(users.builder.scenario).run();
  EXPECT_EQ(script().started[0], 100u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 50u);
}

TEST(Data, OfAUserForLifeEndsThatUserAlone) {
  LimitedUsers users(5, rows(3, Pick::per_user, OnEnd::stop_task), 100 * kMs);
  users.builder.scenario.run.for_ns = 10 * kS;
  const RunResult result = VirtualRun(users.builder.scenario).run();
  EXPECT_EQ(script().started[0], 300u);
  EXPECT_EQ(population_of(result).users_stopped, 2u);
  EXPECT_EQ(result.verdict.exit_code, 0);
}

TEST(Ends, RatesAreTakenOverThePlannedTime) {
  // The population ends with its last arrival, a little before the second in which the controller looks.
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  builder.arrivals("users", {{task, 1.0}}, 50);
  builder.scenario.run.for_ns = 3 * kS;
  script() = {};
  script().on_start = takes(1 * kMs);
  const RunResult result = VirtualRun(builder.scenario).run();
  EXPECT_NEAR(static_cast<double>(series_named(result, "page").rate_time_ns), 3e9, 0.03e9);
  EXPECT_NEAR(static_cast<double>(result.snapshot.measured_ns), 3e9, 0.03e9);
}

TEST(Ends, ASignalDrainsThenCuts) {
  ScenarioBuilder builder;
  const auto task = builder.task("slow", {0});
  PopulationSpec& population = builder.population("users", {{task, 1.0}});
  population.load.users = 4;
  builder.scenario.run.for_ns = 600 * kS;
  script() = {};
  script().on_start = takes(100 * kS);   // longer than any grace
  VirtualRun run(builder.scenario);
  run.at(10 * kS, [](VirtualRun& own) { own.controller().stop_by_user("SIGINT"); });
  const RunResult result = run.run();
  EXPECT_EQ(result.verdict.exit_code, 105);
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 4u);
  EXPECT_EQ(result.snapshot.ledger.samples.cut, 4u);
  EXPECT_LE(result.journal.back().at_ns, 21 * kS);
  EXPECT_EQ(script().released, 4u);
}

TEST(Ends, ARunInWhichNothingSucceededFails) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  builder.population("users", {{task, 1.0}}).load.users = 2;
  builder.scenario.run.for_ns = 2 * kS;
  script() = {};
  script().on_start = [](std::uint64_t, std::uint32_t, std::uint64_t start) {
    return ScriptedEnd{start + 100'000'000, SQ_OUT_FAILED, SQ_K_CONNECT};
  };
  EXPECT_EQ(VirtualRun(builder.scenario).run().verdict.exit_code, 99);
}

TEST(Ends, AThresholdWithAbortEndsTheRunEarly) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  builder.arrivals("users", {{task, 1.0}}, 100);
  builder.scenario.run.for_ns = 60 * kS;
  script() = {};
  script().on_start = [](std::uint64_t, std::uint32_t, std::uint64_t start) {
    return ScriptedEnd{start + (start < kZero + 10'000'000'000 ? 1'000'000u : 80'000'000u)};
  };
  VirtualRun run(builder.scenario, 1, {"p99(page) < 20ms over 2s abort"});
  const RunResult result = run.run();
  EXPECT_EQ(result.verdict.exit_code, 99);
  const auto stop = std::ranges::find(result.journal, "stop", &JournalEntry::event);
  ASSERT_NE(stop, result.journal.end());
  EXPECT_EQ(stop->text, "the threshold 'p99(page) < 20ms over 2s abort' is broken");
  EXPECT_GT(stop->at_ns, 10 * kS);
  EXPECT_LE(stop->at_ns, 12 * kS) << "in the first window that shows it";
  EXPECT_EQ(series_named(result, "page").counts.cut, 0u) << "what was under way is drained";
  EXPECT_EQ(result.snapshot.ledger.iterations.cut, 0u);
}

TEST(Samples, ATimeOutHasTheLimitAsItsLatency) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  std::get<OperationStep>(builder.scenario.tasks[task].steps[0].what).timeout_ns = 250 * kMs;
  builder.arrivals("users", {{task, 1.0}}, 10);
  builder.scenario.run.for_ns = 5 * kS;
  script() = {};
  script().on_start = takes(10 * kS);
  const RunResult result = VirtualRun(builder.scenario).run();
  const SeriesTotals& page = series_named(result, "page");
  EXPECT_EQ(page.counts.failed, 50u);
  EXPECT_EQ(page.failed_with(ErrorClass::timeout), 50u);
  EXPECT_EQ(page.response.min_ns(), static_cast<std::uint64_t>(250 * kMs));
  EXPECT_EQ(page.response.max_ns(), static_cast<std::uint64_t>(250 * kMs));
}

TEST(Samples, ASeriesThatAPluginMakesWhileTheRunGoesOnIsKept) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  for (const auto& [name, iterations] : {std::pair("first", 30), std::pair("second", 20)}) {
    PopulationSpec& population = builder.population(name, {{task, 1.0}});
    population.load.users = 3;
    population.stop_after.iterations = static_cast<std::uint64_t>(iterations);
  }
  script() = {};
  script().delivery = "made late";
  script().on_start = takes(kMs);
  const RunResult result = VirtualRun(builder.scenario, 2).run();
  std::uint64_t recorded = 0, told = 0, series = 0;
  for (const SeriesTotals& one : result.snapshot.series) {
    if (one.key.name != "made late") continue;
    EXPECT_EQ(one.key.kind, SeriesKind::delivery);
    EXPECT_EQ(one.key.operation, "script.delivery");
    recorded += one.counts.ok;
    told += one.counts.told;
    ++series;
  }
  EXPECT_EQ(series, 2u);
  EXPECT_EQ(recorded, 50u);
  EXPECT_EQ(told, 150u);
}

TEST(Samples, WarmUpAndMeasuringNeverMix) {
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  builder.arrivals("users", {{task, 1.0}}, 100);
  builder.scenario.run.warmup_ns = 3 * kS;
  builder.scenario.run.for_ns = 7 * kS;
  script() = {};
  script().on_start = takes(30 * kMs);
  const RunResult result = VirtualRun(builder.scenario).run();
  std::uint64_t warmup = 0, steady = 0;
  for (const SeriesTotals& series : result.snapshot.series) {
    (series.phase == RunPhase::warmup ? warmup : steady) += series.counts.count();
  }
  EXPECT_EQ(warmup, 300u);
  EXPECT_EQ(steady, 700u);
}

TEST(Determinism, TheSameSeedGivesTheSameRunOnAnyNumberOfShards) {
  const auto run_on = [](std::uint32_t shards) {
    ScenarioBuilder builder;
    const auto first = builder.task("first", {0});
    const auto second = builder.task("second", {3});
    PopulationSpec& population = builder.arrivals("users", {{first, 7.0}, {second, 3.0}}, 500);
    population.load.poisson = true;
    builder.scenario.run.for_ns = 10 * kS;
    script() = {};
    script().on_start = takes(3 * kMs);
    const RunResult result = VirtualRun(builder.scenario, shards).run();
    return std::tuple{series_named(result, "first").counts.count(), series_named(result, "second").counts.count(),
                      series_named(result, "first").first_due_ns, series_named(result, "first").response};
  };
  const auto one = run_on(1);
  EXPECT_EQ(one, run_on(2));
  EXPECT_EQ(one, run_on(5));
}

}  // namespace
}  // namespace squall::testing
