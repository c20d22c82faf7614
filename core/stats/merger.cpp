#include "stats/merger.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace squall {
namespace {

// A record that claims a longer range was not made by a recorder of ours.
constexpr std::int64_t kLongestRange = 3'600;
// Past it the older half is forgotten: a streak is then said to be at least this long.
constexpr std::size_t kMostBusyWindows = 3'600;

std::size_t slot_of(std::uint32_t series, RunPhase phase) {
  return 2 * static_cast<std::size_t>(series) + (phase == RunPhase::main ? 1 : 0);
}

void add_errors(std::vector<ErrorCount>& to, const std::vector<ErrorCount>& from) {
  const auto key = [](const ErrorCount& e) { return std::tie(e.error, e.code, e.detail); };
  for (const ErrorCount& error : from) {
    const auto at =
        std::lower_bound(to.begin(), to.end(), error,
                         [&](const ErrorCount& a, const ErrorCount& b) { return key(a) < key(b); });
    if (at != to.end() && key(*at) == key(error)) {
      *at += error;
    } else {
      to.insert(at, error);
    }
  }
}

void add_series_window(SeriesWindow& to, const SeriesWindow& from) {
  to.counts += from.counts;
  to.first_due_ns = std::min(to.first_due_ns, from.first_due_ns);
  to.response.merge(from.response);
  to.service.merge(from.service);
  to.lateness.merge(from.lateness);
  to.cut_waited.merge(from.cut_waited);
  for (const PhaseTimes& times : from.phases) {
    auto at = std::lower_bound(
        to.phases.begin(), to.phases.end(), times,
        [](const PhaseTimes& a, const PhaseTimes& b) { return a.phase < b.phase; });
    if (at == to.phases.end() || at->phase != times.phase)
      at = to.phases.insert(at, {times.phase, {}});
    at->times.merge(times.times);
  }
  add_errors(to.errors, from.errors);
}

}  // namespace

Merger::Merger(const SeriesTable& series, MergerOptions options)
    : table_(series), options_(std::move(options)) {
  snapshot_.warmup_ns = options_.warmup_ns;
  for (const auto& population : options_.populations) {
    PopulationTotals& totals = snapshot_.populations.emplace_back();
    totals.name = population.name;
    totals.model = population.model;
    totals.background = population.background;
  }
  for (const std::string& target : options_.targets) snapshot_.connections.push_back({target, {}});
  snapshot_.metrics = options_.metrics;
  if (!options_.sources.empty()) source(static_cast<std::uint32_t>(options_.sources.size() - 1));
}

Merger::Source& Merger::source(std::uint32_t number) {
  while (sources_.size() <= number) {
    const auto n = static_cast<std::uint32_t>(sources_.size());
    SourceState& state = sources_.emplace_back().state;
    state.source = n;
    state.name = n < options_.sources.size() ? options_.sources[n] : "source " + std::to_string(n);
  }
  return sources_[number];
}

// Takes a sequence number in; false when it was there.
bool Merger::note_sequence(Source& source, std::uint64_t sequence) {
  if (sequence <= source.watermark || !source.above.insert(sequence).second) return false;
  while (!source.above.empty() && *source.above.begin() == source.watermark + 1) {
    source.above.erase(source.above.begin());
    ++source.watermark;
  }
  return true;
}

SeriesTotals& Merger::totals(std::uint32_t series, RunPhase phase) {
  const std::size_t slot = slot_of(series, phase);
  if (slot >= position_.size()) position_.resize(slot + 1, 0);
  if (position_[slot] == 0) {
    SeriesTotals& fresh = snapshot_.series.emplace_back();
    fresh.series = series;
    fresh.phase = phase;
    fresh.key = table_.key(series);
    position_[slot] = static_cast<std::uint32_t>(snapshot_.series.size());
  }
  return snapshot_.series[position_[slot] - 1];
}

