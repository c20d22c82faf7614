// Rules on the merged statistics: `p99(page) < 250ms`, `failed(air) < 0.1% over 30s abort`.  Parsed
// and checked before anything is sent, judged on a snapshot.  A mistake says what, where and what
// to write instead.  What a broken rule does to the run is verdict.hpp's part.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stats/snapshot.hpp"

namespace squall {

enum class Measure : std::uint8_t { quantile, min, mean, max, failed, rate, count, probe };
enum class Comparison : std::uint8_t { less, less_equal, greater, greater_equal, equal };
enum class ThresholdScope : std::uint8_t { all, any, step, task, population, probe, metric };

struct Threshold {
  std::string text;  // as written
  Measure measure = Measure::quantile;
  double quantile = 0;  // 0.99 for p99
  ThresholdScope scope = ThresholdScope::any;
  std::string name;  // empty with scope all
  Comparison comparison = Comparison::less;
  double limit = 0;          // ns, share 0..1, per second, bytes per second, count, probe's unit
  std::string limit_text;    // as written: "250ms"
  std::string unit;          // of reported values: "ms", "%", "/s", "MB/s", ""
  double unit_factor = 1;    // value in `unit` = internal value * unit_factor
  bool bytes = false;        // rate in bytes
  std::int64_t over_ns = 0;  // 0: the whole run
  std::uint64_t min_samples = 0;
  bool abort = false;
  bool is_about_metric() const { return scope == ThresholdScope::probe || scope == ThresholdScope::metric; }
};

struct ThresholdError {
  std::string message;     // "unknown measure 'p9x'"
  std::size_t offset = 0;  // where in the text, from 0
  std::string hint;        // "p50 ... p999, min, mean, ...", may be empty
};

/// MEASURE(NAME) OP VALUE [over D] [min N] [abort], the words behind the value in any order.
/// MEASURE: p50 ... p999 (p99.9), min, mean, max, failed, rate, count, probe; OP: < <= > >= ==.
/// NAME may say `task:`, `population:` or `step:`; min, mean and max also take `probe:` and `metric:`,
/// and `probe(NAME)` is the newest value of one.  Without (NAME) the rule is about all
/// operations; then, as in k6's `p(95)<500`, `avg<200`, `med<100`, a bare number of a time is in
/// ms.
std::variant<Threshold, ThresholdError> parse_threshold(std::string_view text);

/// What the scenario knows.  Steps are the names of samples, groups included.
struct ThresholdNames {
  std::vector<std::string> steps;
  std::vector<std::string> tasks;
  std::vector<std::string> populations;
  struct Metric {
    std::string name, unit;   // unit "": it has none
    bool is_probe = false;
  };
  std::vector<Metric> metrics;
  bool has_late_steps = false;   // compiled tasks name theirs while the run goes on: any name may be one
};
/// Decides what a name means: scope `any` becomes the first of step, task and population that is
/// called so.  A name that is none of these is a mistake.
std::optional<ThresholdError> resolve_threshold(Threshold& threshold, const ThresholdNames& names);

struct ThresholdResult {
  std::string rule;
  double value = 0;  // in `unit`
  std::string unit;
  bool passed = false;
  bool judged = true;              // false: there was nothing to judge it by
  std::uint64_t cut = 0;           // samples in it that only say "at least": they were cut while they waited
  std::string reason;              // when not passed: "p99(page) was 312 ms, must be < 250 ms"
  std::int64_t broken_at_ns = -1;  // end of the first window that broke it (`over`)
};

/// Judges rules while the run goes on and at its end.
class ThresholdJudge {
 public:
  explicit ThresholdJudge(std::vector<Threshold> thresholds);

  /// Once a second: looks at rules with `over`.  One with `abort` that is broken now; nullptr: none.
  const Threshold* watch(const Snapshot& snapshot);
  /// All rules on the final snapshot; those with `over` also remember what watch() saw.
  std::vector<ThresholdResult> judge(const Snapshot& snapshot) const;

  const std::vector<Threshold>& thresholds() const { return thresholds_; }
  /// The smallest limit that a p99 rule judges by, in ns, 0 when there is none (verdict rule 1).
  double smallest_p99_limit_ns() const;

 private:
  struct Watched {
    bool seen = false;  // a full stretch of `over` with samples in it
    double worst = 0;
    bool broken = false;
    std::int64_t broken_at_ns = -1;
    std::int64_t next_window = 0;
  };
  std::vector<Threshold> thresholds_;
  std::vector<Watched> watched_;
};

}  // namespace squall
