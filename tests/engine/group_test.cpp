// Groups and untils, in virtual time: with which class a group fails, and when an until gives up.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::uint64_t kZero = 1'000'000'000'000;
enum Op : std::uint32_t { kDo, kLogin, kLogout, kOther };

constexpr auto kGoOn = OnFailure::proceed;
constexpr auto kInterrupt = OnFailure::interrupt;

Step of(ScenarioBuilder& builder, std::uint32_t op, std::string name, std::optional<OnFailure> on_failure = {}) {
  Step step = builder.operation(op, std::move(name));
  step.on_failure = on_failure;
  return step;
}

Step group(std::string name, Steps steps) {
  return Step{GroupStep{std::move(name), "group", {}, std::move(steps)}, std::nullopt, {}};
}

/// Every 100 ms for at most 250 ms: polls are due at 0, 100 and 200.
Step until(Steps steps, std::optional<OnFailure> on_failure = {}, std::string name = "") {
  UntilStep what;
  what.every_ns = 100 * kMs;
  what.timeout_ns = 250 * kMs;
  what.name = std::move(name);
  what.type = "group";
  what.steps = std::move(steps);
  return Step{std::move(what), on_failure, {}};
}

/// One user does the steps once. Each operation takes 10 ms.
RunResult run_once(ScenarioBuilder& builder, Steps steps) {
  builder.one_user(std::move(steps), 1);
  return VirtualRun(builder.scenario).run();
}

/// `fails(op, at)`: what the operation that starts at this run time ends with; none: well.
void script_failures(std::function<std::uint32_t(std::uint32_t op, std::int64_t at_ms)> fails) {
  script() = {};
  script().on_start = [fails](std::uint64_t, std::uint32_t op, std::uint64_t start_ns) {
    ScriptedEnd end{start_ns + 10 * kMs};
    end.kind = fails(op, static_cast<std::int64_t>(start_ns - kZero) / kMs);
    if (end.kind != SQ_K_NONE) end.outcome = SQ_OUT_FAILED;
    return end;
  };
}

std::uint32_t never(std::uint32_t, std::int64_t) { return SQ_K_NONE; }

TEST(Group, LastsFromItsFirstOperationToTheEndOfItsLast) {
  ScenarioBuilder builder;
  script_failures(never);
  const RunResult result = run_once(builder, {ScenarioBuilder::wait(40 * kMs), group("all", {
      ScenarioBuilder::wait(5 * kMs), of(builder, kDo, "a"), ScenarioBuilder::wait(30 * kMs), of(builder, kOther, "b"),
      ScenarioBuilder::wait(70 * kMs)})});
  const SeriesTotals& all = series_named(result, "all");
  EXPECT_EQ(all.counts.ok, 1u);
  EXPECT_EQ(all.response.max_ns(), static_cast<std::uint64_t>(50 * kMs));
}

TEST(Group, FailsWithTheClassOfItsFirstFailure) {
  ScenarioBuilder builder;
  script_failures([](std::uint32_t op, std::int64_t) -> std::uint32_t {
    return op == kLogin ? SQ_K_CHECK : op == kOther ? SQ_K_CLOSED : SQ_K_NONE;
  });
  const RunResult result = run_once(builder, {group("outer", {
      of(builder, kDo, "a"), group("inner", {of(builder, kLogin, "b"), of(builder, kOther, "c")}),
      group("good", {of(builder, kDo, "d")})})});
  EXPECT_EQ(series_named(result, "outer").failed_with(ErrorClass::check), 1u);
  EXPECT_EQ(series_named(result, "inner").failed_with(ErrorClass::check), 1u);
  EXPECT_EQ(series_named(result, "inner").counts.failed, 1u);
  EXPECT_EQ(series_named(result, "good").counts.ok, 1u);
}

TEST(Group, AnEarlierFailureNamesItAlsoWhenALaterOneInterrupts) {
  ScenarioBuilder builder;
  script_failures([](std::uint32_t op, std::int64_t) -> std::uint32_t {
    return op == kLogin ? SQ_K_CHECK : op == kOther ? SQ_K_CLOSED : SQ_K_NONE;
  });
  const RunResult result = run_once(builder, {group("all", {
      of(builder, kLogin, "a", kGoOn), of(builder, kOther, "b", kInterrupt), of(builder, kDo, "never")})});
  EXPECT_EQ(series_named(result, "all").failed_with(ErrorClass::check), 1u);
  EXPECT_EQ(script().started[kDo], 0u);
}

TEST(Group, EndedByTheWordInterruptHasFailedACheck) {
  ScenarioBuilder builder;
  script_failures(never);
  const RunResult result = run_once(builder, {group("all", {
      of(builder, kDo, "a"), Step{InterruptStep{}, std::nullopt, {}}})});
  EXPECT_EQ(series_named(result, "all").failed_with(ErrorClass::check), 1u);
}

