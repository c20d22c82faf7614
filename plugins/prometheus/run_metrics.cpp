#include "run_metrics.hpp"

#include "labels.hpp"

namespace squall::prometheus {

using namespace squall::plugin;

uint64_t RunMetrics::add(const Batch& batch) {
  if (has_begun_ && batch.number() <= last_batch_) return 0;
  for (const sq_event& event : batch.events()) {
    if (view(event.kind) == "run") {
      run_id_ = view(event.text);
      begin_unix_ns_ = event.unix_ns;
    }
    if (view(event.kind) == "start") scenario_ = view(event.text);
  }
  for (const sq_series_desc& series : batch.series()) {
    if (series.id >= described_.size()) described_.resize(series.id + 1);
    described_[series.id] = {{labels_of(series, false), labels_of(series, true)}, {}};
  }
  uint64_t unknown = 0;
  for (const sq_window& window : batch.windows()) {
    if (window.series >= described_.size() || described_[window.series].labels[0].empty()) {
      ++unknown;
      continue;
    }
    SeriesSums& sums = sums_of(described_[window.series], (window.flags & SQ_W_WARMUP) != 0);
    sums.count += window.count;
    sums.failed += window.failed;
    sums.sent_bytes += window.bytes_out;
    sums.received_bytes += window.bytes_in;
    sums.told += window.told;
    for (const sq_error_count& error : errors(window))
      if (error.kind < kErrorClasses) sums.errors[error.kind] += error.count;
    add_times(window.response, sums.response);
    add_times(window.service, sums.service);
    sums.last_batch = batch.number();
    sums.percentiles_ns.clear();
    if (window.response.total > 0)
      for (const double share : percentiles_)
        sums.percentiles_ns.push_back(quantile_ns(window.response, share));
  }
  constexpr std::string_view kCounter = "counter.";
  for (const sq_gauge& gauge : batch.gauges()) {
    const std::string_view name = view(gauge.name);
    if (name.starts_with(kCounter))
      counters_[std::string(name.substr(kCounter.size()))] += gauge.value;
    else
      gauges_[std::string(name)] = gauge.value;
  }
  last_batch_ = batch.number();
  has_begun_ = true;
  return unknown;
}

SeriesSums& RunMetrics::sums_of(Described& described, bool is_warmup) {
  SeriesSums*& known = described.sums[is_warmup];
  if (known) return *known;
  SeriesSums*& shared = by_labels_[described.labels[is_warmup]];
  if (!shared) {
    shared = &series_.emplace_back();
    shared->labels = described.labels[is_warmup];
  }
  return *(known = shared);
}

void RunMetrics::add_times(const sq_hist& times, Times& into) const {
  if (times.total == 0) return;
  bounds_.add(times, into.counts);
  into.count += times.total;
  into.sum_ns += times.sum_ns;
}

}  // namespace squall::prometheus
