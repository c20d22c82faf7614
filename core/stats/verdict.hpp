// What a run is worth: one word, one exit code, and a sentence for each reason (measurement.md 1.4,
// interfaces.md "Exit codes").  Everything it needs comes in as arguments; it prints nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stats/snapshot.hpp"
#include "stats/threshold.hpp"

namespace squall {

enum class VerdictWord : std::uint8_t { passed, failed, invalid, partial, stopped, aborted, error };
std::string_view verdict_word(VerdictWord word);

/// `run: { valid: … }`; each limit is printed beside its value.
struct ValidLimits {
  std::int64_t lag_ns = 0;  // 0: max(5 ms, 10 % of the smallest p99 that a threshold judges)
  double started_share = 0.999;
  double busy = 0.95;
  std::uint32_t busy_windows = 5;
};

/// What happened to the run apart from its numbers.
struct RunFacts {
  bool ended_by_signal = false;            // or by the user: 105
  bool aborted = false;                    // the scenario's abort_run: 108
  std::string internal_error;              // 109
  std::string plugin_not_loaded;           // 113
  std::vector<std::string> plugin_faults;  // broken contract, hung calls: invalid
  std::vector<std::string> missing;        // agents or data that were lost, named: 114
  std::vector<std::string> output_losses;  // 111 with strict_outputs
  std::vector<std::string> warnings;       // softer signs; 112 each with strict
  std::uint32_t shards = 1;
};

struct VerdictOptions {
  ValidLimits valid;
  bool accept_invalid = false;  // the verdict stays, the exit code is what it would have been
  bool strict = false;
  bool strict_outputs = false;
  bool exit_code_on_error = false;
};

/// One limit of validity beside its value, for the report.
struct ValidityCheck {
  std::string name;   // "generator lag p99"
  std::string value;  // "7.2 ms"
  std::string limit;  // "< 5 ms"
  bool holds = true;
};

struct Verdict {
  VerdictWord word = VerdictWord::passed;
  int exit_code = 0;
  std::vector<std::string> reasons;
  std::vector<std::string> warnings;
  std::vector<ValidityCheck> validity;
};

/// When several codes hold: 109 > 113 > 114 > 112 > 108 > 105 > 99 > 111 > 1; the word is that of
/// the code, except that with accept_invalid it stays `invalid`.
Verdict judge_run(const Snapshot& snapshot, const std::vector<ThresholdResult>& thresholds,
                  double smallest_p99_limit_ns, const RunFacts& facts,
                  const VerdictOptions& options);

/// The order above, for callers that have codes of their own (113 before a run exists).
int strongest_exit_code(const std::vector<int>& codes);

}  // namespace squall
