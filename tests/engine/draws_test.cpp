// What users draw, in virtual time: the same on one shard and on several, and nobody's twice. A drawn wait stands for
// any drawn value: when the operation behind it begins tells what was drawn.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "../payload/test_scope.hpp"
#include "payload/distribution.hpp"
#include "scenario/dataset.hpp"
#include "virtual_run.hpp"

namespace squall::testing {
namespace {

constexpr std::int64_t kMs = 1'000'000, kSecond = 1'000'000'000;

Value map_of(std::string key, Value value) { return map_value({{std::move(key), std::move(value)}}); }

Distribution between(const char* low, const char* high) {
  return *make_distribution(map_of("uniform", list_value({text_value(low), text_value(high)})), UnitKind::duration);
}

Step wait_of(const char* text, TestNames& names) {
  auto made = Template::compile(text, names);
  EXPECT_TRUE(std::holds_alternative<Template>(made)) << std::get<TemplateError>(made).text;
  return Step{WaitStep{std::get<Template>(std::move(made))}, std::nullopt, {}};
}

/// When each operation began, in ns of run time, by operation.
std::vector<std::int64_t>* record_begins() {
  static std::vector<std::int64_t> begins[4];
  for (auto& list : begins) list.clear();
  script() = {};
  script().on_start = [](std::uint64_t, std::uint32_t op, std::uint64_t start_ns) {
    begins[op].push_back(static_cast<std::int64_t>(start_ns) - 1000 * kSecond);
    return ScriptedEnd{start_ns};
  };
  return begins;
}

std::vector<std::int64_t> sorted_begins(const ScenarioBuilder& builder, std::uint32_t shards, std::uint32_t op = 0) {
  auto* begins = record_begins();
  VirtualRun run(builder.scenario, shards);
  EXPECT_TRUE(run.errors().empty());
  run.run();
  std::sort(begins[op].begin(), begins[op].end());
  return begins[op];
}

/// "" or where two runs part: gtest prints the first of a long list only.
std::string difference(const std::vector<std::int64_t>& ours, const std::vector<std::int64_t>& theirs) {
  const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  if (a == ours.end() && b == theirs.end()) return "";
  return std::to_string(ours.size()) + " and " + std::to_string(theirs.size()) + " operations; the " +
         std::to_string(a - ours.begin()) + "th is at " + (a == ours.end() ? "-" : std::to_string(*a)) + " and " +
         (b == theirs.end() ? "-" : std::to_string(*b));
}

TEST(Draws, SeriesOfOpenLoadAreTheSameOnAnyNumberOfShards) {
  TestNames names;
  ScenarioBuilder builder;
  const std::uint32_t task = builder.task("send", {});
  auto& steps = builder.scenario.tasks[task].steps;
  steps.push_back(wait_of("${rand.int(0, 900)}ms", names));   // arrivals overtake one another
  steps.push_back(wait_of("${walk(level, 500, 40, 0, 1000)}ms", names));
  steps.push_back(wait_of("${markov(state, '3ms*3 > 40ms', '40ms*2 > 3ms')}", names));
  steps.push_back(wait_of("${mul(seq, 7)}us", names));
  steps.push_back(builder.operation(0, "send"));
  PopulationSpec& population = builder.arrivals("open", {{task, 1}}, 50);
  population.states = names.next_state;
  builder.scenario.run.for_ns = 4 * kSecond;
  builder.scenario.run.drain_ns = 10 * kSecond;

  const auto one = sorted_begins(builder, 1);
  ASSERT_EQ(one.size(), 200u);
  EXPECT_EQ(difference(sorted_begins(builder, 2), one), "");
  EXPECT_EQ(difference(sorted_begins(builder, 4), one), "");
  builder.scenario.seed = 43;
  EXPECT_NE(sorted_begins(builder, 1), one);
}

TEST(Draws, SeriesOfDevicesAreTheSameOnAnyNumberOfShards) {
  TestNames names;
  ScenarioBuilder builder;
  const std::uint32_t task = builder.task("send", {});
  auto& steps = builder.scenario.tasks[task].steps;
  steps.push_back(wait_of("${walk(level, 200, 40, 0, 400)}ms", names));
  steps.push_back(wait_of("${mul(seq, 7)}us", names));
  steps.push_back(builder.operation(0, "send"));
  PopulationSpec& population = builder.population("fleet", {{task, 1}});
  population.load.model = Load::Model::fleet;
  population.load.users = 30;
  population.load.every = kSecond;
  population.states = names.next_state;
  builder.scenario.run.for_ns = 5 * kSecond;

  const auto one = sorted_begins(builder, 1);
  ASSERT_EQ(one.size(), 150u);
  EXPECT_EQ(difference(sorted_begins(builder, 2), one), "");
  EXPECT_EQ(difference(sorted_begins(builder, 4), one), "");
}

// A login's id must be nobody else's, and not that of the first message either.
TEST(Draws, OnStartHasDrawsOfItsOwn) {
  for (const auto model : {Load::Model::open, Load::Model::fleet}) {
    ScenarioBuilder builder;
    const Step wait{WaitStep{between("0s", "1s")}, std::nullopt, {}};
    const std::uint32_t task = builder.task("send", {});
    auto& steps = builder.scenario.tasks[task].steps;
    steps.push_back(builder.operation(2, "before"));
    steps.push_back(wait);
    steps.push_back(builder.operation(0, "send"));
    PopulationSpec& population = builder.population("users", {{task, 1}});
    population.load.model = model;
    population.load.users = 40;
    population.load.rate_per_s = 20;
    population.load.every = 10 * kSecond;
    population.load.phase = Load::Phase::aligned;
    population.on_start = {wait, builder.operation(1, "login")};
    builder.scenario.run.for_ns = 2 * kSecond;
    auto* begins = record_begins();
    VirtualRun run(builder.scenario);
    ASSERT_TRUE(run.errors().empty());
    run.run();
    if (model == Load::Model::open) {   // user k begins when arrival k finds nobody free
      std::set<std::int64_t> drawn;
      for (std::size_t k = 0; k < begins[1].size(); ++k) drawn.insert(begins[1][k] % (50 * kMs));
      EXPECT_GT(drawn.size(), begins[1].size() * 9 / 10) << "users draw the same";
      continue;
    }
    ASSERT_EQ(begins[1].size(), 40u);
    ASSERT_EQ(begins[0].size(), 40u);
    // A device that begins late goes on at once: login and its first message would be one wait apart, twice the same.
    std::multiset<std::int64_t> logins(begins[1].begin(), begins[1].end());
    int twice = 0;
    for (const std::int64_t sent : begins[0]) twice += sent % 2 == 0 && logins.contains(sent / 2) ? 1 : 0;
    EXPECT_EQ(twice, 0) << "the first iteration draws what on_start drew";
  }
}

TEST(Draws, AUserOfOpenLoadHasARecordOfItsOwn) {
  auto data = std::make_shared<Dataset>(
      std::get<Dataset>(Dataset::parse("ms\n990\n880\n770\n660\n", Dataset::Format::csv)));
  data->name = "pages";
  data->pick = Pick::per_user;
  data->on_end = OnEnd::wrap;
  TestNames names;
  ScenarioBuilder builder;
  builder.scenario.datasets.push_back(std::move(data));
  const std::uint32_t task = builder.task("send", {});
  auto& steps = builder.scenario.tasks[task].steps;
  steps.push_back(wait_of("${pages.path}ms", names));   // its only column
  steps.push_back(builder.operation(0, "send"));
  builder.arrivals("open", {{task, 1}}, 10);
  builder.scenario.run.for_ns = 400 * kMs;
  std::vector<std::int64_t> begins = sorted_begins(builder, 1);
  ASSERT_EQ(begins.size(), 4u);   // arrivals at 0, 100, 200 and 300 ms find nobody free
  for (std::int64_t& at : begins) at /= kMs;
  EXPECT_EQ(begins, (std::vector<std::int64_t>{960, 970, 980, 990}));
}

TEST(Draws, ATraceGivesADeviceItsGaps) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("squall-gaps-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "gaps.csv") << "gap\n100ms\n250ms\n50ms\n";
  const auto begins_with = [&](std::string on_end) {
    TestNames names;
    auto gaps = make_distribution(
        map_of("trace", map_value({{"file", text_value("gaps.csv")},
                                   {"column", text_value("gap")},
                                   {"on_end", text_value(std::move(on_end))}})),
        UnitKind::duration, {&names, folder.string(), /*is_gap=*/true});
    EXPECT_TRUE(gaps) << gaps.error().text;
    ScenarioBuilder builder;
    const std::uint32_t task = builder.task("send", {0});
    PopulationSpec& population = builder.population("device", {{task, 1}});
    population.load.model = Load::Model::fleet;
    population.load.users = 1;
    population.load.every = *gaps;
    population.load.phase = Load::Phase::aligned;
    builder.scenario.run.for_ns = 700 * kMs;
    std::vector<std::int64_t> begins_ms = sorted_begins(builder, 1);
    for (std::int64_t& at : begins_ms) at /= kMs;
    return begins_ms;
  };
  EXPECT_EQ(begins_with("wrap"), (std::vector<std::int64_t>{0, 100, 350, 400, 500}));
  EXPECT_EQ(begins_with("hold"), (std::vector<std::int64_t>{0, 100, 350, 400, 450, 500, 550, 600, 650}));
  EXPECT_EQ(begins_with("stop"), (std::vector<std::int64_t>{0, 100, 350, 400}));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace squall::testing
