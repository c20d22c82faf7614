// A second that comes again, late: what it says more than before, and that all parts add up.
#include "stats/late_part.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

SparseHistogram times(std::initializer_list<std::uint64_t> values) {
  SparseHistogram histogram;
  for (const std::uint64_t ns : values) histogram.add(ns);
  return histogram;
}

SeriesWindow series(std::uint32_t id, RunPhase phase, std::uint64_t ok, std::uint64_t failed, const SparseHistogram& response) {
  SeriesWindow window;
  window.series = id;
  window.phase = phase;
  window.counts = {ok, failed, 0, 10 * (ok + failed), 20 * ok, 0};
  window.response = window.service = response;
  if (failed > 0) window.errors = {{ErrorClass::status, 503, "503", failed}};
  return window;
}

TEST(LatePart, OfTheSameIsNothing) {
  MergedWindow window;
  window.window = 7;
  window.series = {series(0, RunPhase::main, 3, 1, times({5, 900, 900, 70'000}))};
  window.metrics.resize(1);
  window.metrics[0].add(5, 1);
  const MergedWindow late = late_part(window, window);
  EXPECT_EQ(late.window, 7);
  EXPECT_TRUE(late.series.empty());
  ASSERT_EQ(late.metrics.size(), 1u);
  EXPECT_EQ(late.metrics[0].count, 0u);
}

TEST(LatePart, IsWhatCameSince) {
  MergedWindow before, now;
  before.series = {series(0, RunPhase::main, 2, 1, times({900, 900, 70'000})), series(2, RunPhase::main, 1, 0, times({1}))};
  now.series = {series(0, RunPhase::warmup, 1, 0, times({44})),                               // the other phase is new
                series(0, RunPhase::main, 4, 3, times({5, 900, 900, 900, 70'000, 71'000, 2'000'000})),
                series(1, RunPhase::main, 0, 1, times({33})),                                // a series is new
                series(2, RunPhase::main, 1, 0, times({1}))};                                // one is as it was
  now.series[1].errors = {{ErrorClass::closed, 0, "eof", 1}, {ErrorClass::status, 503, "503", 2}};
  before.metrics.resize(2);   // by metric
  before.metrics[1].add(2, 1);
  now.metrics = before.metrics;
  now.metrics[0].add(3, 2);
  now.metrics[1].add(7, 2);
  now.populations.resize(1);
  now.busy_max = .5;

  const MergedWindow late = late_part(before, now);
  ASSERT_EQ(late.series.size(), 3u);
  EXPECT_EQ(late.series[0].phase, RunPhase::warmup);
  EXPECT_EQ(late.series[0].response, times({44}));
  const SeriesWindow& more = late.series[1];
  EXPECT_EQ(more.counts, (SampleCounts{2, 2, 0, 40, 40, 0}));
  EXPECT_EQ(more.errors, (std::vector<ErrorCount>{{ErrorClass::closed, 0, "eof", 1}, {ErrorClass::status, 503, "503", 1}}));
  EXPECT_EQ(more.response.count(), 4u);
  EXPECT_EQ(more.response.sum_ns(), 5u + 900 + 71'000 + 2'000'000);
  EXPECT_EQ(more.response.min_ns(), 5u);
  EXPECT_EQ(more.response.max_ns(), 2'000'000u);
  SparseHistogram sum = before.series[0].response;
  sum.merge(more.response);
  EXPECT_EQ(sum, now.series[1].response);
  EXPECT_EQ(late.series[2].series, 1u);
  ASSERT_EQ(late.metrics.size(), 2u);
  EXPECT_EQ(late.metrics[0].count, 1u);
  EXPECT_EQ(late.metrics[0].sum, 3);
  EXPECT_EQ(late.metrics[1].count, 1u);
  EXPECT_EQ(late.metrics[1].sum, 7);
  EXPECT_TRUE(late.populations.empty());   // gauges of a second that is over
  EXPECT_EQ(late.busy_max, 0);
}

TEST(LatePart, KeepsMinAndMaxWithinTheirBucket) {
  MergedWindow before, now;
  before.series = {series(0, RunPhase::main, 1, 0, times({1'000'100}))};
  now.series = {series(0, RunPhase::main, 2, 0, times({1'000'100, 1'000'200}))};   // one bucket
  const MergedWindow late = late_part(before, now);
  ASSERT_EQ(late.series.size(), 1u);
  const SparseHistogram& response = late.series[0].response;
  EXPECT_EQ(response.count(), 1u);
  EXPECT_EQ(response.sum_ns(), 1'000'200u);
  EXPECT_GE(response.min_ns(), 1'000'100u);
  EXPECT_LE(response.max_ns(), 1'000'200u);
}

}  // namespace
}  // namespace squall
