#include "stats/threshold.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace squall {
namespace {

Threshold parsed(std::string_view text) {
  auto result = parse_threshold(text);
  if (const auto* error = std::get_if<ThresholdError>(&result)) {
    ADD_FAILURE() << text << ": " << error->message;
    return {};
  }
  return std::get<Threshold>(result);
}

TEST(ThresholdParse, ReadsWhatTheScenarioPageShows) {
  struct Case {
    const char* text;
    Measure measure;
    double quantile;
    ThresholdScope scope;
    const char* name;
    Comparison comparison;
    double limit;
    const char* unit;
    std::int64_t over_ns;
    std::uint64_t min_samples;
    bool abort;
  };
  using enum Measure;
  using enum Comparison;
  using S = ThresholdScope;
  const Case cases[] = {
      {"p99(page) < 250ms", quantile, .99, S::any, "page", less, 250e6, "ms", 0, 0, false},
      {"failed(air-report) < 0.1%", failed, 0, S::any, "air-report", less, .001, "%", 0, 0, false},
      {"rate(lake) > 400 MB/s", rate, 0, S::any, "lake", greater, 400e6, "MB/s", 0, 0, false},
      {"p95(page) < 300ms over 30s abort", quantile, .95, S::any, "page", less, 300e6, "ms",
       30'000'000'000, 0, true},
      {"p95(page)<1m30s abort min 100 over 1m", quantile, .95, S::any, "page", less, 90e9, "ms",
       60'000'000'000, 100, true},
      {"p999(task:visit) <= 1.5s", quantile, .999, S::task, "visit", less_equal, 1.5e9, "ms", 0, 0,
       false},
      {"p99.9(population:air) < 20 us", quantile, .999, S::population, "air", less, 20e3, "ms", 0,
       0, false},
      {"max(step:GET /s/(a b)) < 2 s", max, 0, S::step, "GET /s/(a b)", less, 2e9, "ms", 0, 0,
       false},
      {"count(x) >= 10", count, 0, S::any, "x", greater_equal, 10, "", 0, 0, false},
      {"count(x)==54000", count, 0, S::any, "x", equal, 54000, "", 0, 0, false},
      {"rate(page) > 600/m", rate, 0, S::any, "page", greater, 10, "/m", 0, 0, false},
      {"rate(lake) > 8 Mbit/s", rate, 0, S::any, "lake", greater, 1e6, "Mbit/s", 0, 0, false},
      {"rate(lake) > 1 MiB/s", rate, 0, S::any, "lake", greater, 1048576, "MiB/s", 0, 0, false},
      {"failed < 1%", failed, 0, S::all, "", less, .01, "%", 0, 0, false},
      {"failed(x)<=0.05", failed, 0, S::any, "x", less_equal, .05, "%", 0, 0, false},
      {"mean( page )<10ms", mean, 0, S::any, "page", less, 10e6, "ms", 0, 0, false},
      {"probe(memory) < 500 MB", probe, 0, S::probe, "memory", less, 500, "MB", 0, 0, false},
      {"p(95)<500", quantile, .95, S::all, "", less, 500e6, "ms", 0, 0, false},
      {"p(99.9) < 1500", quantile, .999, S::all, "", less, 1500e6, "ms", 0, 0, false},
      {"avg<200", mean, 0, S::all, "", less, 200e6, "ms", 0, 0, false},
      {"med<100", quantile, .5, S::all, "", less, 100e6, "ms", 0, 0, false},
      {"p95<2s", quantile, .95, S::all, "", less, 2e9, "ms", 0, 0, false},
  };
  for (const Case& c : cases) {
    const Threshold t = parsed(c.text);
    EXPECT_EQ(t.text, c.text);
    EXPECT_EQ(t.measure, c.measure) << c.text;
    EXPECT_DOUBLE_EQ(t.quantile, c.quantile) << c.text;
    EXPECT_EQ(t.scope, c.scope) << c.text;
    EXPECT_EQ(t.name, c.name) << c.text;
    EXPECT_EQ(t.comparison, c.comparison) << c.text;
    EXPECT_DOUBLE_EQ(t.limit, c.limit) << c.text;
    EXPECT_EQ(t.unit, c.unit) << c.text;
    EXPECT_EQ(t.over_ns, c.over_ns) << c.text;
    EXPECT_EQ(t.min_samples, c.min_samples) << c.text;
    EXPECT_EQ(t.abort, c.abort) << c.text;
  }
}

TEST(ThresholdParse, MistakesSayWhatWhereAndWhatInstead) {
  struct Case {
    const char* text;
    const char* message;
    std::size_t offset;
    const char* hint;
  };
  const char* measures = "p50 ... p999, min, mean, max, failed, rate, count, probe";
  const Case cases[] = {
      {"", "a rule begins with what is measured", 0, measures},
      {"  <5", "a rule begins with what is measured", 2, measures},
      {"p9x(page) < 5ms", "unknown measure 'p9x'", 0, measures},
      {"p100(page) < 5ms", "p100 is the maximum", 0, "max(NAME)"},
      {"p0(page) < 5ms", "unknown measure 'p0'", 0, measures},
      {"p(950)<5", "p(...) needs a percentile between 0 and 100", 0, "p(95) or p(99.9)"},
      {"p99(page < 5ms", "the bracket is not closed", 3, ""},
      {"p99() < 5ms", "the name is empty", 4, "a step, task or population"},
      {"p99(task:) < 5ms", "the name is empty", 4, "a step, task or population"},
      {"p99(page) 5ms", "a comparison is missing", 10, "one of < <= > >= =="},
      {"p99(page) < ", "a limit is missing", 12, "a number with its unit, such as 250ms"},
      {"p99(page) < -5ms", "a limit is not negative", 12, ""},
      {"p99(page) < 250", "a time needs a unit", 12, "250ms or 250s"},
      {"p99(page) < 250MB", "'MB' is no unit of a time", 15, "250ms or 250s"},
      {"failed(page) < 5", "a share needs a unit", 15, "5%"},
      {"failed(page) < 5ms", "'ms' is no unit of a share", 16, "5%"},
      {"failed(page) < 500%", "a share is at most 100%", 15, ""},
      {"rate(page) > 100", "a rate needs a unit", 13, "100/s or 100 MB/s"},
      {"rate(page) > 100 MB", "'MB' is no unit of a rate", 17, "100/s or 100 MB/s"},
      {"count(page) > 100ms", "a count has no unit", 17, "100"},
      {"probe < 5", "probe needs a name", 6, "probe(memory)"},
      {"p99(probe:memory) < 5", "a probe or metric has min, mean and max", 0, "max(probe:memory)"},
      {"p99(page) < 5ms soon", "unknown word 'soon'", 16, "over D, min N or abort"},
      {"p99(page) < 5ms, abort", "cannot read ','", 15, "over D, min N or abort"},
      {"p99(page) < 5ms over", "over needs a time", 20, "over 30s"},
      {"p99(page) < 5ms over 30", "over needs a time", 21, "over 30s"},
      {"p99(page) < 5ms over 1500ms", "over needs whole seconds, at least one", 21, "over 30s"},
      {"p99(page) < 5ms min 0", "min needs a number of samples", 20, "min 100"},
      {"p99(page) < 5ms abort", "abort needs over: it is judged while the run goes on", 16,
       "over 30s abort"},
      {"p99(page) < 1.2.3s", "a limit is missing", 12, "a number with its unit, such as 250ms"},
  };
  for (const Case& c : cases) {
    const auto result = parse_threshold(c.text);
    const auto* error = std::get_if<ThresholdError>(&result);
    ASSERT_NE(error, nullptr) << c.text;
    EXPECT_EQ(error->message, c.message) << c.text;
    EXPECT_EQ(error->offset, c.offset) << c.text;
    EXPECT_EQ(error->hint, c.hint) << c.text;
  }
}

TEST(ThresholdNames, MeanTheNearestThing) {
  const ThresholdNames names{
      {"page", "visit", "login"}, {"visit", "air-report"}, {"visitors", "login"}, {{"memory", "MB", true}, {"rows", "", false}}};
  const auto resolve = [&](std::string_view text) {
    Threshold t = parsed(text);
    const auto error = resolve_threshold(t, names);
    return error ? error->message + "|" + std::to_string(error->offset) + "|" + error->hint
                 : std::to_string(static_cast<int>(t.scope));
  };
  EXPECT_EQ(resolve("p99(page) < 1s"), "2");
  EXPECT_EQ(resolve("p99(air-report) < 1s"), "3");
  EXPECT_EQ(resolve("p99(visitors) < 1s"), "4");
  EXPECT_EQ(resolve("p99(visit) < 1s"), "2") << "a step before a task";
  EXPECT_EQ(resolve("p99(login) < 1s"), "2") << "a step before a population";
  EXPECT_EQ(resolve("p99(population:login) < 1s"), "4");
  EXPECT_EQ(resolve("p99(task:visit) < 1s"), "3");
  EXPECT_EQ(resolve("p99(task:page) < 1s"), "no task is called 'page'|9|");
  EXPECT_EQ(resolve("p99(paeg) < 1s"),
            "no step, task or population is called 'paeg'|4|did you mean 'page'?");
  EXPECT_EQ(resolve("p99(quite-different) < 1s"),
            "no step, task or population is called 'quite-different'|4|");
  EXPECT_EQ(resolve("probe(memry) < 1"), "no probe is called 'memry'|6|did you mean 'memory'?");
  EXPECT_EQ(resolve("probe(memory) < 1"), "5");
  EXPECT_EQ(resolve("max(probe:memory) < 1 MB"), "5");
  EXPECT_EQ(resolve("max(metric:rows) < 1"), "6");
  EXPECT_EQ(resolve("max(metric:memory) < 1"), "no metric is called 'memory'|11|");
  EXPECT_EQ(resolve("max(metric:rows) < 1 MB"), "metric 'rows' has no unit|21|write the number alone");
  EXPECT_EQ(resolve("probe(memory) < 1 GB"), "probe 'memory' is in MB, not in GB|18|write the number of MB");
  EXPECT_EQ(resolve("failed < 1%"), "0");
}

// A snapshot with one series of 100 samples, 1 .. 100 ms, of which `failed` failed.
Snapshot snapshot_of(std::uint64_t failed = 0, std::uint64_t count = 100) {
  Snapshot s;
  s.measured_ns = 10 * kWindowNs;
  SeriesTotals& series = s.series.emplace_back();
  series.key.population = "visitors";
  series.key.task = "visit";
  series.key.name = "page";
  series.counts.ok = count - failed;
  series.counts.failed = failed;
  series.counts.bytes_in = 50'000'000;
  series.rate_time_ns = 10 * kWindowNs;
  for (std::uint64_t ms = 1; ms <= count; ++ms) series.response.add(ms * 1'000'000);
  s.metrics = {{"memory", "MB", MetricKind::gauge, true, {}}, {"rows", "", MetricKind::trend, false, {}}, {"none", "", MetricKind::gauge, true, {}}};
  for (const double value : {400, 700, 512}) s.metrics[0].values.add(value, 0);
  for (const double value : {3, 6}) s.metrics[1].values.add(value, 0);
  return s;
}

ThresholdResult judged(std::string_view text, const Snapshot& snapshot) {
  return ThresholdJudge({parsed(text)}).judge(snapshot)[0];
}

TEST(ThresholdJudge, TurnsAtTheLimit) {
  struct Case {
    const char* text;
    bool passed;
    double value;
    const char* reason;
  };
  const Case cases[] = {
      {"max(page) < 100ms", false, 100, "max(page) was 100 ms, must be < 100ms"},
      {"max(page) <= 100ms", true, 100, ""},
      {"min(page) >= 1ms", true, 1, ""},
      {"min(page) > 1ms", false, 1, "min(page) was 1 ms, must be > 1ms"},
      {"mean(page) < 50 ms", false, 50.5, "mean(page) was 50.5 ms, must be < 50 ms"},
      {"failed(page) < 3%", false, 3, "failed(page) was 3%, must be < 3%"},
      {"failed(page) <= 3%", true, 3, ""},
      {"failed(page) < 3.01%", true, 3, ""},
      {"count(page) == 100", true, 100, ""},
      {"count(page) > 100", false, 100, "count(page) was 100, must be > 100"},
      {"rate(page) >= 10/s", true, 10, ""},
      {"rate(page) > 10/s", false, 10, "rate(page) was 10/s, must be > 10/s"},
      {"rate(page) > 40 Mbit/s", false, 40, "rate(page) was 40 Mbit/s, must be > 40 Mbit/s"},
      {"rate(page) >= 5 MB/s", true, 5, ""},
      {"rate(visitors) >= 600/m", true, 600, ""},
      {"count(task:visit) >= 100", true, 100, ""},
      {"count(population:visitors) >= 100", true, 100, ""},
      {"count(elsewhere) >= 1", false, 0, "count(elsewhere) was 0, must be >= 1"},
      {"rate(elsewhere) < 1/s", true, 0, ""},
      {"probe(memory) < 500 MB", false, 512, "probe(memory) was 512 MB, must be < 500 MB"},
      {"max(probe:memory) < 600 MB", false, 700, "max(probe:memory) was 700 MB, must be < 600 MB"},
      {"max(probe:memory) <= 700", true, 700, ""},
      {"min(probe:memory) > 300 MB", true, 400, ""},
      {"mean(metric:rows) > 5", false, 4.5, "mean(metric:rows) was 4.5, must be > 5"},
      {"max(probe:none) < 5", false, 0, "max(probe:none): no value"},
      {"max(elsewhere) < 1s", false, 0, "max(elsewhere): no samples"},
      {"failed(elsewhere) < 1%", false, 0, "failed(elsewhere): no samples"},
      {"max(page) < 1s min 101", false, 0, "max(page): only 100 of at least 101 samples"},
      {"max(page) < 1s min 100", true, 100, ""},
  };
  Snapshot snapshot = snapshot_of(3);
  for (const Case& c : cases) {
    Threshold rule = parsed(c.text);
    (void)resolve_threshold(rule, {{"page", "elsewhere"}, {"visit"}, {"visitors"}, {{"memory", "MB", true}, {"rows", "", false}}});
    const ThresholdResult r = ThresholdJudge({rule}).judge(snapshot)[0];
    EXPECT_EQ(r.passed, c.passed) << c.text;
    EXPECT_NEAR(r.value, c.value, 1e-9) << c.text;
    EXPECT_EQ(r.reason, c.reason) << c.text;
  }
  EXPECT_NEAR(judged("p95(page) < 1s", snapshot).value, 95, 0.1);
}

TEST(ThresholdJudge, NothingSucceededFailsWhateverTheTimes) {
  const Snapshot snapshot = snapshot_of(100);
  EXPECT_EQ(judged("p99(page) < 1h", snapshot).reason, "p99(page): nothing succeeded");
  EXPECT_EQ(judged("rate(page) > 0/s", snapshot).reason, "rate(page): nothing succeeded");
  EXPECT_FALSE(judged("failed(page) < 100%", snapshot).passed);
  EXPECT_TRUE(judged("count(page) == 100", snapshot).passed);
}

TEST(ThresholdJudge, WhatWasCutWhileItWaitedTookAtLeastThatLong) {
  Snapshot snapshot = snapshot_of();
  snapshot.series[0].counts.cut = 20;
  snapshot.series[0].cut_waited.add(8'000'000'000, 20);
  const ThresholdResult broken = judged("p95(page) < 500ms", snapshot);
  EXPECT_FALSE(broken.passed);
  EXPECT_TRUE(broken.reason.starts_with("p95(page) was at least 79")) << broken.reason;
  EXPECT_TRUE(broken.reason.ends_with("must be < 500ms (20 were cut while they waited)")) << broken.reason;
  EXPECT_TRUE(judged("p50(page) < 500ms", snapshot).passed);
  EXPECT_EQ(judged("min(page) > 2ms", snapshot).reason, "min(page) was 1 ms, must be > 2ms");
  EXPECT_TRUE(judged("count(page) == 100", snapshot).passed);   // it is no sample
}

TEST(ThresholdJudge, WhereAllWereCutTheirWaitMayBreakARuleButNeverKeepsOne) {
  Snapshot snapshot = snapshot_of(0, 0);
  snapshot.series[0].counts.cut = 3;
  snapshot.series[0].cut_waited.add(8'000'000'000, 3);
  EXPECT_TRUE(judged("p95(page) < 500ms", snapshot).reason.starts_with("p95(page) was at least 8000 ms"));
  const ThresholdResult unknown = judged("p95(page) < 60s", snapshot);
  EXPECT_FALSE(unknown.passed);
  EXPECT_EQ(unknown.reason, "p95(page): no samples");
  EXPECT_EQ(unknown.cut, 0u);
}

TEST(ThresholdJudge, AProbeWithoutAValueFails) {
  EXPECT_EQ(ThresholdJudge({parsed("probe(none) < 5")}).judge(snapshot_of())[0].reason,
            "probe(none): no value");
}

TEST(ThresholdJudge, WarmUpGroupsAndBackgroundAreNotAllSamples) {
  Snapshot snapshot = snapshot_of();
  SeriesTotals warm = snapshot.series[0];
  warm.phase = RunPhase::warmup;
  SeriesTotals group = snapshot.series[0];
  group.key.name = "visible";
  group.key.kind = SeriesKind::group;
  SeriesTotals logger = snapshot.series[0];
  logger.key.population = "logger";
  logger.key.name = "log";
  logger.key.background = true;
  for (const SeriesTotals& s : {warm, group, logger}) snapshot.series.push_back(s);
  EXPECT_EQ(judged("count == 100", snapshot).value, 100);
  EXPECT_EQ(judged("count(task:visit) == 200", snapshot).value,
            200);  // the logger's task has that name, too
  EXPECT_EQ(judged("count(visible) == 100", snapshot).value, 100);
  EXPECT_EQ(judged("count(log) == 100", snapshot).value, 100);
}

// One-second windows in which all samples took so many milliseconds.
Snapshot windows_of(const std::vector<int>& milliseconds, std::int64_t warmup_s = 0) {
  Snapshot s = snapshot_of();
  s.warmup_ns = warmup_s * kWindowNs;
  s.series[0].response = {};
  s.series[0].counts = {};
  for (std::size_t i = 0; i < milliseconds.size(); ++i) {
    auto window = std::make_shared<MergedWindow>();
    window->window = static_cast<std::int64_t>(i);
    if (milliseconds[i] > 0) {
      SeriesWindow& series = window->series.emplace_back();
      series.counts.ok = 10;
      series.response.add(static_cast<std::uint64_t>(milliseconds[i]) * 1'000'000, 10);
      s.series[0].counts += series.counts;
      s.series[0].response.merge(series.response);
    }
    s.windows.push_back(window);
  }
  return s;
}

TEST(ThresholdJudge, OverLooksAtEveryFullStretch) {
  const Snapshot bad = windows_of({10, 10, 10, 90, 90, 90, 10, 10, 10, 10, 10, 10});
  ThresholdJudge judge(
      {parsed("max(page) < 50ms over 3s"), parsed("min(page) < 50ms over 3s abort"),
       parsed("min(page) < 50ms over 4s abort"), parsed("min(page) < 50ms over 30s")});
  EXPECT_TRUE(judge.watch(bad));
  EXPECT_FALSE(judge.watch(bad));  // told once
  const auto results = judge.judge(bad);
  EXPECT_EQ(results[0].reason,
            "max(page) was 90 ms, must be < 50ms (in the worst 3 s; first broken at 4 s)");
  EXPECT_EQ(results[0].broken_at_ns, 4 * kWindowNs);
  EXPECT_EQ(results[1].reason,
            "min(page) was 90 ms, must be < 50ms (in the worst 3 s; first broken at 6 s)");
  EXPECT_TRUE(results[2].passed);
  EXPECT_TRUE(results[3].passed);  // shorter than its stretch: the whole run is judged
}

TEST(ThresholdJudge, OverSeesEachWindowOnceWhetherAtOnceOrOneByOne) {
  const std::vector<int> times{10, 20, 60, 10, 0, 0, 0, 80, 80, 5};
  ThresholdJudge at_once({parsed("mean(page) < 40ms over 2s")});
  ThresholdJudge stepwise({parsed("mean(page) < 40ms over 2s")});
  at_once.watch(windows_of(times));
  for (std::size_t n = 1; n <= times.size(); ++n)
    stepwise.watch(windows_of({times.begin(), times.begin() + static_cast<std::ptrdiff_t>(n)}));
  const Snapshot end = windows_of(times);
  EXPECT_EQ(at_once.judge(end)[0].reason, stepwise.judge(end)[0].reason);
  EXPECT_EQ(stepwise.judge(end)[0].reason,
            "mean(page) was 80 ms, must be < 40ms (in the worst 2 s; first broken at 3 s)");
}

TEST(ThresholdJudge, OverLeavesTheWarmUpAlone) {
  ThresholdJudge judge({parsed("max(page) < 50ms over 2s abort")});
  EXPECT_FALSE(judge.watch(windows_of({90, 90, 90, 10, 10, 10}, 3)));
  ThresholdJudge earlier({parsed("max(page) < 50ms over 2s abort")});
  EXPECT_TRUE(earlier.watch(windows_of({90, 90, 90, 10, 10, 10}, 2)));
}

TEST(ThresholdJudge, ARateThatFallsToNothingIsSeen) {
  ThresholdJudge judge({parsed("rate(page) > 5/s over 2s abort")});
  EXPECT_FALSE(judge.watch(windows_of({10, 10, 10})));
  EXPECT_TRUE(judge.watch(windows_of({10, 10, 10, 0, 0})));
}

TEST(ThresholdJudge, KnowsTheSmallestP99Limit) {
  EXPECT_EQ(ThresholdJudge({parsed("p99(a) < 250ms"), parsed("p99(b) <= 80ms"),
                            parsed("p95(c) < 1ms"), parsed("p99(d) > 1ms")})
                .smallest_p99_limit_ns(),
            80e6);
  EXPECT_EQ(ThresholdJudge(std::vector<Threshold>{}).smallest_p99_limit_ns(), 0);
}

}  // namespace
}  // namespace squall
