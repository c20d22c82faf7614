// Recorded arrivals in virtual time, with tolerance zero: each record once, at its time, on any number of shards.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kUs = 1'000, kMs = 1'000 * kUs, kS = 1'000 * kMs;
constexpr std::uint64_t kZero = 1'000'000'000'000;

/// Each arrival waits as many microseconds as its record's number, then does an operation: the operation's begin says
/// when the arrival was due and which record it had.
struct Replay {
  ScenarioBuilder builder;
  const std::uint32_t task = builder.task("send", {0});
  PopulationSpec& population = builder.population("visitors", {{task, 1.0}});
  std::vector<std::int64_t> times_s;
  std::vector<std::int64_t> begun;   // ns of run time, of each operation

  Replay(std::vector<std::int64_t> times, double speed) : times_s(std::move(times)) {
    std::string rows = "id,at\n";
    for (std::size_t i = 0; i < times_s.size(); ++i) rows += std::to_string(i) + "us," + std::to_string(times_s[i]) + "\n";
    auto data = std::make_shared<Dataset>(std::get<Dataset>(Dataset::parse(rows, Dataset::Format::csv)));
    data->name = "log";
    builder.scenario.datasets.push_back(std::move(data));
    EveryName names(Reference::Kind::field);
    auto& steps = builder.scenario.tasks[task].steps;
    steps.insert(steps.begin(), Step{WaitStep{std::get<Template>(Template::compile("${log.id}", names))}, std::nullopt, {}});
    population.load.model = Load::Model::open;
    population.load.trace = TraceLoad{0, 1, speed, {}};
    ends_after(0);
  }

  void ends_after(std::int64_t ns) {
    script() = {};
    script().on_start = [this, ns](std::uint64_t, std::uint32_t, std::uint64_t start) {
      begun.push_back(static_cast<std::int64_t>(start - kZero));
      return ScriptedEnd{start + static_cast<std::uint64_t>(ns)};
    };
  }

  /// When the operations must begin, by plain arithmetic: records sorted stably by time, those due before `until`.
  std::vector<std::int64_t> expected(double speed, std::int64_t start_ns = 0, std::int64_t until_ns = kNeverNs) const {
    std::vector<std::size_t> order(times_s.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return times_s[i]; });
    std::vector<std::int64_t> all;
    for (const std::size_t record : order) {
      const auto due = static_cast<std::int64_t>(static_cast<long double>((times_s[record] - times_s[order[0]]) * kS) / speed);
      if (due < until_ns) all.push_back(start_ns + due + static_cast<std::int64_t>(record) * kUs);
    }
    std::ranges::sort(all);
    return all;
  }
  std::vector<std::int64_t> sorted() {
    std::ranges::sort(begun);
    return begun;
  }
};

/// 1,003 records in an hour, most seconds shared by several, none in order.
std::vector<std::int64_t> an_hour() {
  std::mt19937_64 random(5);
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1'003; ++i) times.push_back(971'211'336 + static_cast<std::int64_t>(random() % 360) * 10);
  return times;
}

