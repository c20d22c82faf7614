#include "stats/late_part.hpp"

#include <algorithm>

namespace squall {
namespace {

SparseHistogram difference(const SparseHistogram& before, const SparseHistogram& now) {
  std::vector<std::uint32_t> index;
  std::vector<std::uint64_t> count;
  std::size_t told = 0;
  for (std::size_t i = 0; i < now.index().size(); ++i) {
    const std::uint32_t bucket = now.index()[i];
    const bool is_told = told < before.index().size() && before.index()[told] == bucket;
    const std::uint64_t more = now.counts()[i] - (is_told ? before.counts()[told++] : 0);
    if (more == 0) continue;
    index.push_back(bucket);
    count.push_back(more);
  }
  if (index.empty()) return {};
  const std::uint64_t low = std::max(bucket_low(index.front()), now.min_ns());
  const std::uint64_t high = std::min(bucket_high(index.back()), now.max_ns());
  const std::uint64_t sum = now.sum_ns() - before.sum_ns();
  return SparseHistogram::from_parts(std::move(index), std::move(count), sum, low, high).value_or(SparseHistogram());
}

SampleCounts difference(const SampleCounts& before, const SampleCounts& now) {
  return {now.ok - before.ok,           now.failed - before.failed,         now.cut - before.cut,
          now.bytes_out - before.bytes_out, now.bytes_in - before.bytes_in, now.told - before.told};
}

std::vector<ErrorCount> difference(const std::vector<ErrorCount>& before, const std::vector<ErrorCount>& now) {
  std::vector<ErrorCount> more;
  for (const ErrorCount& error : now) {
    const auto told = std::ranges::find_if(before, [&](const ErrorCount& known) {
      return known.error == error.error && known.code == error.code && known.detail == error.detail;
    });
    ErrorCount left = error;
    if (told != before.end()) left.count -= told->count;
    if (left.count > 0) more.push_back(std::move(left));
  }
  return more;
}

}  // namespace

MergedWindow late_part(const MergedWindow& before, const MergedWindow& now) {
  MergedWindow late;
  late.window = now.window;
  late.revision = now.revision;
  for (const SeriesWindow& series : now.series) {
    const auto told = std::ranges::find_if(before.series, [&](const SeriesWindow& known) {
      return known.series == series.series && known.phase == series.phase;
    });
    if (told == before.series.end()) {
      late.series.push_back(series);
      continue;
    }
    SeriesWindow more;
    more.series = series.series;
    more.phase = series.phase;
    more.first_due_ns = series.first_due_ns;
    more.counts = difference(told->counts, series.counts);
    if (more.counts == SampleCounts{}) continue;
    more.response = difference(told->response, series.response);
    more.service = difference(told->service, series.service);
    more.lateness = difference(told->lateness, series.lateness);
    more.cut_waited = difference(told->cut_waited, series.cut_waited);
    more.errors = difference(told->errors, series.errors);
    late.series.push_back(std::move(more));
  }
  late.metrics = now.metrics;
  for (std::size_t i = 0; i < before.metrics.size() && i < late.metrics.size(); ++i) {
    late.metrics[i].count -= before.metrics[i].count;
    late.metrics[i].sum -= before.metrics[i].sum;
  }
  return late;
}

}  // namespace squall
