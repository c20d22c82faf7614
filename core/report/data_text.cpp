#include "report/data_text.hpp"

#include <fmt/format.h>

#include "report/series_view.hpp"
#include "report/table.hpp"

namespace squall {

std::string part_text(const PartResult& part) {
  std::string text = fmt::format("{} operation{} in {}", count_text(part.operations), part.operations == 1 ? "" : "s",
                                 time_text(static_cast<double>(part.duration_ns)));
  if (part.failed > 0) text += fmt::format(", {} failed", count_text(part.failed));
  if (!part.is_done) text += ", did not come to its end";
  if (!part.why.empty()) text += ": " + part.why;
  return text;
}

std::string records_text(const RecordTotals& records) {
  const auto time = [](std::uint64_t ns) { return time_text(static_cast<double>(ns)); };
  std::string text = fmt::format("{} of {} held at most, acquired {}, each {} to {} times", count_text(records.held_most),
                                 count_text(records.records), count_text(records.acquired), count_text(records.least_used),
                                 count_text(records.most_used));
  if (records.waited.count() > 0) {
    text += fmt::format("; {} waited, p99 {}, max {}", count_text(records.waited.count()),
                        time(records.waited.quantile_ns(0.99)), time(records.waited.max_ns()));
  }
  if (records.found_none > 0) text += fmt::format("; {} found none", count_text(records.found_none));
  if (records.in_vain > 0) {
    text += fmt::format("; {} waited in vain, the longest {}", count_text(records.in_vain), time(records.in_vain_longest_ns));
  }
  const std::uint64_t held = records.acquired - records.handed_back;
  if (held > 0) text += fmt::format("; {} never came back", count_text(held));
  return text;
}

std::string seen_text(const ErrorCount& error) {
  if (error.first_ns == kNoTime) return "";
  const auto time = [](std::int64_t ns) { return fmt::format("{:.2f} s", static_cast<double>(ns) / 1e9); };
  return error.first_ns == error.last_ns ? fmt::format(" (at {})", time(error.first_ns))
                                         : fmt::format(" ({} to {})", time(error.first_ns), time(error.last_ns));
}

std::string metric_text(const MetricTotals& metric) {
  const MetricWindow& values = metric.values;
  if (values.count == 0) return "no value";
  const std::string unit = metric.unit.empty() ? "" : " " + metric.unit;
  if (metric.kind == MetricKind::counter) return fmt::format("{:.6g}{} in {} values", values.sum, unit, count_text(values.count));
  return fmt::format("last {:.6g}{}, mean {:.6g}, {:.6g} to {:.6g}, {} values", values.last, unit,
                     values.mean(), values.min, values.max, count_text(values.count));
}

}  // namespace squall
