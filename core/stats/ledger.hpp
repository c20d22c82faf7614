// The two ledgers that the product checks after every run: nothing that was planned or begun may be
// missing from the sums.  An open ledger makes a run invalid; each open equation is one sentence.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace squall {

/// planned = started + dropped + waiting + not_due, and started = completed + interrupted + cut.
struct IterationLedger {
  std::uint64_t planned = 0;
  std::uint64_t started = 0;
  std::uint64_t dropped = 0;
  std::uint64_t waiting = 0;
  std::uint64_t not_due = 0;
  std::uint64_t completed = 0;
  std::uint64_t interrupted = 0;
  std::uint64_t cut = 0;
};

/// begun = ok + failed + cut.
struct SampleLedger {
  std::uint64_t begun = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t cut = 0;
};

struct Ledger {
  IterationLedger iterations;
  SampleLedger samples;  // operations
  SampleLedger groups;   // groups and named untils

  bool closed() const { return open_equations().empty(); }
  /// "iterations: planned 100, but started 98 + dropped 1 + waiting 0 + not due 0 = 99 (1 missing)"
  std::vector<std::string> open_equations() const;
};

}  // namespace squall
