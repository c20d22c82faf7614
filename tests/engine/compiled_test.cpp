// Compiled tasks in virtual time: a plugin's coroutines (compiled_tasks.cpp) over squall.users/1 and squall.records/1, against
// the scripted protocol.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint64_t kZero = 1'000'000'000'000;
using Begun = std::vector<std::pair<std::uint32_t, std::int64_t>>;

class Compiled : public ::testing::Test {
 protected:
  Compiled() {
    script() = {};
    more_plugins() = {SQUALL_COMPILED_TASKS};
    begin_anew();
    script().on_start = [this](std::uint64_t, std::uint32_t op, std::uint64_t start_ns) {
      begun.emplace_back(op, static_cast<std::int64_t>(start_ns - kZero) / kMs);
      ScriptedEnd end{start_ns + static_cast<std::uint64_t>(takes_ms * kMs)};
      end.code = code;
      return end;
    };
  }
  ~Compiled() override { more_plugins().clear(); }
  void begin_anew() {
    builder = {};
    builder.scenario.has_compiled = true;
    begun.clear();
  }

  RunResult run(const std::string& task, std::uint64_t iterations = 1, const std::vector<Step>& behind = {},
                ValueMap options = {}) {
    Steps steps{Step{CompiledStep{"shop." + task, std::move(options)}, std::nullopt, {}}};
    steps.insert(steps.end(), behind.begin(), behind.end());
    PopulationSpec& population = builder.one_user(std::move(steps), iterations);
    population.load.users = users;
    population.stop_after.requests = requests;
    population.locals = 4;
    VirtualRun run(builder.scenario, shards);
    EXPECT_TRUE(run.errors().empty()) << run.errors().front().text;
    return run.run();
  }
  /// Nothing that had to hold inside of the task was broken.
  static void expect_no_failed_check(const RunResult& result) {
    for (const SeriesTotals& series : result.snapshot.series) {
      if (series.key.type == "step") ADD_FAILURE() << series.key.name << ": " << series.errors.at(0).detail;
    }
  }
  static const IterationCounts& iterations(const RunResult& result) { return result.snapshot.populations[0].iterations; }

  ScenarioBuilder builder;
  Begun begun;   // operation, ms
  std::int64_t takes_ms = 10;
  std::int32_t code = 0;
  double users = 1;
  std::uint64_t requests = 0;
  std::uint32_t shards = 1;
};

TEST_F(Compiled, CallsFollowEachOtherAndWaitsAreTheUsersOwn) {
  const RunResult result = run("follow");
  EXPECT_EQ(begun, (Begun{{0, 0}, {3, 60}}));
  const SeriesTotals& home = series_named(result, "home");
  EXPECT_EQ(home.counts.ok, 1u);
  EXPECT_EQ(home.key.operation, "script.do");
  EXPECT_EQ(home.key.task, "task");
  EXPECT_EQ(home.response.max_ns(), 10u * kMs);
  EXPECT_EQ(series_named(result, "script.other").response.max_ns(), 10u * kMs);
  EXPECT_EQ(series_named(result, "script.other").lateness.max_ns(), 0u);   // think time is no lateness
  EXPECT_EQ(iterations(result).completed, 1u);
}

TEST_F(Compiled, PartsOfATaskAreCoroutinesWithResults) {
  expect_no_failed_check(run("parts"));
  EXPECT_EQ(begun, (Begun{{0, 0}, {0, 10}}));
}

TEST_F(Compiled, StepsOfTheScenarioStandBesideIt) {
  const RunResult result = run("one", 2, {builder.operation(3, "theirs")});
  EXPECT_EQ(begun, (Begun{{0, 0}, {3, 10}, {0, 20}, {3, 30}}));
  EXPECT_EQ(series_named(result, "theirs").counts.ok, 2u);
  EXPECT_EQ(series_named(result, "mine").counts.ok, 2u);
}

TEST_F(Compiled, AnAnswerIsJudgedByTheTaskAndElseByItsOperation) {
  code = 200;   // outside of what the operation takes for good
  const RunResult result = run("judged");
  expect_no_failed_check(result);
  const auto error_of = [&](const char* name) {
    const SeriesTotals& series = series_named(result, name);
    if (series.errors.empty()) return std::string("-");
    return std::string(error_class_name(series.errors[0].error)) + ": " + series.errors[0].detail;
  };
  EXPECT_EQ(error_of("as it is"), "status: ");
  EXPECT_EQ(error_of("expected"), "-");
  EXPECT_EQ(error_of("another"), "status: status: not 201");
  EXPECT_EQ(error_of("checked"), "check: no title");
}