bool Merger::apply(const WindowRecord& record) {
  Source& source = this->source(record.source);
  if (record.sequence == 0 || !note_sequence(source, record.sequence)) {
    ++snapshot_.duplicate_records;
    return false;
  }
  add_series(source, record);
  if (record.sequence > source.newest) {
    source.newest = record.sequence;
    source.populations = record.populations;
    for (PopulationWindow& population : source.populations) population.blocked = {};
    source.connections = record.connections;
    source.state.busy_last = record.generator.busy;
  }
  if (record.final) source.final_sequence = record.sequence;
  source.last_window = std::max(source.last_window, record.to_window);
  source.state.cpu_s += record.generator.cpu_s;
  for (const PopulationWindow& population : record.populations) {
    if (population.population >= snapshot_.populations.size()) continue;
    snapshot_.populations[population.population].blocked.merge(population.blocked);
  }
  for (const MetricWindow& metric : record.metrics) {
    if (metric.metric < snapshot_.metrics.size()) snapshot_.metrics[metric.metric].values += metric;
  }
  snapshot_.generator.lag.merge(record.generator.lag);
  snapshot_.generator.warmup_lag.merge(record.generator.warmup_lag);
  snapshot_.generator.turn.merge(record.generator.turn);
  add_window(record);
  return true;
}

void Merger::add_series(Source& source, const WindowRecord& record) {
  for (const SeriesWindow& window : record.series) {
    if (window.series >= table_.size()) continue;
    SeriesTotals& totals = this->totals(window.series, window.phase);
    totals.counts += window.counts;
    totals.first_due_ns = std::min(totals.first_due_ns, window.first_due_ns);
    totals.response.merge(window.response);
    totals.service.merge(window.service);
    totals.lateness.merge(window.lateness);
    totals.cut_waited.merge(window.cut_waited);
    for (const PhaseTimes& times : window.phases) {
      const auto phase = static_cast<std::size_t>(times.phase);
      if (phase < kSamplePhases) totals.phases[phase].merge(times.times);
    }
    add_errors(totals.errors, window.errors);
    source.state.samples += window.counts.count() + window.counts.cut;

    const std::size_t slot = slot_of(window.series, window.phase);
    if (slot >= source.sums.size()) source.sums.resize(slot + 1);
    SourceSums& sums = source.sums[slot];
    sums.added += window.counts;
    if (record.sequence > sums.told_at) {
      sums.told_at = record.sequence;
      sums.told = window.total;
    }
  }
}

// The kept window, ready to be changed; nothing when it is no longer kept.
MergedWindow* Merger::writable(std::int64_t window) {
  if (window < dropped_before_) return nullptr;
  Kept& kept = windows_[window];
  if (!kept.window) {
    kept.window = std::make_shared<MergedWindow>();
    kept.window->window = window;
  } else if (kept.handed_out) {
    kept.window = std::make_shared<MergedWindow>(*kept.window);
    ++kept.window->revision;
    kept.handed_out = false;
  }
  return kept.window.get();
}

