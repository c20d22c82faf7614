// Streamed data in virtual time: users get the records that they would get of a file in memory, and when the file
// changes a failed step.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "virtual_run.hpp"

namespace squall::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMs = 1'000'000, kS = 1'000 * kMs;
constexpr std::uint64_t kZero = 1'000'000'000'000;

/// `${taken}` is slot 0, any other name column 0 of dataset 0.
struct FirstColumnAndTaken final : Names {
  Result<Reference> resolve(std::string_view name) override {
    Reference reference;
    reference.kind = name == "taken" ? Reference::Kind::local : Reference::Kind::field;
    return reference;
  }
  std::uint32_t add_state(std::string_view) override { return 0; }
};

class StreamedRun : public ::testing::Test {
 protected:
  static constexpr int kRows = 3'000;

  StreamedRun() : path_(fs::path(::testing::TempDir()) / ("squall-streamed-" + std::to_string(::getpid()) + ".csv")) {
    std::ofstream out(path_);
    out << "wait,at\n";
    for (int i = 0; i < kRows; ++i) out << i << "us," << 1'000'000 + i * 7919 % kRows << "\n";
  }
  ~StreamedRun() override { fs::remove(path_); }

  std::shared_ptr<const Dataset> data(Pick pick, bool is_streamed) const {
    auto read = Dataset::read(path_.string(), {Dataset::Format::csv, {}, is_streamed, 4'096, 200});
    auto made = std::make_shared<Dataset>(std::move(std::get<Dataset>(read)));
    made->name = "rows";
    made->file = "rows.csv";
    made->pick = pick;
    made->on_end = pick == Pick::unique ? OnEnd::stop_task : OnEnd::wrap;
    return made;
  }
  static Step wait_for(const std::string& text) {
    FirstColumnAndTaken names;
    return Step{WaitStep{std::get<Template>(Template::compile(text, names))}, std::nullopt, {}};
  }
  /// When each operation began, in ns of run time, sorted.
  std::vector<std::int64_t> begins(const ScenarioBuilder& builder, std::uint32_t shards) {
    std::vector<std::int64_t> begun;
    script() = {};
    script().on_start = [&](std::uint64_t, std::uint32_t, std::uint64_t start) {
      begun.push_back(static_cast<std::int64_t>(start - kZero));
      return ScriptedEnd{start + 10 * kMs};
    };
    VirtualRun run(builder.scenario, shards);
    EXPECT_TRUE(run.errors().empty());
    const RunResult result = run.run();
    EXPECT_TRUE(std::ranges::none_of(result.journal, [](const JournalEntry& entry) { return entry.event == "step_failed"; }));
    std::ranges::sort(begun);
    return begun;
  }

  fs::path path_;
};

TEST_F(StreamedRun, PicksWhatARunFromMemoryPicks) {
  for (const Pick pick : {Pick::random, Pick::sequential, Pick::shuffled, Pick::unique, Pick::per_user}) {
    for (const std::uint32_t shards : {1u, 3u}) {
      const auto run = [&](bool is_streamed) {
        ScenarioBuilder builder;
        builder.scenario.datasets.push_back(data(pick, is_streamed));
        const auto task = builder.task("read", {0});
        auto& steps = builder.scenario.tasks[task].steps;
        steps.insert(steps.begin(), {wait_for("${rows.wait}"), wait_for("${rows.wait}")});
        PopulationSpec& population = builder.population("users", {{task, 1.0}});
        population.load.users = 23;
        population.on_start = {wait_for("${rows.wait}")};
        if (pick != Pick::per_user) population.on_start.clear();   // what on_start picks is held
        builder.scenario.run.for_ns = 1 * kS;
        return begins(builder, shards);
      };
      const auto from_memory = run(false);
      EXPECT_GT(from_memory.size(), 500u);
      EXPECT_EQ(run(true), from_memory) << static_cast<int>(pick) << " on " << shards;
    }
  }
}

TEST_F(StreamedRun, TakesWhatARunFromMemoryTakes) {
  for (const Pick pick : {Pick::random, Pick::sequential}) {
    const auto run = [&](bool is_streamed) {
      ScenarioBuilder builder;
      builder.scenario.datasets.push_back(data(pick, is_streamed));
      const auto task = builder.task("read", {0});
      auto& steps = builder.scenario.tasks[task].steps;
      steps.insert(steps.begin(), {Step{TakeStep{}, std::nullopt, {}}, wait_for("${rows.wait}"), wait_for("${taken}")});
      PopulationSpec& population = builder.population("users", {{task, 1.0}});
      population.load.users = 5;
      population.locals = 2;
      builder.scenario.run.for_ns = 1 * kS;
      return begins(builder, 1);
    };
    const auto from_memory = run(false);
    EXPECT_GT(from_memory.size(), 100u);
    EXPECT_EQ(run(true), from_memory);
  }
}

TEST_F(StreamedRun, ReplaysWhatARunFromMemoryReplays) {
  const auto run = [&](bool is_streamed) {
    ScenarioBuilder builder;
    builder.scenario.datasets.push_back(data(Pick::sequential, is_streamed));
    const auto task = builder.task("send", {0});
    auto& steps = builder.scenario.tasks[task].steps;
    steps.insert(steps.begin(), wait_for("${rows.wait}"));
    PopulationSpec& population = builder.population("visitors", {{task, 1.0}});
    population.load.model = Load::Model::open;
    population.load.trace = TraceLoad{0, 1, 1'000, {}};
    return begins(builder, 2);
  };
  const auto from_memory = run(false);
  EXPECT_EQ(from_memory.size(), static_cast<std::size_t>(kRows));
  EXPECT_EQ(run(true), from_memory);
}

TEST_F(StreamedRun, AFileThatIsCutOffIsAFailedStepAndNoRecord) {
  ScenarioBuilder builder;
  builder.scenario.datasets.push_back(data(Pick::sequential, true));
  const auto task = builder.task("read", {0});
  auto& steps = builder.scenario.tasks[task].steps;
  Step read = wait_for("${rows.wait:-1us}");    // what stands behind :- is for data that has ended
  read.on_failure = OnFailure::interrupt;
  steps.insert(steps.begin(), {ScenarioBuilder::wait(10 * kMs), read});
  PopulationSpec& population = builder.population("users", {{task, 1.0}});
  population.load.users = 1;
  builder.scenario.run.for_ns = 4 * kS;
  script() = {};
  const std::string bytes = std::to_string(fs::file_size(path_));
  VirtualRun run(builder.scenario);
  run.at(1 * kS, [&](VirtualRun&) { fs::resize_file(path_, 100); });
  const RunResult result = run.run();
  const SeriesTotals& failed = series_named(result, "wait");
  ASSERT_EQ(failed.errors.size(), 1u);
  EXPECT_EQ(failed.errors[0].detail, "'rows.wait' has no value: data 'rows': rows.csv was cut off, to 100 of " + bytes + " bytes, since it was read");
  EXPECT_GE(script().started[0], 90u);
  EXPECT_LE(script().started[0], 90u + 200 / 9 + 10);   // the rest of the piece that was read before
  EXPECT_GT(result.snapshot.ledger.iterations.interrupted, 200u);
}

}  // namespace
}  // namespace squall::testing
