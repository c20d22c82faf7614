#include "stats/recorder.hpp"

#include <gtest/gtest.h>

#include <map>

#include "load/random.hpp"

namespace squall {
namespace {

constexpr std::int64_t kMs = 1'000'000;

Sample sample(std::int64_t due_ns, std::int64_t ended_ns, std::uint32_t series = 0) {
  Sample s;
  s.series = series;
  s.due_ns = due_ns;
  s.started_ns = due_ns;
  s.ended_ns = ended_ns;
  s.bytes_out = 10;
  s.bytes_in = 100;
  return s;
}

TEST(Recorder, ASampleBelongsToTheWindowInWhichItEnded) {
  Recorder recorder({});
  recorder.record(sample(900 * kMs, 999 * kMs));
  recorder.record(sample(900 * kMs, 1'000 * kMs));
  recorder.record(sample(1'500 * kMs, 1'999 * kMs));
  EXPECT_EQ(recorder.drain(1'999 * kMs, 0, 0).size(), 1u);
  const auto records = recorder.drain(2'000 * kMs, 0.5, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].sequence, 2u);
  EXPECT_EQ(records[0].from_window, 1);
  EXPECT_EQ(records[0].to_window, 1);
  ASSERT_EQ(records[0].series.size(), 1u);
  EXPECT_EQ(records[0].series[0].counts.ok, 2u);
  EXPECT_EQ(records[0].series[0].total.ok, 3u);
  EXPECT_EQ(records[0].series[0].first_due_ns, 900 * kMs);
  EXPECT_EQ(records[0].generator.busy, 0.5);
}

// The engine tells the gauges once a second; a sample that came before it has closed the window already.
TEST(Recorder, AWindowHasTheGaugesOfItsEnd) {
  RecorderOptions options;
  options.populations = 1;
  Recorder recorder(options);
  recorder.record(sample(900 * kMs, 999 * kMs));
  recorder.record(sample(900 * kMs, 1'001 * kMs));
  recorder.population(0).users_present = 7;
  const auto records = recorder.drain(1'002 * kMs, 0, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].populations[0].users_present, 7u);
}

TEST(Recorder, ResponseAndServiceAreBothKept) {
  Recorder recorder({});
  Sample s = sample(100 * kMs, 350 * kMs);
  s.started_ns = 300 * kMs;
  recorder.record(s);
  const auto records = recorder.finish(400 * kMs, 0, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_TRUE(records[0].final);
  const SeriesWindow& window = records[0].series[0];
  EXPECT_EQ(window.response.max_ns(), 250u * kMs);
  EXPECT_EQ(window.service.max_ns(), 50u * kMs);
  EXPECT_EQ(window.lateness.max_ns(), 200u * kMs);
}

// T18: by the due time, so that no sample stands in two phases.
TEST(Recorder, WarmUpCountsApartByDueTime) {
  RecorderOptions options;
  options.warmup_ns = 1'000 * kMs;
  Recorder recorder(options);
  recorder.record(sample(999 * kMs, 1'200 * kMs));
  recorder.record(sample(1'000 * kMs, 1'201 * kMs));
  recorder.lag(999 * kMs, 1);
  recorder.lag(1'000 * kMs, 2);
  std::uint64_t warm = 0, main = 0;
  SparseHistogram lag, warmup_lag;
  for (const WindowRecord& record : recorder.finish(1'300 * kMs, 0, 0)) {
    for (const SeriesWindow& window : record.series)
      (window.phase == RunPhase::warmup ? warm : main) += window.counts.ok;
    lag.merge(record.generator.lag);
    warmup_lag.merge(record.generator.warmup_lag);
  }
  EXPECT_EQ(warm, 1u);
  EXPECT_EQ(main, 1u);
  EXPECT_EQ(lag.max_ns(), 2u);
  EXPECT_EQ(warmup_lag.max_ns(), 1u);
}

TEST(Recorder, CutSamplesAreCountedAndNotTimed) {
  Recorder recorder({});
  Sample s = sample(0, 500 * kMs);
  s.outcome = Outcome::cancelled;
  recorder.record(s);
  const auto records = recorder.finish(kWindowNs / 2, 0, 0);
  EXPECT_EQ(records[0].series[0].counts.cut, 1u);
  EXPECT_EQ(records[0].series[0].counts.count(), 0u);
  EXPECT_TRUE(records[0].series[0].response.empty());
}

TEST(Recorder, WhatPluginsCountIsNoSample) {
  RecorderOptions options;
  options.warmup_ns = 1'000 * kMs;
  Recorder recorder(options);
  recorder.count(3, 999 * kMs, 2);
  recorder.count(3, 1'000 * kMs, 5);
  recorder.count(3, 1'001 * kMs, 1);
  std::uint64_t warm = 0, main = 0, samples = 0;
  for (const WindowRecord& record : recorder.finish(1'300 * kMs, 0, 0)) {
    for (const SeriesWindow& window : record.series) {
      (window.phase == RunPhase::warmup ? warm : main) += window.counts.told;
      samples += window.counts.count();
    }
  }
  EXPECT_EQ(warm, 2u);
  EXPECT_EQ(main, 6u);
  EXPECT_EQ(samples, 0u);
}

TEST(Recorder, ErrorsAreCountedByClassCodeAndDetail) {
  Recorder recorder({});
  const auto fail = [&](Outcome outcome, ErrorClass error, std::int32_t code,
                        std::string_view detail, std::int64_t ended_ns = kMs) {
    Sample s = sample(0, ended_ns);
    s.outcome = outcome;
    s.error = error;
    s.code = code;
    s.detail = detail;
    recorder.record(s);
  };
  fail(Outcome::failed, ErrorClass::status, 503, "503", 3 * kMs);
  fail(Outcome::failed, ErrorClass::status, 503, "503", 2 * kMs);
  fail(Outcome::failed, ErrorClass::status, 500, "500");
  fail(Outcome::timeout, ErrorClass::receive, 0, "");
  fail(Outcome::failed, ErrorClass::none, 0, "");  // a plugin that does not say why
  fail(Outcome::failed, ErrorClass::status, 503, "503", kWindowNs + kMs);
  const auto records = recorder.finish(kWindowNs + 2 * kMs, 0, 0);
  ASSERT_EQ(records.size(), 2u);
  const std::vector<ErrorCount> expected{{ErrorClass::status, 503, "503", 2, 2 * kMs, 3 * kMs},
                                         {ErrorClass::status, 500, "500", 1, kMs, kMs},
                                         {ErrorClass::timeout, 0, "", 1, kMs, kMs},
                                         {ErrorClass::plugin, 0, "", 1, kMs, kMs}};
  EXPECT_EQ(records[0].series[0].errors, expected);
  const std::vector<ErrorCount> later{{ErrorClass::status, 503, "503", 1, kWindowNs + kMs, kWindowNs + kMs}};
  EXPECT_EQ(records[1].series[0].errors, later) << "each window knows its own";
  ErrorCount sum = records[1].series[0].errors[0];
  sum += records[0].series[0].errors[0];
  EXPECT_EQ(sum, (ErrorCount{ErrorClass::status, 503, "503", 3, 2 * kMs, kWindowNs + kMs})) << "in whatever order they come";
}

TEST(Recorder, TooManyDetailsShareOneOtherPerClass) {
  RecorderOptions options;
  options.errors_per_series = 4;
  Recorder recorder(options);
  for (int i = 0; i < 100; ++i) {
    Sample s = sample(0, kMs);
    s.outcome = Outcome::failed;
    s.error = i % 2 == 0 ? ErrorClass::connect : ErrorClass::closed;
    const std::string detail = "detail " + std::to_string(i);
    s.detail = detail;
    recorder.record(s);
  }
  const auto records = recorder.finish(2 * kMs, 0, 0);
  const auto& errors = records[0].series[0].errors;
  EXPECT_EQ(errors.size(), 6u);
  std::uint64_t connect = 0, closed = 0;
  for (const ErrorCount& e : errors) (e.error == ErrorClass::connect ? connect : closed) += e.count;
  EXPECT_EQ(connect, 50u);
  EXPECT_EQ(closed, 50u);
}

TEST(Recorder, ASilentStretchIsCoveredByTheRange) {
  Recorder recorder({});
  recorder.record(sample(0, 100 * kMs));
  recorder.record(sample(0, 5'100 * kMs));
  const auto records = recorder.finish(5'200 * kMs, 0, 0);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].from_window, 0);
  EXPECT_EQ(records[0].to_window, 4);
  EXPECT_EQ(records[1].from_window, 5);
  EXPECT_EQ(records[1].to_window, 5);
}

TEST(Recorder, LateSamplesCountInTheOpenWindow) {
  Recorder recorder({});
  recorder.record(sample(0, 2'500 * kMs));
  recorder.record(sample(0, 900 * kMs));
  EXPECT_EQ(recorder.late_samples(), 1u);
  std::uint64_t all = 0;
  for (const auto& record : recorder.finish(3'000 * kMs, 0, 0)) {
    for (const auto& window : record.series) all += window.counts.ok;
  }
  EXPECT_EQ(all, 2u);
}

TEST(Recorder, PhasesOnlyWhenSeen) {
  Recorder recorder({});
  Sample s = sample(0, 50 * kMs);
  s.phases_ns[static_cast<std::size_t>(SamplePhase::connect)] = 7 * kMs;
  recorder.record(s);
  recorder.record(sample(0, 60 * kMs));
  const auto records = recorder.finish(100 * kMs, 0, 0);
  ASSERT_EQ(records[0].series[0].phases.size(), 1u);
  EXPECT_EQ(records[0].series[0].phases[0].phase, SamplePhase::connect);
  EXPECT_EQ(records[0].series[0].phases[0].times.count(), 1u);
}

TEST(Recorder, ProgressShowsBytesBeforeTheEnd) {
  Recorder recorder({});
  recorder.progress(0, 0, 500, 0);
  auto first = recorder.drain(kWindowNs, 0, 0);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].series[0].counts.bytes_out, 500u);
  EXPECT_EQ(first[0].series[0].counts.count(), 0u);
  Sample s = sample(0, kWindowNs + 1);
  s.bytes_out = 70;
  recorder.record(s);
  const auto rest = recorder.finish(kWindowNs + 2, 0, 0);
  EXPECT_EQ(rest[0].series[0].total.bytes_out, 570u);
}

TEST(Recorder, TotalsAreTheSumsOfTheDeltas) {
  Random random(1, 1, 1);
  RecorderOptions options;
  options.populations = 2;
  options.warmup_ns = 3'000 * kMs;
  Recorder recorder(options);
  std::vector<WindowRecord> records;
  std::int64_t now = 0;
  for (int i = 0; i < 50'000; ++i) {
    now += static_cast<std::int64_t>(random.below(400'000));
    Sample s = sample(now - static_cast<std::int64_t>(random.below(30 * kMs)), now,
                      static_cast<std::uint32_t>(random.below(40)));
    s.outcome = static_cast<Outcome>(random.below(4));
    recorder.record(s);
    if (i % 500 != 0) continue;
    for (WindowRecord& r : recorder.drain(now, 0.1, 0)) records.push_back(std::move(r));
  }
  for (WindowRecord& r : recorder.finish(now, 0.1, 0)) records.push_back(std::move(r));
  std::map<std::pair<std::uint32_t, RunPhase>, SampleCounts> added, told;
  std::uint64_t sequence = 0, all = 0;
  std::int64_t next_window = 0;
  for (const WindowRecord& record : records) {
    EXPECT_EQ(record.sequence, ++sequence);
    EXPECT_EQ(record.from_window, next_window);
    next_window = record.to_window + 1;
    for (const SeriesWindow& window : record.series) {
      added[{window.series, window.phase}] += window.counts;
      told[{window.series, window.phase}] = window.total;
      all += window.counts.count() + window.counts.cut;
      EXPECT_EQ(window.response.count(), window.counts.count());
    }
  }
  EXPECT_EQ(added, told);
  EXPECT_EQ(all, 50'000u);
  EXPECT_EQ(recorder.samples(), 50'000u);
}

}  // namespace
}  // namespace squall