void Merger::add_window(const WindowRecord& record) {
  const std::int64_t last =
      std::clamp(record.to_window, record.from_window, record.from_window + kLongestRange);
  // What was counted belongs to the first window of the range: in the others nothing happened, or
  // (an outbox had to put records together) nobody knows any more in which it did.
  double samples = 0;
  if (MergedWindow* merged = writable(record.from_window)) {
    for (const SeriesWindow& window : record.series) {
      if (window.series >= table_.size()) continue;
      const auto at =
          std::lower_bound(merged->series.begin(), merged->series.end(), window,
                           [](const SeriesWindow& a, const SeriesWindow& b) {
                             return std::pair(a.series, a.phase) < std::pair(b.series, b.phase);
                           });
      if (at != merged->series.end() && at->series == window.series && at->phase == window.phase) {
        add_series_window(*at, window);
      } else {
        SeriesWindow fresh;
        fresh.series = window.series;
        fresh.phase = window.phase;
        add_series_window(fresh, window);
        merged->series.insert(at, std::move(fresh));
      }
    }
    merged->metrics.resize(snapshot_.metrics.size());
    for (const MetricWindow& metric : record.metrics) {
      if (metric.metric < merged->metrics.size()) merged->metrics[metric.metric] += metric;
    }
    merged->lag.merge(record.generator.lag);
  } else {
    ++snapshot_.late_records;
  }
  for (const SeriesWindow& window : record.series)
    samples += static_cast<double>(window.counts.count());

  Source& source = this->source(record.source);
  for (std::int64_t number = record.from_window; number <= last; ++number) {
    const auto windows = static_cast<double>(last - record.from_window + 1);
    const double spread = samples / windows;
    if (number * kWindowNs >= options_.warmup_ns) {
      if (record.generator.busy >= options_.busy_limit)
        source.busy[number] = {record.generator.busy, spread, record.generator.cpu_s / windows};
      source.state.busy_max = std::max(source.state.busy_max, record.generator.busy);
    }
    MergedWindow* merged = writable(number);
    if (merged == nullptr) continue;
    ++merged->sources;
    merged->busy_max = std::max(merged->busy_max, record.generator.busy);
    merged->populations.resize(std::max(merged->populations.size(), record.populations.size()));
    for (std::size_t i = 0; i < record.populations.size(); ++i) {
      PopulationWindow& to = merged->populations[i];
      const PopulationWindow& from = record.populations[i];
      to.population = from.population;
      if (number == record.from_window) to.blocked.merge(from.blocked);
      to.users_planned += from.users_planned;
      to.users_present += from.users_present;
      to.users_peak += from.users_peak;
      to.users_retiring += from.users_retiring;
      to.in_flight += from.in_flight;
      if (from.population < snapshot_.populations.size()) {
        auto& peak = snapshot_.populations[from.population].users_peak;
        peak = std::max(peak, to.users_peak);
      }
    }
  }
  newest_window_ = std::max(newest_window_, last);
  if (source.busy.size() > kMostBusyWindows) {
    source.longest = longest_run(source);
    source.busy.erase(source.busy.begin(), std::next(source.busy.begin(), kMostBusyWindows / 2));
  }
}

// Windows are kept by number and only while busy, so it does not matter in which order they came.
Merger::BusyRun Merger::longest_run(const Source& source) {
  BusyRun longest = source.longest;
  BusyRun run;
  std::int64_t next = -1;
  for (const auto& [window, entry] : source.busy) {
    if (window != next) run = {};
    next = window + 1;
    ++run.length;
    run.busy += entry.busy;
    run.samples += entry.samples;
    run.cpu_s += entry.cpu_s;
    if (run.length > longest.length) longest = run;
  }
  return longest;
}

void Merger::sum_up(Source& source) {
  SourceState& state = source.state;
  state.last_sequence = source.above.empty() ? source.watermark : *source.above.rbegin();
  state.missing = state.last_sequence - source.watermark - source.above.size();
  state.final = source.final_sequence != 0;
  state.balanced = true;
  if (state.complete()) {
    for (const SourceSums& sums : source.sums)
      state.balanced = state.balanced && sums.told == sums.added;
  }
  const BusyRun longest = longest_run(source);
  state.busy_streak = longest.length;
  state.streak_busy = longest.length == 0 ? 0 : longest.busy / longest.length;
  state.streak_rate_per_s = longest.length == 0 ? 0 : longest.samples / longest.length;
  state.streak_own_share = longest.busy > 0 && longest.cpu_s > 0 ? std::min(longest.cpu_s / longest.busy, 1.0) : 1;

  for (const PopulationWindow& window : source.populations) {
    if (window.population >= snapshot_.populations.size()) continue;
    PopulationTotals& totals = snapshot_.populations[window.population];
    totals.iterations += window.total;
    totals.users_planned += window.users_planned;
    totals.users_present += window.users_present;
    totals.users_retiring += window.users_retiring;
    totals.users_stopped += window.users_stopped;
    totals.in_flight += window.in_flight;
    // Ended only when it has on every source.
    const bool still_ended = totals.ended_ns != -1 && window.ended_ns != -1;
    totals.ended_ns = still_ended ? std::max(totals.ended_ns, window.ended_ns) : -1;
  }
  for (const ConnectionCounts& counts : source.connections) {
    if (counts.target < snapshot_.connections.size())
      snapshot_.connections[counts.target].counts += counts;
  }
  snapshot_.generator.cpu_s += state.cpu_s;
  snapshot_.sources.push_back(state);
}

