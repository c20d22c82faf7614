// A user in the background who asks the target something each second: whatever becomes of its questions, the others
// begin what they would have begun without it, to the nanosecond.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kLoadOperation = 0, kProbeOperation = 3;

struct Answer {
  std::string name;
  std::uint64_t takes_ns;
  std::uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;
};

/// When each operation of the load began, beside a probe that is answered like this.
std::vector<std::uint64_t> starts_beside(const Answer& answer, std::uint32_t shards) {
  static std::vector<std::uint64_t> begun;
  begun.clear();
  script() = {};
  script().on_start = [answer](std::uint64_t, std::uint32_t op, std::uint64_t start_ns) {
    if (op == kProbeOperation) return ScriptedEnd{start_ns + answer.takes_ns, answer.outcome, answer.kind};
    begun.push_back(start_ns);
    return ScriptedEnd{start_ns + 7 * kMs};
  };
  ScenarioBuilder builder;
  const auto ask = builder.task("ask", {kLoadOperation});
  const auto look = builder.task("look", {kProbeOperation});
  auto& operation = std::get<OperationStep>(builder.scenario.tasks[look].steps[0].what);
  operation.timeout_ns = kSecond;
  {
    PopulationSpec& open = builder.arrivals("open", {{ask, 1}}, 200);
    open.load.poisson = true;
  }
  {
    PopulationSpec& fleet = builder.population("fleet", {{ask, 1}});
    fleet.load.model = Load::Model::fleet;
    fleet.load.users = 20;
    fleet.load.every = 300 * static_cast<std::int64_t>(kMs);
  }
  builder.population("closed", {{ask, 1}}).load.users = 3;
  {
    PopulationSpec& probe = builder.population("probe", {{look, 1}});
    probe.load.model = Load::Model::fleet;
    probe.load.users = 1;
    probe.load.every = kSecond;
    probe.load.phase = Load::Phase::aligned;
    probe.load.skip_on_overrun = true;
    probe.background = true;
    probe.role = PopulationSpec::Role::probe;
  }
  builder.scenario.run.for_ns = 12 * kSecond;
  VirtualRun run(builder.scenario, shards);
  const RunResult result = run.run();
  EXPECT_EQ(result.verdict.word, VerdictWord::passed) << answer.name;
  EXPECT_GT(script().started[kProbeOperation], 5u) << answer.name;
  return begun;
}

class ProbeTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(ProbeTest, WhateverItIsAnsweredTheLoadIsTheSame) {
  const auto wanted = starts_beside({"answers", kMs}, GetParam());
  EXPECT_GT(wanted.size(), 5000u);
  for (const Answer& answer : {Answer{"hangs", 10 * std::uint64_t{kSecond}}, Answer{"fails", 2 * kMs, SQ_OUT_FAILED, SQ_K_STATUS},
                               Answer{"is cut off", 500 * kMs, SQ_OUT_FAILED, SQ_K_CLOSED}, Answer{"fails at once", 0, SQ_OUT_FAILED, SQ_K_CONNECT}}) {
    EXPECT_EQ(starts_beside(answer, GetParam()), wanted) << answer.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, ProbeTest, ::testing::Values(1u, 2u));

}  // namespace
}  // namespace squall::testing
