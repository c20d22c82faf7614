// Batches become the page: sums since the begin, exact histograms, both formats, line by line.
#include "exposition.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <sstream>

#include "fake_output.hpp"

namespace squall::prometheus {
namespace {

using fake::str;
using plugin::text_value;

RunMetrics metrics(std::vector<double> percentiles = {}) { return {Bounds({1'000, 1'000'000}), std::move(percentiles)}; }

std::string page_of(const RunMetrics& run, Format format = Format::text) { return exposition(run, format, "0.1.0", {"p50", "p95"}); }

bool has(const std::string& page, std::string_view text) { return page.find(text) != page.npos; }

/// Values by what stands before them: name and labels.
std::map<std::string, std::string> samples_of(const std::string& page) {
  std::map<std::string, std::string> samples;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(samples.emplace(line.substr(0, space), line.substr(space + 1)).second) << "twice: " << line;
  }
  return samples;
}

constexpr std::string_view kPage =
    R"({population="visitors",task="visit",name="page",operation="http.get",type="request",phase="main"})";
std::string of_page(std::string_view name, std::string_view more = "") {
  std::string labels(kPage.substr(0, kPage.size() - 1));
  return std::string(name) + labels + (more.empty() ? "" : ",") + std::string(more) + "}";
}

TEST(PrometheusPage, BeforeTheFirstBatch) {
  EXPECT_EQ(page_of(metrics()),
            "# HELP squall_run_active 1 from the begin of the load until its last numbers are in.\n"
            "# TYPE squall_run_active gauge\n"
            "squall_run_active 0\n"
            "# HELP squall_run_info Which run of which scenario this is, and squall's version.\n"
            "# TYPE squall_run_info gauge\n"
            "squall_run_info{version=\"0.1.0\"} 1\n");
}

/// Two seconds of a run with all that a batch can hold.
RunMetrics small_run() {
  RunMetrics run = metrics({.5, .95});
  const sq_series_desc page = fake::series(0, "page"), lost = [] {
    sq_series_desc series = fake::series(1, "lost");
    series.operation = str("mqtt.delivery");
    series.task = {};
    return series;
  }();
  const uint32_t fast[] = {500, 1'000}, slow[] = {plugin::bucket_of(1'000'000), plugin::bucket_of(5'000'000)};
  const uint64_t two[] = {2, 1}, one[] = {1, 1};
  const sq_error_count errors[] = {{SQ_K_STATUS, 503, str("503"), 1}, {SQ_K_TIMEOUT, 0, str(""), 1}};

  fake::Batch first(0);
  first.series = {&page, &lost};
  first.events = {{1'795'000'000'000'000'000, str("run"), str("20261118T110640-1a2b3c")},
                  {1'795'000'000'000'000'000, str("start"), str("shop \"x\"")}};
  sq_window& window = first.add_window(0);
  window.count = 3;
  window.bytes_out = 300;
  window.bytes_in = 4'000'000'000;
  window.response = window.service = {fast, two, 2, 3, 2'000, 500, 1'000};
  first.add_window(1).told = 7;
  first.gauges = {{str("users.visitors"), 12}, {str("users"), 12}, {str("in_flight"), 3}, {str("busy"), .25},
                  {str("lag_p99_s"), 31e-6},   {str("probe.memory"), 1e9}, {str("metric.queue \"depth\""), -3},
                  {str("counter.orders"), 2}};
  EXPECT_EQ(run.add(plugin::Batch(*first.view())), 0u);

  fake::Batch second(1);
  sq_window& again = second.add_window(0);
  again.count = 2;
  again.failed = 2;
  again.response = {slow, one, 2, 2, 6'000'000, 1'000'000, 5'000'000};
  again.errors = errors;
  again.n_errors = 2;
  second.gauges = {{str("users.visitors"), 0}, {str("in_flight"), 0}, {str("counter.orders"), 1.5}};
  EXPECT_EQ(run.add(plugin::Batch(*second.view())), 0u);
  return run;
}

constexpr const char* kSmallPage =
    R"x(# HELP squall_run_active 1 from the begin of the load until its last numbers are in.
# TYPE squall_run_active gauge
squall_run_active 1
# HELP squall_run_info Which run of which scenario this is, and squall's version.
# TYPE squall_run_info gauge
squall_run_info{run_id="20261118T110640-1a2b3c",scenario="shop \"x\"",version="0.1.0"} 1
# HELP squall_run_start_time_seconds When the load began, since 1970.
# TYPE squall_run_start_time_seconds gauge
squall_run_start_time_seconds 1795000000.0
# HELP squall_operations_total Operations that ended, failed ones included.
# TYPE squall_operations_total counter
squall_operations_total{PAGE} 5
# HELP squall_failed_operations_total Operations that failed.
# TYPE squall_failed_operations_total counter
squall_failed_operations_total{PAGE} 2
# HELP squall_errors_total Operations that failed, by class.
# TYPE squall_errors_total counter
squall_errors_total{PAGE,class="status"} 1
squall_errors_total{PAGE,class="timeout"} 1
# HELP squall_sent_bytes_total Sent, of the protocol: above TLS, headers and framing included.
# TYPE squall_sent_bytes_total counter
squall_sent_bytes_total{PAGE} 300
# HELP squall_received_bytes_total Received, as squall_sent_bytes.
# TYPE squall_received_bytes_total counter
squall_received_bytes_total{PAGE} 4000000000
# HELP squall_response_time_seconds From when an operation was due to its end.
# TYPE squall_response_time_seconds histogram
squall_response_time_seconds_bucket{PAGE,le="0.000001"} 3
squall_response_time_seconds_bucket{PAGE,le="0.001000447"} 4
squall_response_time_seconds_bucket{PAGE,le="+Inf"} 5
squall_response_time_seconds_sum{PAGE} 0.006002
squall_response_time_seconds_count{PAGE} 5
# HELP squall_service_time_seconds From when an operation was started to its end.
# TYPE squall_service_time_seconds histogram
squall_service_time_seconds_bucket{PAGE,le="0.000001"} 3
squall_service_time_seconds_bucket{PAGE,le="0.001000447"} 3
squall_service_time_seconds_bucket{PAGE,le="+Inf"} 3
squall_service_time_seconds_sum{PAGE} 0.000002
squall_service_time_seconds_count{PAGE} 3
# HELP squall_recent_response_time_seconds Percentiles of the response times of the last second told; not to be averaged.
# TYPE squall_recent_response_time_seconds gauge
squall_recent_response_time_seconds{PAGE,percentile="p50"} 0.001
squall_recent_response_time_seconds{PAGE,percentile="p95"} 0.005
# HELP squall_counted_total What a plugin counts beside operations, such as messages lost.
# TYPE squall_counted_total counter
squall_counted_total{population="visitors",name="lost",operation="mqtt.delivery",type="request",phase="main"} 7
# HELP squall_users Users present.
# TYPE squall_users gauge
squall_users{population="visitors"} 0
# HELP squall_in_flight Operations that have begun and not ended.
# TYPE squall_in_flight gauge
squall_in_flight 0
# HELP squall_busy_ratio Share of the last second told for which the busiest shard had work.
# TYPE squall_busy_ratio gauge
squall_busy_ratio 0.25
# HELP squall_lag_p99_seconds How late squall itself began what was due: p99 of the last second told.
# TYPE squall_lag_p99_seconds gauge
squall_lag_p99_seconds 3.1e-05
# HELP squall_probe_value The last value of a probe of the target.
# TYPE squall_probe_value gauge
squall_probe_value{name="memory"} 1e+09
# HELP squall_metric_value A metric of the scenario: its last value, of a trend a second's mean.
# TYPE squall_metric_value gauge
squall_metric_value{name="queue \"depth\""} -3
# HELP squall_metric_total A metric of the scenario that counts.
# TYPE squall_metric_total counter
squall_metric_total{name="orders"} 3.5
)x";

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

TEST(PrometheusPage, OfASmallRun) {
  EXPECT_EQ(page_of(small_run()), replaced(kSmallPage, "PAGE", kPage.substr(1, kPage.size() - 2)));
}

TEST(PrometheusPage, OpenMetricsSaysTheSame) {
  const RunMetrics run = small_run();
  const std::string text = page_of(run), open = page_of(run, Format::openmetrics);
  EXPECT_EQ(samples_of(open), samples_of(text));
  EXPECT_TRUE(open.ends_with("\n# EOF\n"));
  EXPECT_NE(open.find("# TYPE squall_operations counter\nsquall_operations_total{"), open.npos);
  EXPECT_NE(open.find("# TYPE squall_run info\nsquall_run_info{"), open.npos);
  EXPECT_EQ(open.find("_total counter"), open.npos);
  std::set<std::string> families;   // each once
  std::istringstream lines(open);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(!line.starts_with("# TYPE ") || families.insert(line).second) << line;
}

TEST(PrometheusPage, AfterTheLastBatch) {
  RunMetrics run = small_run();
  run.end();
  EXPECT_EQ(samples_of(page_of(run)).at("squall_run_active"), "0");
  EXPECT_EQ(samples_of(page_of(run)).at(of_page("squall_operations_total")), "5");
}

TEST(PrometheusPage, ABatchShownAgainCountsOnce) {
  RunMetrics run = metrics();
  const sq_series_desc page = fake::series(0, "page");
  for (const uint64_t number : {0, 0, 1, 1, 0}) {
    fake::Batch batch(number);
    if (number == 0) batch.series = {&page};
    batch.add_window(0).count = 1;
    run.add(plugin::Batch(*batch.view()));
  }
  EXPECT_EQ(samples_of(page_of(run)).at(of_page("squall_operations_total")), "2");
}

TEST(PrometheusPage, AWindowOfAnUnknownSeriesIsToldBack) {
  RunMetrics run = metrics();
  fake::Batch batch(0);
  batch.add_window(7).count = 3;
  batch.add_window(0).count = 3;
  EXPECT_EQ(run.add(plugin::Batch(*batch.view())), 2u);
  EXPECT_FALSE(has(page_of(run), "squall_operations"));
}

TEST(PrometheusPage, SeriesOfTheSameLabelsAreOne) {
  RunMetrics run = metrics();
  const sq_series_desc a = fake::series(0, "page\xff"), b = fake::series(1, "page\xfe");   // both page and U+FFFD
  fake::Batch batch(0);
  batch.series = {&a, &b};
  batch.add_window(0).count = 3;
  batch.add_window(1).count = 4;
  batch.add_window(0).count = 5;
  batch.windows.back().window.flags = SQ_W_WARMUP;
  run.add(plugin::Batch(*batch.view()));
  std::vector<std::string> values;
  for (const auto& [name, value] : samples_of(page_of(run)))
    if (name.starts_with("squall_operations_total")) values.push_back(value);
  EXPECT_EQ(values, (std::vector<std::string>{"7", "5"}));   // sorted: main, warm-up
}

TEST(PrometheusPage, PercentilesAreOfTheLastBatchAlone) {
  RunMetrics run = small_run();
  fake::Batch third(2);
  third.add_window(1).told = 1;
  run.add(plugin::Batch(*third.view()));
  EXPECT_FALSE(has(page_of(run), "squall_recent_response_time_seconds"));
}

TEST(PrometheusBounds, CountsAreExact) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> times(15, 3);
  const Bounds bounds({1, 1'000, 77'777, 1'000'000, 1'000'100, 30'000'000, 2'000'000'000});
  EXPECT_EQ(bounds.size(), 6u);   // 1 ms and 1.0001 ms fall into one bucket
  plugin::HistogramSum sum;
  std::vector<uint64_t> all;
  for (int i = 0; i < 20'000; ++i) {
    const auto ns = static_cast<uint64_t>(times(random));
    const uint32_t bucket = plugin::bucket_of(ns);
    const uint64_t one = 1;
    sum.add({&bucket, &one, 1, 1, ns, ns, ns});
    all.push_back(ns);
  }
  std::vector<uint64_t> counts;
  bounds.add(sum.view(), counts);
  ASSERT_EQ(counts.size(), bounds.size() + 1);
  uint64_t up_to = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    up_to += counts[i];
    const double le_ns = std::stod(bounds.le(i)) * 1e9;
    EXPECT_EQ(up_to, static_cast<uint64_t>(std::ranges::count_if(all, [&](uint64_t ns) { return static_cast<double>(ns) <= le_ns + .5; })))
        << bounds.le(i);
  }
  EXPECT_EQ(up_to + counts.back(), all.size());
}

TEST(PrometheusBounds, AreAtMostTwoPerMilleAboveWhatWasAskedFor) {
  for (uint64_t ns = 1; ns < 100'000'000'000; ns += 1 + ns / 7) {
    const Bounds bounds({ns});
    const double le_ns = std::stod(bounds.le(0)) * 1e9;
    EXPECT_GE(le_ns, static_cast<double>(ns) - .5);
    EXPECT_LE(le_ns, static_cast<double>(ns) * 1.002 + .5);
  }
}

TEST(PrometheusBounds, SecondsAreExact) {
  EXPECT_EQ(seconds_text(0), "0.0");
  EXPECT_EQ(seconds_text(1), "0.000000001");
  EXPECT_EQ(seconds_text(1'500'000'000), "1.5");
  EXPECT_EQ(seconds_text(1'000'000'000), "1.0");
  EXPECT_EQ(seconds_text(UINT64_MAX), "18446744073.709551615");
}

TEST(PrometheusPage, ThousandsOfSeriesTakeRoomByTheirNumberAlone) {
  RunMetrics run(Bounds(std::vector<uint64_t>{1'000'000, 10'000'000, 100'000'000}), {});
  constexpr uint32_t kSeries = 10'000;   // as many as squall has at most
  std::vector<std::string> names;
  std::vector<sq_series_desc> described;
  for (uint32_t id = 0; id < kSeries; ++id) names.push_back("page " + std::to_string(id));
  for (uint32_t id = 0; id < kSeries; ++id) described.push_back(fake::series(id, names[id]));
  const uint32_t index[] = {plugin::bucket_of(2'000'000)};
  const uint64_t count[] = {1};
  for (uint64_t number = 0; number < 5; ++number) {
    fake::Batch batch(number);
    if (number == 0)
      for (const sq_series_desc& series : described) batch.series.push_back(&series);
    for (uint32_t id = 0; id < kSeries; ++id) {
      sq_window& window = batch.add_window(id);
      window.count = 1;
      window.response = window.service = {index, count, 1, 1, 2'000'000, 2'000'000, 2'000'000};
    }
    run.add(plugin::Batch(*batch.view()));
  }
  EXPECT_EQ(run.series().size(), kSeries);
  const std::string page = page_of(run);
  EXPECT_EQ(samples_of(page).size(), kSeries * (4 + 2 * (4 + 2)) + 2u);
  RecordProperty("page_bytes", static_cast<int>(page.size()));
}

}  // namespace
}  // namespace squall::prometheus