void Merger::sort_series() {
  const auto before = [](const SeriesTotals& a, const SeriesTotals& b) {
    return std::tie(a.key, a.phase) < std::tie(b.key, b.phase);
  };
  if (std::is_sorted(snapshot_.series.begin(), snapshot_.series.end(), before)) return;
  std::sort(snapshot_.series.begin(), snapshot_.series.end(), before);
  for (std::size_t i = 0; i < snapshot_.series.size(); ++i) {
    position_[slot_of(snapshot_.series[i].series, snapshot_.series[i].phase)] =
        static_cast<std::uint32_t>(i + 1);
  }
}

const Snapshot& Merger::snapshot(std::int64_t now_ns, std::int64_t measured_until_ns) {
  Snapshot& s = snapshot_;
  s.run_time_ns = now_ns;
  const std::int64_t until = measured_until_ns > 0 ? std::min(measured_until_ns, now_ns) : now_ns;
  s.measured_ns = std::max<std::int64_t>(until - options_.warmup_ns, 0);
  s.overflowed_series = table_.overflowed();
  sort_series();
  s.sources.clear();
  s.generator.cpu_s = 0;
  for (PopulationTotals& totals : s.populations) {
    totals.iterations = {};
    totals.users_planned = totals.users_present = totals.users_retiring = totals.users_stopped = totals.in_flight = 0;
    totals.ended_ns = sources_.empty() ? -1 : 0;
  }
  for (TargetConnections& connections : s.connections) connections.counts = {};
  for (Source& source : sources_) {
    sum_up(source);
    if (source.populations.empty()) {
      for (PopulationTotals& totals : s.populations) totals.ended_ns = -1;
    }
  }
  s.ledger = {};
  for (const PopulationTotals& totals : s.populations) {
    if (totals.background) continue;
    const IterationCounts& i = totals.iterations;
    IterationLedger& l = s.ledger.iterations;
    l.planned += i.planned;
    l.started += i.started;
    l.dropped += i.dropped;
    l.waiting += i.waiting;
    l.not_due += i.not_due;
    l.completed += i.completed;
    l.interrupted += i.interrupted;
    l.cut += i.cut;
    s.ledger.samples.begun += i.operations_begun;
    s.ledger.groups.begun += i.groups_begun;
  }
  const auto fill = [&](SampleLedger& ledger, SeriesKind kind) {
    const SampleCounts counts = s.totals(kind);
    ledger.ok = counts.ok;
    ledger.failed = counts.failed;
    ledger.cut = counts.cut;
  };
  fill(s.ledger.samples, SeriesKind::operation);
  fill(s.ledger.groups, SeriesKind::group);
  for (SeriesTotals& series : s.series) {
    std::int64_t ended = -1;
    for (const PopulationTotals& totals : s.populations) {
      if (totals.name == series.key.population) ended = totals.ended_ns;
    }
    series.rate_time_ns = s.rate_time_ns(series.first_due_ns, ended);
  }
  s.windows.clear();
  for (const auto& [number, kept] : windows_) {
    if (kept.handed_out) s.windows.push_back(kept.window);
  }
  return s;
}

std::vector<std::shared_ptr<const MergedWindow>> Merger::take_closed(bool all) {
  std::vector<std::shared_ptr<const MergedWindow>> closed;
  for (auto& [number, kept] : windows_) {
    if (kept.handed_out) continue;
    std::uint32_t expected = 0;
    for (const Source& source : sources_) {
      const bool over = source.final_sequence != 0 && source.last_window < number;
      if (!over) ++expected;
    }
    const bool complete = kept.window->sources >= expected;
    if (!all && !complete && newest_window_ < number + options_.late_windows) break;
    kept.handed_out = true;
    closed.push_back(kept.window);
  }
  while (!windows_.empty() && windows_.begin()->first <= newest_window_ - options_.keep_windows &&
         windows_.begin()->second.handed_out) {
    dropped_before_ = windows_.begin()->first + 1;
    windows_.erase(windows_.begin());
  }
  return closed;
}

}  // namespace squall
