// Metrics of the scenario: by second, over shards, and in the order in which records happen to come.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "stats/merger.hpp"
#include "stats/recorder.hpp"

namespace squall {
namespace {

constexpr std::int64_t kMs = 1'000'000, kS = 1'000 * kMs;

struct Metrics : ::testing::Test {
  std::unique_ptr<Recorder> shard(std::uint32_t source) {
    RecorderOptions options;
    options.source = source;
    options.metrics = 2;
    return std::make_unique<Recorder>(options);
  }
  Merger merger() {
    MergerOptions options;
    options.sources = {"shard 0", "shard 1"};
    options.metrics = {{"memory", "MB", MetricKind::gauge, true, {}}, {"rows", "", MetricKind::counter, false, {}}};
    return Merger(table, options);
  }
  SeriesTable table;
};

TEST_F(Metrics, AddUpOverShardsWhateverComesFirst) {
  auto a = shard(0), b = shard(1);
  a->metric(0, 10, 100 * kMs);
  b->metric(0, 30, 200 * kMs);
  a->metric(0, 20, 900 * kMs);      // the newest of the first second
  b->metric(1, 5, 1'500 * kMs);
  a->metric(1, 7, 1'600 * kMs);
  auto records = a->finish(2 * kS, 0, 0);
  for (auto& record : b->finish(2 * kS, 0, 0)) records.push_back(std::move(record));
  for (const bool is_turned : {false, true}) {
    if (is_turned) std::reverse(records.begin(), records.end());
    Merger all = merger();
    for (const WindowRecord& record : records) EXPECT_TRUE(all.apply(record));
    const Snapshot& snapshot = all.snapshot(3 * kS);
    EXPECT_EQ(snapshot.metrics[0].values.count, 3u);
    EXPECT_EQ(snapshot.metrics[0].values.last, 20);
    EXPECT_EQ(snapshot.metrics[0].values.max, 30);
    EXPECT_EQ(snapshot.metrics[0].values.min, 10);
    EXPECT_EQ(snapshot.metrics[1].values.sum, 12);
    const auto windows = all.take_closed(true);
    ASSERT_GE(windows.size(), 2u);
    EXPECT_EQ(windows[0]->metrics[0].last, 20);
    EXPECT_EQ(windows[0]->metrics[1].count, 0u);    // a gap, not a zero
    EXPECT_EQ(windows[1]->metrics[0].count, 0u);
    EXPECT_EQ(windows[1]->metrics[1].sum, 12);
  }
}

TEST_F(Metrics, AValuePastTheWindowOpensTheNext) {
  auto a = shard(0);
  a->metric(0, 1, 500 * kMs);
  a->metric(0, 2, 3'200 * kMs);
  const auto records = a->drain(4 * kS, 0, 0);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].from_window, 0);
  EXPECT_EQ(records[0].metrics.at(0).last, 1);
  EXPECT_EQ(records[1].from_window, 3);
  EXPECT_EQ(records[1].metrics.at(0).last, 2);
}

}  // namespace
}  // namespace squall