TEST(Group, EndedForWantOfATokenIsCut) {
  ScenarioBuilder builder;
  script_failures(never);
  builder.population("users", {{0, 1.0}}).load.users = 1;
  builder.scenario.populations[0].stop_after.requests = 3;
  Task task;
  task.name = "task";
  task.steps = {group("all", {of(builder, kDo, "a"), of(builder, kOther, "b")})};
  builder.scenario.tasks.push_back(task);
  const RunResult result = VirtualRun(builder.scenario).run();
  const SeriesTotals& all = series_named(result, "all");
  EXPECT_EQ(all.counts.ok, 1u);
  EXPECT_EQ(all.counts.cut, 1u);
  EXPECT_EQ(all.counts.failed, 0u);
}

TEST(Until, ThatIsNotSatisfiedInTimeFailsItsGroupWithTimeout) {
  ScenarioBuilder builder;
  script_failures([](std::uint32_t op, std::int64_t) -> std::uint32_t { return op == kOther ? SQ_K_STATUS : SQ_K_NONE; });
  const RunResult result = run_once(builder, {group("all", {
      of(builder, kDo, "publish"), until({of(builder, kOther, "poll")}, kInterrupt, "visible"), of(builder, kLogin, "file")})});
  EXPECT_EQ(script().started[kOther], 3u);
  EXPECT_EQ(script().started[kLogin], 0u);
  EXPECT_EQ(series_named(result, "poll").failed_with(ErrorClass::status), 3u);
  EXPECT_EQ(series_named(result, "visible").failed_with(ErrorClass::timeout), 1u);
  EXPECT_EQ(series_named(result, "all").failed_with(ErrorClass::timeout), 1u);
  EXPECT_EQ(series_named(result, "all").counts.failed, 1u);
  EXPECT_EQ(result.snapshot.populations[0].iterations.interrupted, 1u);
}

TEST(Until, GivesUpWhenItsTimeIsOverAndNotBefore) {
  ScenarioBuilder builder;
  std::vector<std::int64_t> begun;
  script_failures([&](std::uint32_t op, std::int64_t at_ms) -> std::uint32_t {
    begun.push_back(at_ms);
    return op == kOther ? SQ_K_STATUS : SQ_K_NONE;
  });
  const RunResult result = run_once(builder, {until({of(builder, kOther, "poll")}, {}, "visible"), of(builder, kDo, "next")});
  EXPECT_EQ(begun, (std::vector<std::int64_t>{0, 100, 200, 250}));
  EXPECT_EQ(series_named(result, "visible").response.max_ns(), static_cast<std::uint64_t>(250 * kMs));
}

TEST(Until, WhoseTimeOutlastsTheDrainIsCut) {
  ScenarioBuilder builder;
  script_failures([](std::uint32_t op, std::int64_t) -> std::uint32_t { return op == kOther ? SQ_K_STATUS : SQ_K_NONE; });
  builder.scenario.run.for_ns = 205 * kMs;
  builder.scenario.run.drain_ns = 20 * kMs;
  const RunResult result = run_once(builder, {group("all", {of(builder, kDo, "a"), until({of(builder, kOther, "poll")}, {}, "visible")})});
  EXPECT_EQ(series_named(result, "all").counts.cut, 1u);
  EXPECT_EQ(series_named(result, "visible").counts.cut, 1u);
  EXPECT_EQ(series_named(result, "all").counts.failed, 0u);
}

TEST(Until, PollsThatFailDoNotFailTheGroupAroundIt) {
  ScenarioBuilder builder;
  script_failures([](std::uint32_t op, std::int64_t at_ms) -> std::uint32_t {
    return op == kOther && at_ms < 150 ? SQ_K_STATUS : SQ_K_NONE;
  });
  const RunResult result = run_once(builder, {group("all", {
      until({group("pass", {of(builder, kOther, "poll")})}), of(builder, kDo, "file")})});
  EXPECT_EQ(series_named(result, "all").counts.ok, 1u);
  EXPECT_EQ(series_named(result, "pass").failed_with(ErrorClass::status), 2u);   // a group of one pass has its own failures
  EXPECT_EQ(series_named(result, "pass").counts.ok, 1u);
}

TEST(Until, InOnStartGoesOnPollingAndStopsItsUserOnlyAtItsTimeOut) {
  for (const bool comes_up : {true, false}) {
    ScenarioBuilder builder;
    script_failures([comes_up](std::uint32_t op, std::int64_t) -> std::uint32_t {
      return op == kOther && (script().started[kOther] < 3 || !comes_up) ? SQ_K_STATUS : SQ_K_NONE;
    });
    builder.task("work", {kDo});
    PopulationSpec& population = builder.population("users", {{0, 1.0}});
    population.load.users = 1;
    population.on_start = {until({of(builder, kOther, "is it up")})};
    builder.scenario.run.for_ns = 1000 * kMs;
    VirtualRun(builder.scenario).run();
    EXPECT_EQ(script().started[kOther], 3u);
    EXPECT_EQ(script().started[kDo] > 0, comes_up);
  }
}

}  // namespace
}  // namespace squall::testing
