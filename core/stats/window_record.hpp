// What a shard (or an agent) says about one second: deltas with a sequence number, and beside them
// running totals, so that whoever adds records up can tell that one is missing or came twice.
// Plain data; how it travels is the bus's business.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stats/sample.hpp"
#include "stats/sparse_histogram.hpp"

namespace squall {

inline constexpr std::int64_t kWindowNs = 1'000'000'000;
inline constexpr std::int64_t kNoTime = INT64_MAX;

/// Samples due before the end of the warm-up stand apart from all others.
enum class RunPhase : std::uint8_t { warmup, main };

struct ErrorCount {
  ErrorClass error = ErrorClass::none;
  std::int32_t code = 0;
  std::string detail;
  std::uint64_t count = 0;
  std::int64_t first_ns = kNoTime, last_ns = -kNoTime;  // run time at which the first and the last of them ended
  /// `other` is of the same class, code and detail.
  ErrorCount& operator+=(const ErrorCount& other);
  friend bool operator==(const ErrorCount&, const ErrorCount&) = default;
};

/// "status 503 (…)".
std::string error_text(const ErrorCount& error);

/// count = ok + failed; cut samples are counted and in none of their distributions.
struct SampleCounts {
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;  // time-outs included
  std::uint64_t cut = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t told = 0;  // by the plugin: how often what a counter is named after has happened
  std::uint64_t count() const { return ok + failed; }
  SampleCounts& operator+=(const SampleCounts& other);
  friend bool operator==(const SampleCounts&, const SampleCounts&) = default;
};

struct PhaseTimes {
  SamplePhase phase = SamplePhase::wait_connection;
  SparseHistogram times;
  friend bool operator==(const PhaseTimes&, const PhaseTimes&) = default;
};

struct SeriesWindow {
  std::uint32_t series = 0;
  RunPhase phase = RunPhase::main;
  SampleCounts counts;                  // of this window
  SampleCounts total;                   // of the shard since the begin, this window included
  std::int64_t first_due_ns = kNoTime;  // of the window's samples and progress
  SparseHistogram response;             // ended - due
  SparseHistogram service;              // ended - started
  SparseHistogram lateness;             // started - due
  SparseHistogram cut_waited;           // of cut samples: how long they had waited since they were due
  std::vector<PhaseTimes> phases;       // only those seen
  std::vector<ErrorCount> errors;
};

/// Iterations of one population on one shard, running totals.  The engine counts them; `waiting`
/// and `not_due` are known at the end and 0 before.
struct IterationCounts {
  std::uint64_t planned = 0;  // due inside the run, and not_due; closed load: = started
  std::uint64_t started = 0;
  std::uint64_t dropped = 0;
  std::uint64_t waiting = 0;  // due, never begun because no user was free
  std::uint64_t not_due = 0;  // planned, but the run ended before
  std::uint64_t completed = 0;
  std::uint64_t interrupted = 0;
  std::uint64_t cut = 0;
  std::uint64_t operations_begun = 0;  // samples' ledger
  std::uint64_t groups_begun = 0;
  IterationCounts& operator+=(const IterationCounts& other);
  friend bool operator==(const IterationCounts&, const IterationCounts&) = default;
};

struct PopulationWindow {
  std::uint32_t population = 0;
  IterationCounts total;
  SparseHistogram blocked;  // of this window: time a due iteration or step waited for the target
  std::uint64_t users_planned = 0;  // gauges at the window's end
  std::uint64_t users_present = 0;
  std::uint64_t users_peak = 0;     // the most at a time since the window before; of several shards, their sum
  std::uint64_t users_retiring = 0;
  std::uint64_t users_stopped = 0;  // so far, by a failure: they will not come back
  std::uint64_t in_flight = 0;
  std::int64_t ended_ns = -1;  // when it had ended as planned (stages, stop_after); -1: it has not
};

struct ConnectionCounts {
  std::uint32_t target = 0;
  std::uint64_t opened = 0;
  std::uint64_t reused = 0;
  std::uint64_t closed_by_peer = 0;
  std::uint64_t failed = 0;
  std::uint64_t icmp_errors = 0;   // of datagrams
  ConnectionCounts& operator+=(const ConnectionCounts& other);
  friend bool operator==(const ConnectionCounts&, const ConnectionCounts&) = default;
};

/// Values of a metric of the scenario in one window. How they add up depends on its kind; all is kept for each.
struct MetricWindow {
  std::uint32_t metric = 0;
  std::uint64_t count = 0;
  double sum = 0, min = 0, max = 0;
  double last = 0;
  std::int64_t last_ns = 0;   // run time of `last`
  void add(double value, std::int64_t at_ns);
  double mean() const { return count == 0 ? 0 : sum / static_cast<double>(count); }
  MetricWindow& operator+=(const MetricWindow& other);
};

/// How the generator itself did in this window.
struct GeneratorWindow {
  SparseHistogram lag;  // iterations and steps due after the warm-up: started - due, our fault
  SparseHistogram warmup_lag;
  SparseHistogram turn;  // readiness to handling in the event loop
  double busy = 0;       // (CPU time + run-queue delay) / wall; the largest of several windows
  double cpu_s = 0;
};

struct WindowRecord {
  std::uint32_t source = 0;    // shard, or shard of an agent: whoever numbers the records
  std::uint64_t sequence = 0;  // 1, 2, 3 ... without gaps
  std::int64_t from_window =
      0;  // floor(run time / 1 s); several after a stall, or merged in an outbox
  std::int64_t to_window = 0;  // inclusive
  bool final = false;          // the last of this source: totals must now be equal to the sums
  std::vector<SeriesWindow> series;  // those with something to say
  std::vector<PopulationWindow> populations;
  std::vector<ConnectionCounts> connections;  // running totals
  std::vector<MetricWindow> metrics;          // those with a value
  GeneratorWindow generator;
};

}  // namespace squall