TEST_F(Compiled, AGroupIsOneSampleAndFailsWithWhatIsInside) {
  const RunResult result = run("groups");
  EXPECT_EQ(series_named(result, "pair").response.max_ns(), 25u * kMs);
  EXPECT_EQ(series_named(result, "pair").counts.failed, 0u);
  EXPECT_EQ(series_named(result, "bad").counts.failed, 1u);
  EXPECT_EQ(series_named(result, "bad").key.type, "transaction");
}

TEST_F(Compiled, AnExceptionIsAFailedStepAndTheIterationGoesOn) {
  const RunResult result = run("thrown", 1, {builder.operation(3, "after")});
  const SeriesTotals& failed = series_named(result, "shop.thrown");
  EXPECT_EQ(failed.counts.failed, 1u);
  EXPECT_EQ(failed.key.type, "step");
  EXPECT_EQ(failed.errors.at(0).detail, "the basket is empty");
  EXPECT_EQ(series_named(result, "open").counts.failed, 1u);
  EXPECT_EQ(series_named(result, "after").counts.ok, 1u);
}

TEST_F(Compiled, WhatCannotBeBoundSaysWhy) {
  const std::map<std::string, std::string> texts = {
      {"no_plugin", "no plugin offers 'script.dance'"},
      {"no_operation", "no plugin offers 'do'"},
      {"half", "no plugin offers 'script.dance'"},
      {"no_parameter", "script.do has no parameter 'path'"},
      {"no_target", "script.do: no target is called 'moon'"},
      {"no_dataset", "acquire: no dataset with `pick: exclusive` is called 'x'"},
      {"no_value", "'name' has no value"},
      {"no_variable", "set: the scenario has no 'name'"},
  };
  for (const auto& [task, text] : texts) {
    begin_anew();
    EXPECT_EQ(series_named(run(task), "shop." + task).errors.at(0).detail, text);
  }
}

TEST_F(Compiled, AnInterruptEndsTheIterationAndIsNoFailure) {
  const RunResult result = run("interrupted", 3, {builder.operation(3, "never")});
  EXPECT_EQ(iterations(result).interrupted, 3u);
  EXPECT_EQ(begun.size(), 3u);
  expect_no_failed_check(result);
}

TEST_F(Compiled, CallsSideBySideAreToldSo) {
  const RunResult result = run("beside");
  expect_no_failed_check(result);
  EXPECT_EQ(begun, (Begun{{0, 0}, {3, 0}, {1, 10}}));
  EXPECT_EQ(script().beside, 1u);   // the second: when it began another was in flight
  EXPECT_EQ(series_named(result, "right").counts.ok, 1u);
}

// ---- the end of a run ----------------------------------------------------------------------------------

TEST_F(Compiled, ACutUnwindsWhatItHolds) {
  takes_ms = 60'000;
  for (const char* task : {"waiting", "calling", "waiting"}) {   // each looks whether the one before was unwound
    begin_anew();
    builder.scenario.run.drain_ns = 20 * kMs;
    builder.scenario.run.for_ns = 100 * kMs;
    const RunResult result = run(task, 0);
    EXPECT_EQ(iterations(result).cut, 1u) << task;
    expect_no_failed_check(result);
  }
}

TEST_F(Compiled, WhoNeverEndsIsLeftBehindAndNamed) {
  takes_ms = 60'000;
  for (const char* task : {"silent", "silent_calling"}) {
    begin_anew();
    builder.scenario.run.for_ns = 100 * kMs;
    builder.scenario.run.drain_ns = 20 * kMs;
    builder.scenario.run.grace_ns = 60'000 * kMs;
    const RunResult result = run(task, 0);
    EXPECT_EQ(iterations(result).cut, 1u) << task;
    expect_no_failed_check(result);
    if (task == std::string("silent_calling")) {
      EXPECT_EQ(series_named(result, "script.do").counts.cut, 1u);
    }
  }
}

TEST_F(Compiled, ABudgetOfRequestsIsExactOverShards) {
  for (const std::uint32_t count : {1u, 2u, 3u}) {
    begin_anew();
    shards = count;
    users = 7;
    requests = 1000;
    expect_no_failed_check(run("budget", 0, {builder.operation(1, "yaml")}));
    EXPECT_EQ(begun.size(), 1000u) << count;
  }
}

TEST_F(Compiled, ABudgetThatEndsBetweenCallsSideBySideLetsTheFirstComeToItsEnd) {
  requests = 1;
  takes_ms = 8'000;   // longer than a pass has to end once it must
  const RunResult result = run("beside", 0);
  EXPECT_EQ(begun.size(), 1u);
  EXPECT_EQ(series_named(result, "left").counts.ok, 1u);
  EXPECT_EQ(iterations(result).completed, 1u);
}

