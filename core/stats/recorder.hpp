// The statistics of one shard, touched by its thread alone: no lock, no atomic, and no allocation
// once each series has been seen.  A sample belongs to the one-second window in which it ended; the
// window closes with the first sample or drain() past its end.  Adding windows up is merger.hpp's
// part.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "stats/histogram.hpp"
#include "stats/sample.hpp"
#include "stats/window_record.hpp"

namespace squall {

struct RecorderOptions {
  std::uint32_t source = 0;    // goes into each record
  std::int64_t warmup_ns = 0;  // samples due before it count apart
  std::uint32_t populations = 0;
  std::uint32_t targets = 0;
  std::uint32_t metrics = 0;
  std::uint32_t errors_per_series = 64;  // distinct (class, code, detail); more share one `(other)`
};

class Recorder {
 public:
  explicit Recorder(RecorderOptions options);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Counts one sample.  Which of the two phases it belongs to follows from its due time.
  void record(const Sample& sample);

  /// Bytes that a bulk operation moved since its last report, so that windows see them while it
  /// runs.  The sample at its end must then carry only the bytes not reported so.
  void progress(std::uint32_t series, std::int64_t due_ns, std::uint64_t bytes_out,
                std::uint64_t bytes_in);

  /// What a plugin counts outside of samples: messages that were lost, came twice …
  void count(std::uint32_t series, std::int64_t at_ns, std::uint64_t n) {
    cell(series, at_ns).counts.told += n;
  }

  /// One value of a metric of the scenario.
  void metric(std::uint32_t metric, double value, std::int64_t at_ns);

  /// Generator lag of one start: the part of started - due that was ours.
  void lag(std::int64_t due_ns, std::int64_t lag_ns);
  /// Time from readiness to handling of one turn of the event loop.
  void turn(std::int64_t turn_ns, unsigned events) {
    for (; events > 0; --events) turn_.record(clamp(turn_ns));
  }
  /// Time that a due iteration or step waited for the target: no free user, connection or record.
  void blocked(std::uint32_t population, std::int64_t blocked_ns);

  /// Running totals and gauges which the engine increments in place.
  IterationCounts& iterations(std::uint32_t population) { return populations_[population].total; }
  PopulationWindow& population(std::uint32_t population) { return populations_[population]; }
  ConnectionCounts& connections(std::uint32_t target) { return connections_[target]; }

  /// Hands over the windows that ended before `now_ns`, none when there are none; once a second.
  /// `busy` and `cpu_s` describe the time since the last drain.
  std::vector<WindowRecord> drain(std::int64_t now_ns, double busy, double cpu_s);
  /// Everything that is left, marked final.  Nothing may be recorded afterwards.
  std::vector<WindowRecord> finish(std::int64_t now_ns, double busy, double cpu_s);

  /// Samples recorded after their window had closed; they count in the window then open.
  std::uint64_t late_samples() const { return late_samples_; }
  std::uint64_t samples() const { return samples_; }

 private:
  struct ErrorCell {
    ErrorCount error;
    std::uint64_t hash = 0;
  };
  // One per (series, run phase) that was seen.
  struct Cell {
    std::uint32_t series = 0;
    RunPhase phase = RunPhase::main;
    bool dirty = false;
    SampleCounts counts;  // of the open window
    SampleCounts total;
    std::int64_t first_due_ns = kNoTime;
    Histogram response;
    Histogram service;
    Histogram lateness;
    std::unique_ptr<Histogram> cut_waited;
    std::array<std::unique_ptr<Histogram>, kSamplePhases> phases;
    std::vector<ErrorCell> errors;
  };

  static std::uint64_t clamp(std::int64_t ns) {
    return ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
  }
  Cell& cell(std::uint32_t series, std::int64_t due_ns);
  Cell& new_cell(std::size_t slot);
  void count_error(Cell& cell, const Sample& sample);
  void close_window(std::int64_t next_window);
  std::vector<WindowRecord> hand_over(double busy, double cpu_s);

  RecorderOptions options_;
  std::int64_t window_ = 0;
  std::int64_t window_end_ns_ = kWindowNs;
  std::uint64_t sequence_ = 0;
  std::uint64_t samples_ = 0;
  std::uint64_t late_samples_ = 0;
  std::vector<std::unique_ptr<Cell>> cells_;  // by 2 * series + run phase
  std::vector<Cell*> dirty_;
  std::vector<PopulationWindow> populations_;
  std::vector<Histogram> blocked_;
  std::vector<ConnectionCounts> connections_;
  std::vector<MetricWindow> metrics_;   // of the open window
  Histogram lag_;
  Histogram warmup_lag_;
  Histogram turn_;
  std::vector<WindowRecord> closed_;
};

}  // namespace squall
