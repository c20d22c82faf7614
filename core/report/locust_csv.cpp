#include "report/locust_csv.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "report/series_view.hpp"
#include "report/utc_text.hpp"

namespace squall {
namespace {

constexpr double kQuantiles[] = {0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1};
constexpr const char* kQuantileNames = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%";

std::string field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string row(const std::vector<std::string>& fields) { return fmt::format("{}\r\n", fmt::join(fields, ",")); }

/// The method where there is one.
std::string type_of(const SeriesKey& key) {
  if (!key.operation.starts_with("http.")) return key.operation;
  std::string method = key.operation.substr(5);
  std::ranges::transform(method, method.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return method;
}

bool is_counted(const SeriesTotals& series) {
  return series.phase == RunPhase::main && series.key.kind == SeriesKind::operation && !series.key.background;
}

/// What one row adds up.
struct Sum {
  SampleCounts counts;
  SparseHistogram response;
  double rate_per_s = 0, failures_per_s = 0;

  void add(const SampleCounts& more, const SparseHistogram& times) {
    counts += more;
    response.merge(times);
  }
};

std::string ms_text(std::uint64_t ns) { return fmt::format("{}", std::llround(static_cast<double>(ns) / 1e6)); }

void add_quantiles(std::vector<std::string>& fields, const SparseHistogram& times) {
  for (const double quantile : kQuantiles) fields.push_back(times.empty() ? "N/A" : ms_text(times.quantile_ns(quantile)));
}

double mean_size(const SampleCounts& counts) {
  return counts.count() == 0 ? 0 : static_cast<double>(counts.bytes_in) / static_cast<double>(counts.count());
}

std::string stats_row(const std::string& type, const std::string& name, const Sum& sum) {
  const SparseHistogram& times = sum.response;
  std::vector<std::string> fields = {field(type),
                                     field(name),
                                     std::to_string(sum.counts.count()),
                                     std::to_string(sum.counts.failed),
                                     ms_text(times.quantile_ns(0.5)),
                                     fmt::format("{}", times.mean_ns() / 1e6),
                                     fmt::format("{}", static_cast<double>(times.min_ns()) / 1e6),
                                     fmt::format("{}", static_cast<double>(times.max_ns()) / 1e6),
                                     fmt::format("{}", mean_size(sum.counts)),
                                     fmt::format("{}", sum.rate_per_s),
                                     fmt::format("{}", sum.failures_per_s)};
  add_quantiles(fields, times);
  return row(fields);
}

}  // namespace

std::string locust_stats_csv(const RunResult& result) {
  std::map<std::pair<std::string, std::string>, Sum> by_name;   // (name, type), as Locust sorts
  Sum all;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (!is_counted(series) || series.counts.count() == 0) continue;
    const double rate = series_rate_per_s(series, result.snapshot);
    const double failures = rate * static_cast<double>(series.counts.failed) / static_cast<double>(series.counts.count());
    for (Sum* sum : {&by_name[{series.key.name, type_of(series.key)}], &all}) {
      sum->add(series.counts, series.response);
      sum->rate_per_s += rate;
      sum->failures_per_s += failures;
    }
  }
  std::string out = fmt::format("Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
                                "Max Response Time,Average Content Size,Requests/s,Failures/s,{}\r\n", kQuantileNames);
  for (const auto& [key, sum] : by_name) out += stats_row(key.second, key.first, sum);
  return out + stats_row("", "Aggregated", all);
}

std::string locust_history_csv(const RunResult& result) {
  std::set<std::uint32_t> counted;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (is_counted(series)) counted.insert(series.series);
  }
  std::string out = fmt::format("Timestamp,User Count,Type,Name,Requests/s,Failures/s,{},Total Request Count,Total Failure Count,"
                                "Total Median Response Time,Total Average Response Time,Total Min Response Time,"
                                "Total Max Response Time,Total Average Content Size\r\n", kQuantileNames);
  Sum all;
  for (const auto& window : result.timeline) {
    SampleCounts here;
    for (const SeriesWindow& series : window->series) {
      if (series.phase != RunPhase::main || !counted.contains(series.series)) continue;
      here += series.counts;
      all.add(series.counts, series.response);
    }
    std::uint64_t users = 0;
    for (const PopulationWindow& population : window->populations) users += population.users_present;
    const SparseHistogram& times = all.response;
    std::vector<std::string> fields = {std::to_string(result.info.started_unix_ns / 1'000'000'000 + window->window + 1),
                                       std::to_string(users), "", "Aggregated", fmt::format("{:.6f}", static_cast<double>(here.count())),
                                       fmt::format("{:.6f}", static_cast<double>(here.failed))};
    add_quantiles(fields, times);
    for (const std::uint64_t count : {all.counts.count(), all.counts.failed}) fields.push_back(std::to_string(count));
    fields.push_back(ms_text(times.quantile_ns(0.5)));
    fields.push_back(fmt::format("{}", times.mean_ns() / 1e6));
    fields.push_back(fmt::format("{}", static_cast<double>(times.min_ns()) / 1e6));
    fields.push_back(fmt::format("{}", static_cast<double>(times.max_ns()) / 1e6));
    fields.push_back(fmt::format("{}", mean_size(all.counts)));
    out += row(fields);
  }
  return out;
}

std::string locust_failures_csv(const RunResult& result) {
  std::map<std::tuple<std::string, std::string, std::string>, ErrorCount> by_name;   // (type, name, what)
  for (const SeriesTotals& series : result.snapshot.series) {
    if (!is_counted(series)) continue;
    for (const ErrorCount& error : series.errors) by_name[{type_of(series.key), series.key.name, error_text(error)}] += error;
  }
  const auto second = [&](std::int64_t run_time_ns) {
    if (run_time_ns == kNoTime || run_time_ns == -kNoTime) return std::string();
    const std::string text = utc_text(result.info.started_unix_ns + run_time_ns);
    return text.substr(0, text.find('.')) + "Z";
  };
  std::string out = "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n";
  for (const auto& [key, error] : by_name) {
    const auto& [type, name, what] = key;
    out += row({field(type), field(name), field(what), std::to_string(error.count), second(error.first_ns), second(error.last_ns)});
  }
  return out;
}

std::string locust_exceptions_csv(const RunResult&) { return "Count,Message,Traceback,Nodes\r\n"; }

}  // namespace squall
