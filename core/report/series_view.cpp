#include "report/series_view.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace squall {

std::int64_t series_rate_time_ns(const SeriesTotals& series, const Snapshot& snapshot) {
  return series.rate_time_ns > 0 ? series.rate_time_ns : snapshot.measured_ns;
}

double series_rate_per_s(const SeriesTotals& series, const Snapshot& snapshot) {
  const std::int64_t time_ns = series_rate_time_ns(series, snapshot);
  return time_ns > 0 ? static_cast<double>(series.counts.count()) * 1e9 / static_cast<double>(time_ns) : 0;
}

std::vector<const SeriesTotals*> series_to_show(const Snapshot& snapshot) {
  std::vector<const SeriesTotals*> list;
  for (const SeriesTotals& series : snapshot.series) {
    if (series.phase == RunPhase::main && series.counts.count() + series.counts.cut > 0) {
      list.push_back(&series);
    }
  }
  return list;
}

std::string series_label(const SeriesKey& key) {
  const std::string& what = key.kind == SeriesKind::delivery ? key.operation : key.type;
  return printable(fmt::format("{}/{}{}", key.population, key.name, what == "request" ? "" : fmt::format(" ({})", what)));
}

std::string time_text(double ns) {
  const auto digits = [](double value, const char* unit) {
    return fmt::format("{:.{}f} {}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, unit);
  };
  if (ns < 999'500) return digits(ns / 1e3, "µs");
  if (ns < 999.5e6) return digits(ns / 1e6, "ms");
  return digits(ns / 1e9, "s");
}

std::string count_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (auto place = static_cast<std::ptrdiff_t>(text.size()) - 3; place > 0; place -= 3) {
    text.insert(static_cast<std::size_t>(place), ",");
  }
  return text;
}

std::string bytes_text(double bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes)
                   : fmt::format("{:.{}f} {}", bytes, bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) out += '?';
    else out += c;
  }
  return out;
}

}  // namespace squall
