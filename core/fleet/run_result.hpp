// What a run leaves behind: the merged statistics, what they are worth, and the run's journal. The
// report, the result file and the terminal's summary read this and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stats/record_totals.hpp"
#include "stats/snapshot.hpp"
#include "stats/threshold.hpp"
#include "stats/verdict.hpp"

namespace squall {

struct JournalEntry {
  std::int64_t at_ns = 0;      // run time; negative while users connect
  std::string event;           // "start", "warmup_over", "budget_used", "stop", "end" …
  std::string text;
};

/// A data file as it was read.
struct DataAccount {
  std::string dataset;
  std::uint64_t records = 0, left_out = 0;   // lines that are no record
  std::uint64_t first_left_out = 0;          // its line; 0: none
};

/// What an output plugin was given and what became of it, in window batches' items.
struct OutputAccount {
  std::string name;
  std::uint64_t accepted = 0, delivered = 0, rejected = 0, spooled = 0, dropped = 0;
  std::string error;           // the last one
  bool ended_badly = false;    // it could not close: what was delivered may not be where it should

  /// What it lost and why, in a few words; "" when nothing was.
  std::string loss() const;
};

struct RunInfo {
  std::string id;              // sorts by time
  std::string scenario, file;
  std::uint64_t seed = 0;
  std::int64_t started_unix_ns = 0;
  std::int64_t duration_ns = 0;   // from run time 0 to the end of the drain
  std::uint32_t agents = 1, shards = 1;
  std::int64_t peak_rss_bytes = 0;
  double cpu_s = 0;            // of the whole process during the run
};

/// `setup` or `teardown`: a run of its own, whose samples stand in no statistics of the load.
struct PartResult {
  std::string name;
  bool is_done = false;        // to its last step
  std::int64_t duration_ns = 0;
  std::uint64_t operations = 0, failed = 0;
  std::string why;             // its first failure; empty when there was none
};

struct RunResult {
  RunInfo info;
  std::vector<PartResult> parts;                               // in the order in which they ran
  Snapshot snapshot;
  std::vector<ThresholdResult> thresholds;
  Verdict verdict;
  std::vector<DataAccount> data;
  std::vector<RecordTotals> records;                           // of exclusive datasets
  std::vector<OutputAccount> outputs;
  std::vector<JournalEntry> journal;
  std::vector<std::shared_ptr<const MergedWindow>> timeline;   // every second of the run, oldest first
  bool is_stopped = false;     // by a signal or the user, before its end
  bool is_abandoned = false;   // a shard's thread hangs in a plugin: write this, then end the process without returning
};

}  // namespace squall
