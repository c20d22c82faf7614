#include "stats/recorder.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace squall {

Recorder::Recorder(RecorderOptions options)
    : options_(options),
      populations_(options.populations),
      blocked_(options.populations),
      connections_(options.targets),
      metrics_(options.metrics) {
  for (std::uint32_t i = 0; i < options.populations; ++i) populations_[i].population = i;
  for (std::uint32_t i = 0; i < options.targets; ++i) connections_[i].target = i;
}

Recorder::Cell& Recorder::new_cell(std::size_t slot) {
  if (slot >= cells_.size()) cells_.resize(slot + 1 + slot / 2);
  cells_[slot] = std::make_unique<Cell>();
  cells_[slot]->series = static_cast<std::uint32_t>(slot / 2);
  cells_[slot]->phase = slot % 2 == 0 ? RunPhase::warmup : RunPhase::main;
  dirty_.reserve(cells_.size());
  return *cells_[slot];
}

Recorder::Cell& Recorder::cell(std::uint32_t series, std::int64_t due_ns) {
  const std::size_t slot =
      2 * static_cast<std::size_t>(series) + (due_ns < options_.warmup_ns ? 0 : 1);
  Cell& cell = slot < cells_.size() && cells_[slot] ? *cells_[slot] : new_cell(slot);
  if (!cell.dirty) {
    cell.dirty = true;
    dirty_.push_back(&cell);
  }
  if (due_ns < cell.first_due_ns) cell.first_due_ns = due_ns;
  return cell;
}

void Recorder::record(const Sample& sample) {
  if (sample.ended_ns >= window_end_ns_) {
    close_window(sample.ended_ns / kWindowNs);
  } else if (sample.ended_ns < window_end_ns_ - kWindowNs && window_ > 0) {
    ++late_samples_;
  }
  Cell& cell = this->cell(sample.series, sample.due_ns);
  ++samples_;
  cell.counts.bytes_out += sample.bytes_out;
  cell.counts.bytes_in += sample.bytes_in;
  if (sample.outcome == Outcome::cancelled) {
    // How long a cut operation would have taken is not known, only that it was longer than this.
    ++cell.counts.cut;
    if (!cell.cut_waited) cell.cut_waited = std::make_unique<Histogram>();
    cell.cut_waited->record(clamp(sample.response_ns()));
    return;
  }
  cell.response.record(clamp(sample.response_ns()));
  cell.service.record(clamp(sample.service_ns()));
  cell.lateness.record(clamp(sample.lateness_ns()));
  std::uint64_t any_phase = 0;
  for (const std::uint64_t time : sample.phases_ns) any_phase |= time;
  for (std::size_t phase = 0; any_phase != 0 && phase < kSamplePhases; ++phase) {
    if (sample.phases_ns[phase] == 0) continue;
    auto& times = cell.phases[phase];
    if (!times) times = std::make_unique<Histogram>();
    times->record(sample.phases_ns[phase]);
  }
  if (sample.outcome == Outcome::ok) {
    ++cell.counts.ok;
    return;
  }
  ++cell.counts.failed;
  count_error(cell, sample);
}

void Recorder::count_error(Cell& cell, const Sample& sample) {
  ErrorClass error = sample.outcome == Outcome::timeout ? ErrorClass::timeout : sample.error;
  if (error == ErrorClass::none || static_cast<std::size_t>(error) >= kErrorClasses)
    error = ErrorClass::plugin;
  const std::uint64_t hash = std::hash<std::string_view>{}(sample.detail);
  const std::int64_t at_ns = sample.ended_ns;
  for (ErrorCell& known : cell.errors) {
    if (known.error.error == error && known.error.code == sample.code && known.hash == hash &&
        known.error.detail == sample.detail) {
      known.error += {error, sample.code, {}, 1, at_ns, at_ns};
      return;
    }
  }
  // The bound leaves room for one `(other)` of each class, so the sum by class is always exact.
  if (cell.errors.size() < options_.errors_per_series) {
    cell.errors.push_back({ErrorCount{error, sample.code, std::string(sample.detail), 1, at_ns, at_ns}, hash});
    return;
  }
  for (ErrorCell& known : cell.errors) {
    if (known.error.error == error && known.error.detail == "(other)") {
      known.error += {error, 0, {}, 1, at_ns, at_ns};
      return;
    }
  }
  cell.errors.push_back({ErrorCount{error, 0, "(other)", 1, at_ns, at_ns}, 0});
}

