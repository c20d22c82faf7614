// Adds window records of any number of shards or agents up to one snapshot.  Idempotent by (source,
// sequence) and indifferent to order, so records may be lost and sent again, repeated or overtake
// each other, and the sums are exact all the same.  One thread; no clock: "now" is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "stats/snapshot.hpp"

namespace squall {

struct MergerOptions {
  std::int64_t warmup_ns = 0;
  std::int64_t keep_windows = 60;  // seconds kept in Snapshot::windows; at least the longest `over`
  std::int64_t late_windows =
      3;  // a window is handed out when all sources have it, or one is so much ahead
  double busy_limit = 0.95;  // for SourceState::busy_streak
  struct Population {
    std::string name;
    LoadModel model = LoadModel::closed;
    bool background = false;
  };
  std::vector<Population> populations;
  std::vector<std::string> targets;
  std::vector<MetricTotals> metrics;   // without values
  std::vector<std::string> sources;  // names; more appear as they report ("source 7")
};

class Merger {
 public:
  /// The table outlives the merger and may grow.
  Merger(const SeriesTable& series, MergerOptions options);

  /// Adds a record; false when it is known already (and nothing changed).
  bool apply(const WindowRecord& record);

  /// The sums as of now.  `measured_until_ns`: the end of the steady part once it is known, so that
  /// the drain does not thin the rates; 0: the run is in it.  Valid until the next call.
  const Snapshot& snapshot(std::int64_t now_ns, std::int64_t measured_until_ns = 0);

  const std::vector<MetricTotals>& metrics() const { return snapshot_.metrics; }

  /// Windows that are complete or old enough, in order: for the timeline and outputs.  One that got
  /// a late record comes again with a higher revision.  `all`: whatever there is (the end of the
  /// run).
  std::vector<std::shared_ptr<const MergedWindow>> take_closed(bool all = false);

 private:
  struct SourceSums {
    std::uint64_t told_at = 0;  // sequence of the record that told so
    SampleCounts told;          // total as the source says
    SampleCounts added;         // sum of its deltas
  };
  // Consecutive windows in which a source was busy, with sums over them.
  struct BusyRun {
    std::uint32_t length = 0;
    double busy = 0;
    double samples = 0;
    double cpu_s = 0;
  };
  struct BusyWindow {
    double busy, samples, cpu_s;
  };
  struct Source {
    std::uint64_t watermark = 0;  // all sequences up to here are in
    std::set<std::uint64_t> above;
    std::uint64_t newest = 0;  // whose totals and gauges are shown
    std::uint64_t final_sequence = 0;
    std::int64_t last_window = -1;
    std::vector<PopulationWindow> populations;
    std::vector<ConnectionCounts> connections;
    std::vector<SourceSums> sums;  // by 2 * series + phase
    std::map<std::int64_t, BusyWindow> busy;  // not yet folded
    BusyRun run;
    BusyRun longest;
    SourceState state;
  };
  struct Kept {
    std::shared_ptr<MergedWindow> window;
    bool handed_out = false;
  };
  Source& source(std::uint32_t number);
  static bool note_sequence(Source& source, std::uint64_t sequence);
  SeriesTotals& totals(std::uint32_t series, RunPhase phase);
  void add_series(Source& source, const WindowRecord& record);
  void add_window(const WindowRecord& record);
  MergedWindow* writable(std::int64_t window);
  static BusyRun longest_run(const Source& source);
  void sum_up(Source& source);
  void sort_series();

  const SeriesTable& table_;
  MergerOptions options_;
  Snapshot snapshot_;
  std::vector<Source> sources_;
  std::vector<std::uint32_t> position_;  // 2 * series + phase -> index into snapshot_.series + 1
  std::map<std::int64_t, Kept> windows_;
  std::int64_t newest_window_ = -1;
  std::int64_t dropped_before_ = 0;  // windows below are no longer kept
};

}  // namespace squall