class ReplayOverShards : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(ReplayOverShards, EachArrivalIsDueAtItsTimeWithItsRecord) {
  for (const std::uint64_t seed : {0u, 77u}) {
    Replay replay(an_hour(), 60);
    replay.builder.scenario.seed = seed;
    replay.population.start_ns = 3 * kS;
    const RunResult result = VirtualRun(replay.builder.scenario, GetParam()).run();
    EXPECT_EQ(replay.sorted(), replay.expected(60, 3 * kS));
    const IterationLedger& books = result.snapshot.ledger.iterations;
    EXPECT_EQ(books.planned, 1'003u);
    EXPECT_EQ(books.completed, 1'003u);
    EXPECT_EQ(books.not_due + books.dropped + books.waiting, 0u);
    EXPECT_EQ(result.snapshot.generator.lag.max_ns(), 0u);
    EXPECT_EQ(result.verdict.exit_code, 0) << (result.verdict.reasons.empty() ? "" : result.verdict.reasons[0]);
  }
}

TEST_P(ReplayOverShards, AnEarlierEndLeavesOutWhatIsDueLater) {
  Replay replay(an_hour(), 60);
  replay.builder.scenario.run.warmup_ns = 5 * kS;
  replay.builder.scenario.run.for_ns = 20 * kS;
  const RunResult result = VirtualRun(replay.builder.scenario, GetParam()).run();
  const auto expected = replay.expected(60, 0, 25 * kS);
  ASSERT_LT(expected.size(), 1'003u);
  EXPECT_EQ(replay.sorted(), expected);
  EXPECT_EQ(result.snapshot.ledger.iterations.planned, expected.size());
  EXPECT_EQ(series_named(result, "send").counts.ok, static_cast<std::uint64_t>(std::ranges::count_if(
                                                        expected, [](std::int64_t at) { return at >= 5 * kS; })));
}

TEST_P(ReplayOverShards, ABudgetTakesAsManyAndTheRestIsNotDue) {
  Replay replay(an_hour(), 60);
  replay.population.stop_after.iterations = 500;
  const RunResult result = VirtualRun(replay.builder.scenario, GetParam()).run();
  const IterationLedger& books = result.snapshot.ledger.iterations;
  EXPECT_EQ(replay.begun.size(), 500u);
  EXPECT_EQ(books.planned, 1'003u);
  EXPECT_EQ(books.started, 500u);
  EXPECT_EQ(books.not_due, 503u);
  EXPECT_EQ(result.verdict.exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(Shards, ReplayOverShards, ::testing::Values(1u, 2u, 3u, 8u));

TEST(Replay, TimeOfABudgetEndsIt) {
  Replay replay(an_hour(), 60);
  replay.population.stop_after.time_ns = 10 * kS;
  const RunResult result = VirtualRun(replay.builder.scenario, 2).run();
  EXPECT_EQ(replay.sorted(), replay.expected(60, 0, 10 * kS));
  EXPECT_EQ(result.snapshot.ledger.iterations.planned, replay.begun.size());
}

TEST(Replay, BusyUsersDropOrKeepWaiting) {
  for (const bool drops : {true, false}) {
    Replay replay({0, 0, 0, 1, 2}, 1);   // three at once, one second apart from the others
    replay.ends_after(1'500 * kMs);
    replay.population.load.max_users = 1;
    replay.population.load.drop_when_busy = drops;
    const RunResult result = VirtualRun(replay.builder.scenario).run();
    const IterationLedger& books = result.snapshot.ledger.iterations;
    EXPECT_EQ(books.planned, 5u);
    EXPECT_EQ(books.started, drops ? 2u : 5u);   // at 0 s and at 2 s
    EXPECT_EQ(books.dropped, drops ? 3u : 0u);
  }
}

TEST(Replay, AfterAnotherPopulationItsTimesCountFromItsOwnBegin) {
  Replay replay({100, 107, 103}, 1);
  const auto other = replay.builder.task("other", {3});
  PopulationSpec& before = replay.builder.population("before", {{other, 1.0}});
  before.load.users = 1;
  before.stop_after.iterations = 1;
  replay.builder.scenario.populations[0].after = 1;
  std::vector<std::uint64_t> begun;
  script().on_start = [&](std::uint64_t, std::uint32_t op, std::uint64_t start) {
    if (op == 0) begun.push_back(start);
    return ScriptedEnd{start + static_cast<std::uint64_t>(op == 0 ? 0 : 2 * kS)};
  };
  const RunResult result = VirtualRun(replay.builder.scenario, 2).run();
  ASSERT_EQ(begun.size(), 3u);
  EXPECT_GE(begun[0], kZero + 2 * kS);
  EXPECT_EQ(begun[1] - begun[0], static_cast<std::uint64_t>(3 * kS + 2 * kUs));   // record 2
  EXPECT_EQ(begun[2] - begun[0], static_cast<std::uint64_t>(7 * kS + 1 * kUs));   // record 1
  EXPECT_EQ(result.verdict.exit_code, 0);
}

TEST(Replay, AStopLeavesTheRestNotDue) {
  Replay replay(an_hour(), 60);
  VirtualRun run(replay.builder.scenario, 2);
  run.at(30 * kS + 1, [](VirtualRun& own) { own.controller().stop_by_user("SIGINT"); });
  const RunResult result = run.run();
  const IterationLedger& books = result.snapshot.ledger.iterations;
  EXPECT_EQ(books.planned, 1'003u);
  EXPECT_EQ(books.planned, books.started + books.not_due);
  EXPECT_EQ(books.started, replay.expected(60, 0, 30 * kS + 1).size());
  EXPECT_EQ(result.verdict.exit_code, 105);
}

TEST(Replay, ATimeThatIsNoneIsAMistakeOfThePlan) {
  Replay replay({1, 2}, 1);
  replay.population.load.trace->column = 0;
  VirtualRun run(replay.builder.scenario);
  ASSERT_EQ(run.errors().size(), 1u);
  EXPECT_EQ(run.errors()[0].text, "'trace': record 1 of 'log': '0us' is no time (write unix seconds, 2000-10-10T13:55:36Z or "
                                  "10/Oct/2000:13:55:36 -0700)");
}

}  // namespace
}  // namespace squall::testing