// ---- what users know and share -------------------------------------------------------------------------

TEST_F(Compiled, OptionsVariablesAndStateAreThere) {
  for (const bool given : {false, true}) {
    begin_anew();
    builder.scenario.local_names = {{"token", 1}};
    builder.scenario.vars["city"] = Value{std::string("Ulm")};
    Dataset people = Dataset::of_rows({"name"}, {{"ann"}, {"bob"}});
    people.name = "people";
    builder.scenario.datasets.push_back(std::make_shared<const Dataset>(std::move(people)));
    ValueMap options;
    if (given) options = {{"pages", Value{std::int64_t{7}}}, {"given", Value{true}}};
    expect_no_failed_check(run("knows", 2, {}, std::move(options)));
    EXPECT_EQ(begun.size(), 2u);
  }
}

TEST_F(Compiled, RandomNumbersHangOnTheUserAndTheSeedOnly) {
  std::vector<SparseHistogram> drawn;
  for (const std::uint32_t count : {1u, 3u}) {
    begin_anew();
    shards = count;
    users = 5;
    builder.scenario.run.for_ns = 200 * kMs;
    const RunResult result = run("draws", 0);
    expect_no_failed_check(result);
    drawn.push_back(series_named(result, "drawn").response);
  }
  EXPECT_EQ(drawn[0].count(), 100u);
  EXPECT_EQ(drawn[0].sum_ns(), drawn[1].sum_ns());
  EXPECT_EQ(drawn[0].min_ns(), drawn[1].min_ns());
  EXPECT_EQ(drawn[0].max_ns(), drawn[1].max_ns());
}

TEST_F(Compiled, SamplesAndMetricsOfItsOwn) {
  MetricSpec metric;
  metric.name = "basket";
  builder.scenario.metrics.push_back(metric);
  const RunResult result = run("tells");
  expect_no_failed_check(result);
  EXPECT_EQ(series_named(result, "whole").response.max_ns(), 10u * kMs);
  EXPECT_EQ(series_named(result, "whole").key.kind, SeriesKind::delivery);
  EXPECT_EQ(result.snapshot.metrics.at(0).values.max, 4.5);
}

class CompiledRecords : public Compiled {
 protected:
  CompiledRecords() { begin_with_data(); }
  void begin_with_data() {
    begin_anew();
    Dataset data = Dataset::of_rows({"id", "kind"}, {{"a", "page"}, {"b", "page"}, {"c", "image"}});
    data.name = "previews";
    data.pick = Pick::exclusive;
    builder.scenario.datasets.push_back(std::make_shared<const Dataset>(std::move(data)));
  }
};

TEST_F(CompiledRecords, NoneIsInTwoHandsAndAllComeBack) {
  for (const std::uint32_t count : {1u, 2u}) {
    begin_with_data();
    shards = count;
    users = 10;
    const RunResult result = run("edits", 300);
    const RecordTotals& records = result.records.at(0);
    EXPECT_EQ(records.held_most, 3u);
    EXPECT_EQ(records.acquired, 300u);
    EXPECT_EQ(records.handed_back, 300u);
    EXPECT_EQ(series_named(result, "edit").counts.ok, 300u);
    EXPECT_EQ(series_named(result, "edit").lateness.max_ns(), 0u);   // due is when the record came
    const SeriesTotals& failed = series_named(result, "shop.edits");
    ASSERT_EQ(failed.errors.size(), 1u);
    EXPECT_EQ(failed.errors[0].detail, "oops");
    EXPECT_EQ(iterations(result).completed + iterations(result).interrupted, 300u);
    EXPECT_GT(iterations(result).interrupted, 20u);
  }
}

TEST_F(CompiledRecords, ByWhatStandsInItsColumnsAndNoLongerThanATimeOut) {
  users = 2;
  expect_no_failed_check(run("fitting", 2));
  EXPECT_EQ(begun, (Begun{{0, 0}, {0, 6}}));
}

TEST_F(CompiledRecords, WaitingForOneEndsWithTheRun) {
  builder.scenario.run.for_ns = 100 * kMs;
  builder.scenario.run.drain_ns = 10 * kMs;
  users = 5;
  const RunResult result = run("hoards", 0);
  EXPECT_EQ(iterations(result).cut, 5u);
  EXPECT_EQ(result.records.at(0).acquired, result.records.at(0).handed_back);
}

}  // namespace
}  // namespace squall::testing
