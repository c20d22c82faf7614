// Setup, load and teardown one after the other, in real time and in microseconds: what each leaves to the next, and what
// is told of one that does not come to its end.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fleet/parts.hpp"
#include "virtual_run.hpp"

namespace squall::testing {
namespace {

class Parts : public ::testing::Test {
 protected:
  Parts() : registry_(extensions_) {
    script() = {};
    offer_host_tables(extensions_);
    sq_error error{};
    scripted_plugin().root->init(extensions_.host(), &error);
    registry_.add(scripted_plugin());
    const auto once = [&](std::string name, std::uint32_t operation, PopulationSpec::Role role) {
      PopulationSpec spec;
      spec.tasks = {{builder_.task(name, {operation}), 1.0}};
      spec.name = std::move(name);
      spec.load.users = 1;
      spec.stop_after.iterations = 1;
      spec.role = role;
      return spec;
    };
    builder_.scenario.setup = once("setup", 1, PopulationSpec::Role::setup);
    builder_.scenario.teardown = once("teardown", 2, PopulationSpec::Role::teardown);
    PopulationSpec& load = builder_.population("load", {{builder_.task("load", {0}), 1.0}});
    load.load.users = 3;
    load.stop_after.iterations = 30;
  }

  Result<RunResult> run() {
    std::vector<PlanError> errors;
    plans_ = RunPlans::make(builder_.scenario, registry_, errors);
    EXPECT_TRUE(errors.empty());
    PartOptions options;
    options.options_of = [](const Plan&) {
      LocalRunOptions run;
      run.controller.verdict.accept_invalid = true;   // how late this machine is does not matter here
      return run;
    };
    options.on_part = [this](std::string_view part) { parts_.emplace_back(part); };
    return run_parts(*plans_, options, nullptr);
  }

  Extensions extensions_{{}};
  Registry registry_;
  ScenarioBuilder builder_;
  std::unique_ptr<RunPlans> plans_;
  std::vector<std::string> parts_;
};

TEST_F(Parts, RunOneAfterTheOtherEachInItsOwnBooks) {
  const auto result = run();
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(script().started[1], 1u);
  EXPECT_EQ(script().started[0], 30u);
  EXPECT_EQ(script().started[2], 1u);
  EXPECT_EQ(parts_, (std::vector<std::string>{"setup", "teardown"}));
  EXPECT_EQ(result->snapshot.totals().count(), 30u);
  ASSERT_EQ(result->parts.size(), 2u);
  EXPECT_TRUE(result->parts[0].is_done && result->parts[1].is_done);
  EXPECT_TRUE(result->verdict.warnings.empty());
}

TEST_F(Parts, WithoutSetupsEndThereIsNoLoadAndStillATeardown) {
  script().on_start = [](std::uint64_t, std::uint32_t op, std::uint64_t start) {
    return op == 1 ? ScriptedEnd{start, SQ_OUT_FAILED, SQ_K_CONNECT} : ScriptedEnd{start};
  };
  const auto result = run();
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(script().started[0], 0u);
  EXPECT_EQ(script().started[2], 1u);
  EXPECT_EQ(result->verdict.exit_code, 108);
  EXPECT_EQ(result->verdict.reasons, std::vector<std::string>{"setup failed: 'setup': connect; the load did not begin"});
}

TEST_F(Parts, ATeardownThatFailsIsAWarning) {
  script().on_start = [](std::uint64_t, std::uint32_t op, std::uint64_t start) {
    return op == 2 ? ScriptedEnd{start, SQ_OUT_FAILED, SQ_K_STATUS, 503} : ScriptedEnd{start};
  };
  const auto result = run();
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->verdict.exit_code, 0);
  EXPECT_EQ(result->verdict.warnings, std::vector<std::string>{"teardown had failures: 'teardown': status 503"});
}

TEST_F(Parts, ATeardownThatCannotBeginIsAWarning) {
  script().shards_at_most = 2;   // setup's and the load's
  const auto result = run();
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->verdict.exit_code, 0);
  ASSERT_EQ(result->parts.size(), 2u);
  EXPECT_FALSE(result->parts[1].is_done);
  ASSERT_EQ(result->verdict.warnings.size(), 1u);
  EXPECT_NE(result->verdict.warnings[0].find("teardown did not come to its end: plugin 'script' cannot open its shard: no shard is left"),
            std::string::npos) << result->verdict.warnings[0];
}

TEST_F(Parts, ASetupThatCannotBeginIsAnErrorOfTheRun) {
  script().shards_at_most = 0;
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text.find("no shard is left"), std::string::npos);
}

}  // namespace
}  // namespace squall::testing