void Recorder::progress(std::uint32_t series, std::int64_t due_ns, std::uint64_t bytes_out,
                        std::uint64_t bytes_in) {
  SampleCounts& counts = cell(series, due_ns).counts;
  counts.bytes_out += bytes_out;
  counts.bytes_in += bytes_in;
}

void Recorder::metric(std::uint32_t metric, double value, std::int64_t at_ns) {
  if (at_ns >= window_end_ns_) close_window(at_ns / kWindowNs);
  metrics_[metric].add(value, at_ns);
}

void Recorder::lag(std::int64_t due_ns, std::int64_t lag_ns) {
  (due_ns < options_.warmup_ns ? warmup_lag_ : lag_).record(clamp(lag_ns));
}

void Recorder::blocked(std::uint32_t population, std::int64_t blocked_ns) {
  blocked_[population].record(clamp(blocked_ns));
}

// Puts what was counted into a record and opens `next_window`.  Windows in between, in which this
// shard handled nothing, are covered by the record's range: somebody looking for gaps finds none.
void Recorder::close_window(std::int64_t next_window) {
  WindowRecord record;
  record.source = options_.source;
  record.sequence = ++sequence_;
  record.from_window = window_;
  record.to_window = std::max(window_, next_window - 1);
  record.series.reserve(dirty_.size());
  for (Cell* cell : dirty_) {
    SeriesWindow& window = record.series.emplace_back();
    window.series = cell->series;
    window.phase = cell->phase;
    window.counts = cell->counts;
    window.total = cell->total += cell->counts;
    window.first_due_ns = cell->first_due_ns;
    window.response = cell->response.take();
    window.service = cell->service.take();
    window.lateness = cell->lateness.take();
    if (cell->cut_waited) window.cut_waited = cell->cut_waited->take();
    for (std::size_t phase = 0; phase < kSamplePhases; ++phase) {
      if (!cell->phases[phase] || cell->phases[phase]->empty()) continue;
      window.phases.push_back({static_cast<SamplePhase>(phase), cell->phases[phase]->take()});
    }
    for (ErrorCell& error : cell->errors) {
      if (error.error.count == 0) continue;
      window.errors.push_back(error.error);
      // The text stays: it is likely to come again.
      error.error.count = 0;
      error.error.first_ns = kNoTime;
      error.error.last_ns = -kNoTime;
    }
    cell->counts = {};
    cell->first_due_ns = kNoTime;
    cell->dirty = false;
  }
  dirty_.clear();
  record.populations = populations_;
  for (std::size_t i = 0; i < blocked_.size(); ++i)
    record.populations[i].blocked = blocked_[i].take();
  record.connections = connections_;
  for (std::uint32_t i = 0; i < metrics_.size(); ++i) {
    if (metrics_[i].count == 0) continue;
    record.metrics.push_back(std::exchange(metrics_[i], {}));
    record.metrics.back().metric = i;
  }
  record.generator.lag = lag_.take();
  record.generator.warmup_lag = warmup_lag_.take();
  record.generator.turn = turn_.take();
  closed_.push_back(std::move(record));
  window_ = next_window;
  window_end_ns_ = (next_window + 1) * kWindowNs;
}

std::vector<WindowRecord> Recorder::drain(std::int64_t now_ns, double busy, double cpu_s) {
  if (now_ns >= window_end_ns_) close_window(now_ns / kWindowNs);
  // A sample may have closed the window before the gauges of its end were there.
  for (WindowRecord& record : closed_) {
    for (std::size_t i = 0; i < populations_.size(); ++i) {
      PopulationWindow& window = record.populations[i];
      window.users_planned = populations_[i].users_planned;
      window.users_present = populations_[i].users_present;
      window.users_peak = populations_[i].users_peak;
      window.users_retiring = populations_[i].users_retiring;
      window.in_flight = populations_[i].in_flight;
    }
    record.connections = connections_;
  }
  return hand_over(busy, cpu_s);
}

std::vector<WindowRecord> Recorder::hand_over(double busy, double cpu_s) {
  for (WindowRecord& record : closed_) record.generator.busy = busy;
  if (!closed_.empty()) closed_.back().generator.cpu_s = cpu_s;
  return std::exchange(closed_, {});
}

std::vector<WindowRecord> Recorder::finish(std::int64_t now_ns, double busy, double cpu_s) {
  if (now_ns >= window_end_ns_) close_window(now_ns / kWindowNs);
  close_window(window_ + 1);
  closed_.back().final = true;
  return hand_over(busy, cpu_s);
}

}  // namespace squall
