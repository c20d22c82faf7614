// Steps without an operation that fail, in virtual time: each failure is a failed sample, and what comes behind it.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000;
enum Op : std::uint32_t { kDo, kLogin, kLogout, kOther };

class FailedSteps : public ::testing::Test {
 protected:
  FailedSteps() { script() = {}; }
  /// A variable that nothing has set.
  static Template unset() {
    EveryName names(Reference::Kind::local);
    return std::get<Template>(Template::compile("${x}", names));
  }
  Step op(std::uint32_t number) const { return builder.operation(number, "op"); }
  RunResult run(Steps steps) {
    builder.one_user(std::move(steps), 3).locals = 1;
    return VirtualRun(builder.scenario).run();
  }
  ScenarioBuilder builder;
};

TEST_F(FailedSteps, AreFailedSamplesOfTheirWord) {
  const RunResult result = run({Step{SetStep{{{0, unset()}}}, std::nullopt, {}}, op(kDo)});
  EXPECT_EQ(series_named(result, "set").counts.failed, 3u);
  EXPECT_EQ(series_named(result, "set").failed_with(ErrorClass::check), 3u);
  EXPECT_EQ(result.snapshot.totals().count(), 6u);
  EXPECT_EQ(result.snapshot.totals().failed, 3u);
  EXPECT_TRUE(result.snapshot.ledger.closed());
}

TEST_F(FailedSteps, AreAllThereWasWhenEachInterrupts) {
  const RunResult result = run({Step{WaitStep{unset()}, OnFailure::interrupt, {}}, op(kDo)});
  EXPECT_EQ(script().started[kDo], 0u);
  EXPECT_EQ(result.snapshot.ledger.iterations.interrupted, 3u);
  EXPECT_NE(result.verdict.exit_code, 0);   // nothing succeeded
}

TEST_F(FailedSteps, ARepeatThatDoesNotBeginIsPassedBy) {
  run({Step{RepeatStep{unset(), 0, {op(kDo)}}, std::nullopt, {}}, op(kOther)});
  EXPECT_EQ(script().started[kDo], 0u);
  EXPECT_EQ(script().started[kOther], 3u);
}

TEST_F(FailedSteps, AnIfThatCannotBeDecidedDoesNeither) {
  run({Step{IfStep{unset(), {}, {op(kDo)}, {op(kLogin)}}, std::nullopt, {}},
       Step{IfStep{unset(), {}, {op(kDo)}, {}}, std::nullopt, {}}, op(kOther)});
  EXPECT_EQ(script().started[kOther], 3u);
  EXPECT_EQ(script().started[kDo], 0u);
  EXPECT_EQ(script().started[kLogin], 0u);
}

TEST_F(FailedSteps, AnUntilWithoutANameThatIsNotSatisfiedIsOne) {
  UntilStep until;
  until.every_ns = 100 * kMs;
  until.timeout_ns = 250 * kMs;
  until.type = "group";
  until.steps = {op(kDo)};
  Matcher::Rule late;
  late.op = Matcher::Op::above;
  late.value = Template(Value{Duration{3'600'000 * kMs}});
  Check never;
  never.output = kCheckTime;
  never.matcher.add(std::move(late));
  until.satisfied = {never};
  const RunResult result = run({Step{std::move(until), std::nullopt, {}}});
  EXPECT_EQ(series_named(result, "until").failed_with(ErrorClass::timeout), 3u);
  EXPECT_EQ(series_named(result, "op").counts.ok, 9u);
}

// Its passes take no time, so they must not hold the loop: the run comes to its end.
TEST_F(FailedSteps, ALoopOfThemLetsTimePass) {
  RepeatStep repeat;
  repeat.for_ns = 50 * kMs;
  repeat.steps = {Step{SetStep{{{0, unset()}}}, std::nullopt, {}}};
  const RunResult result = run({Step{std::move(repeat), std::nullopt, {}}});
  EXPECT_EQ(result.snapshot.ledger.iterations.completed, 3u);
  EXPECT_LE(series_named(result, "set").counts.failed, 3u * 102u);   // two passes a millisecond
}

}  // namespace
}  // namespace squall::testing
