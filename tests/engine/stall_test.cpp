// The stall test: a server that answers each request after s0 without queueing, but is frozen during
// [kP, kP + S), is met by open load with a limited number of users (= connections). What the engine
// reports must be the queue's exact distribution: the oracle below simulates it independently.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <queue>

#include "load/arrivals.hpp"
#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000, kS = 1'000 * kMs;

struct StallCase {
  const char* name;
  std::int64_t stall_ns, period_ns;
  double rate;
  std::uint64_t connections;
  bool poisson = false;
};

void PrintTo(const StallCase& c, std::ostream* out) { *out << c.name; }

/// When work of `service` that begins at `begin` is done. Stalls lie in the middle of each period.
std::int64_t served_at(const StallCase& c, std::int64_t begin, std::int64_t service) {
  const std::int64_t offset = c.period_ns / 2;
  std::int64_t in_period = (begin - offset) % c.period_ns;
  if (in_period < 0) in_period += c.period_ns;
  if (in_period < c.stall_ns) return begin + (c.stall_ns - in_period) + service;
  const std::int64_t next_stall = begin - in_period + c.period_ns;
  const std::int64_t end = begin + service;
  return end <= next_stall ? end : end + c.stall_ns;
}

class StallTest : public ::testing::TestWithParam<StallCase> {};

TEST_P(StallTest, ReportsTheQueueAsItIs) {
  const StallCase& c = GetParam();
  constexpr std::int64_t kService = kMs;
  const std::int64_t duration = 10 * c.period_ns;
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  PopulationSpec& population = builder.population("visitors", {{task, 1.0}});
  population.load.model = Load::Model::open;
  population.load.rate_per_s = c.rate;
  population.load.poisson = c.poisson;
  population.load.max_users = c.connections;
  builder.scenario.run.for_ns = duration;
  std::uint64_t zero = 1'000'000'000'000;
  script() = {};
  script().on_start = [&](std::uint64_t, std::uint32_t, std::uint64_t start) {
    const auto at = static_cast<std::int64_t>(start - zero);
    return ScriptedEnd{zero + static_cast<std::uint64_t>(served_at(c, at, kService))};
  };
  VirtualRun run(builder.scenario);
  const RunResult result = run.run();

  // The oracle: arrivals in order, each taken by the connection that is free first.
  std::vector<std::int64_t> latencies;
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> free_at;
  ArrivalSequence arrivals(RateShape::constant(rate_per(c.rate, kS), duration),
                           {c.poisson ? ArrivalKind::poisson : ArrivalKind::even, 42, 0});
  while (const auto arrival = arrivals.next()) {
    std::int64_t begin = arrival->due_ns;
    if (free_at.size() == c.connections) {
      begin = std::max(begin, free_at.top());
      free_at.pop();
    }
    const std::int64_t end = served_at(c, begin, kService);
    free_at.push(end);
    latencies.push_back(end - arrival->due_ns);
  }
  std::sort(latencies.begin(), latencies.end());

  const SeriesTotals& page = series_named(result, "page");
  ASSERT_EQ(page.counts.count(), latencies.size());
  EXPECT_EQ(page.counts.failed, 0u);
  EXPECT_EQ(page.response.max_ns(), static_cast<std::uint64_t>(latencies.back()));
  EXPECT_EQ(page.response.min_ns(), static_cast<std::uint64_t>(latencies.front()));
  std::uint64_t sum = 0;
  for (const auto latency : latencies) sum += static_cast<std::uint64_t>(latency);
  EXPECT_EQ(page.response.sum_ns(), sum);
  for (const double q : {0.5, 0.75, 0.9, 0.95, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(latencies.size()))) - 1;
    const auto expected = static_cast<double>(latencies[rank]);
    EXPECT_NEAR(static_cast<double>(page.response.quantile_ns(q)), expected, expected * 0.001 + 1) << "q " << q;
  }
  // Nothing of this is the generator's fault.
  EXPECT_EQ(result.snapshot.generator.lag.max_ns(), 0u);
  EXPECT_EQ(result.verdict.exit_code, 0) << (result.verdict.reasons.empty() ? "" : result.verdict.reasons[0]);
}

INSTANTIATE_TEST_SUITE_P(SixSets, StallTest, ::testing::Values(
    StallCase{"unlimited", 1 * kS, 10 * kS, 1000, 2000},
    StallCase{"hundred", 1 * kS, 10 * kS, 1000, 100},
    StallCase{"ten", 1 * kS, 10 * kS, 1000, 10},
    StallCase{"short_stalls", 50 * kMs, 1 * kS, 1000, 100},
    StallCase{"long_stalls", 2 * kS, 15 * kS, 400, 50},
    StallCase{"poisson", 1 * kS, 10 * kS, 1000, 2000, true}),
    [](const auto& info) { return info.param.name; });

TEST(ClosedLoop, ReportsTheClosedLoopsDistribution) {
  // 10 users without a pause: only 10 requests meet each stall, and that is what closed load sees.
  const StallCase c{"closed", 1 * kS, 10 * kS, 0, 10};
  ScenarioBuilder builder;
  const auto task = builder.task("page", {0});
  PopulationSpec& population = builder.population("visitors", {{task, 1.0}});
  population.load.users = 10;
  builder.scenario.run.for_ns = 10 * kS;
  const std::uint64_t zero = 1'000'000'000'000;
  script() = {};
  script().on_start = [&](std::uint64_t, std::uint32_t, std::uint64_t start) {
    return ScriptedEnd{zero + static_cast<std::uint64_t>(served_at(c, static_cast<std::int64_t>(start - zero), kMs))};
  };
  const RunResult result = VirtualRun(builder.scenario).run();
  const SeriesTotals& page = series_named(result, "page");
  EXPECT_EQ(page.key.model, LoadModel::closed);
  EXPECT_EQ(page.counts.count(), 10u * 9000u);
  EXPECT_NEAR(static_cast<double>(page.response.quantile_ns(0.99)), 1e6, 1e3);
  EXPECT_EQ(page.response.max_ns(), static_cast<std::uint64_t>(kS + kMs));
}

}  // namespace
}  // namespace squall::testing
