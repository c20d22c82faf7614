// The merged statistics of a moment: everything that the report, the thresholds, the verdict, the
// live page and the outputs read.  Plain fields; merger.hpp fills them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stats/ledger.hpp"
#include "stats/metric_kind.hpp"
#include "stats/series.hpp"
#include "stats/window_record.hpp"

namespace squall {

struct SeriesTotals {
  std::uint32_t series = 0;
  RunPhase phase = RunPhase::main;
  SeriesKey key;
  SampleCounts counts;
  std::int64_t first_due_ns = kNoTime;
  std::int64_t rate_time_ns = 0;  // what rates are taken over: see Snapshot::rate_time_ns
  SparseHistogram response;
  SparseHistogram service;
  SparseHistogram lateness;
  SparseHistogram cut_waited;
  std::array<SparseHistogram, kSamplePhases> phases;
  std::vector<ErrorCount> errors;  // by (class, code, detail), sorted
  std::uint64_t failed_with(ErrorClass error) const;
};

struct PopulationTotals {
  std::string name;
  LoadModel model = LoadModel::closed;
  bool background = false;
  IterationCounts iterations;
  SparseHistogram blocked;
  std::uint64_t users_planned = 0;  // now
  std::uint64_t users_present = 0;
  std::uint64_t users_retiring = 0;
  std::uint64_t users_peak = 0;
  std::uint64_t users_stopped = 0;
  std::uint64_t in_flight = 0;
  std::int64_t ended_ns = -1;  // when it had ended as planned, -1: it has not
};

struct MetricTotals {
  std::string name, unit;
  MetricKind kind = MetricKind::gauge;
  bool is_probe = false;     // read from the target each second
  MetricWindow values;       // of the whole run
};

struct TargetConnections {
  std::string target;
  ConnectionCounts counts;
};

/// One shard, or one shard of an agent.
struct SourceState {
  std::uint32_t source = 0;
  std::string name;                 // "shard 0", "a1 shard 0"
  std::uint64_t last_sequence = 0;  // highest known
  std::uint64_t missing = 0;        // records below it that never came
  bool final = false;               // its last record is in
  bool balanced = true;  // its totals equal the sums of what was applied (known when complete)
  std::uint64_t samples = 0;
  double busy_last = 0;
  double busy_max = 0;  // after the warm-up
  std::uint32_t busy_streak =
      0;                   // most consecutive windows at or above the limit, after the warm-up
  double streak_busy = 0;  // mean of those windows
  double streak_rate_per_s = 0;  // iterations and samples it began in them, per second
  double streak_own_share = 1;   // of the busy time: CPU that it had; the rest it waited for one
  double cpu_s = 0;
  bool complete() const { return final && missing == 0; }
};

struct GeneratorTotals {
  SparseHistogram lag;  // after the warm-up
  SparseHistogram warmup_lag;
  SparseHistogram turn;
  double cpu_s = 0;
};

/// One second of all sources together.
struct MergedWindow {
  std::int64_t window = 0;
  std::uint32_t revision = 0;        // grows when late records came after it was handed out
  std::uint32_t sources = 0;         // that have reported it
  std::vector<SeriesWindow> series;  // sorted by (series, phase); `total` is unused
  std::vector<PopulationWindow> populations;  // gauges summed; `total` is unused
  std::vector<MetricWindow> metrics;          // by metric; count 0: none came in this second
  double busy_max = 0;
  SparseHistogram lag;
};

struct Snapshot {
  std::int64_t run_time_ns = 0;
  std::int64_t warmup_ns = 0;
  std::int64_t measured_ns = 0;      // time after the warm-up that rates are taken over
  std::vector<SeriesTotals> series;  // sorted by key, then warm-up before main
  std::vector<PopulationTotals> populations;
  std::vector<TargetConnections> connections;
  std::vector<MetricTotals> metrics;   // in the scenario's order
  std::vector<SourceState> sources;
  GeneratorTotals generator;
  Ledger ledger;  // background populations left out
  std::uint64_t duplicate_records = 0;
  std::uint64_t late_records = 0;  // came after their window was handed out
  std::uint64_t overflowed_series = 0;
  /// The newest closed ones, oldest first; for rules with `over`.  Shared, because a snapshot that
  /// is copied to another thread must not copy a minute of histograms; nobody changes a closed
  /// window.
  std::vector<std::shared_ptr<const MergedWindow>> windows;

  /// Both phases, without background: what `totals` of a result says.
  SampleCounts totals(SeriesKind kind = SeriesKind::operation) const;
  /// The time that a rate of these samples is taken over: from their first due time after the
  /// warm-up to the end of the steady part or, when the population ended before that as planned (a
  /// bulk task with stop_after), to its end; at least 1 s.  So neither a late begin nor an early
  /// planned end thins a rate, but users that all gave up do.
  std::int64_t rate_time_ns(std::int64_t first_due_ns, std::int64_t population_ended_ns) const;
  const SeriesTotals* find(std::uint32_t series, RunPhase phase = RunPhase::main) const;
};

}  // namespace squall
