#include "stats/threshold.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

namespace squall {
namespace {

// What a rule looks at: the sums of all samples that it is about.
struct Seen {
  SampleCounts counts;
  SparseHistogram response;
  double seconds = 0;  // that rates are taken over
};

bool is_about(const Threshold& rule, const SeriesKey& key) {
  switch (rule.scope) {
    case ThresholdScope::any:
    case ThresholdScope::step:
      return key.name == rule.name;
    case ThresholdScope::task:
      return key.task == rule.name && key.kind == SeriesKind::operation;
    case ThresholdScope::population:
      return key.population == rule.name && key.kind == SeriesKind::operation;
    case ThresholdScope::all:
      return !key.background && key.kind == SeriesKind::operation;
    case ThresholdScope::probe:
    case ThresholdScope::metric:
      break;
  }
  return false;
}

bool needs_times(const Threshold& rule) {
  return rule.measure == Measure::quantile || rule.measure == Measure::min ||
         rule.measure == Measure::mean || rule.measure == Measure::max;
}

template <class Part>
void add(Seen& seen, const Threshold& rule, const Part& part) {
  seen.counts += part.counts;
  if (!needs_times(rule)) return;
  seen.response.merge(part.response);
  // What was cut while it waited took at least that long: left out, a target that answers nothing would
  // look as fast as its other answers.
  if (rule.measure != Measure::min) seen.response.merge(part.cut_waited);
}

Seen whole_run(const Threshold& rule, const Snapshot& snapshot) {
  Seen seen;
  std::int64_t longest_ns = 0;
  for (const SeriesTotals& series : snapshot.series) {
    if (series.phase != RunPhase::main || !is_about(rule, series.key)) continue;
    add(seen, rule, series);
    longest_ns = std::max(longest_ns, series.rate_time_ns);
  }
  if (longest_ns == 0) longest_ns = std::max(snapshot.measured_ns, kWindowNs);
  seen.seconds = static_cast<double>(longest_ns) * 1e-9;
  return seen;
}

double value_of(const Threshold& rule, const Seen& seen) {
  const auto count = static_cast<double>(seen.counts.count());
  switch (rule.measure) {
    case Measure::quantile:
      return static_cast<double>(seen.response.quantile_ns(rule.quantile));
    case Measure::min:
      return static_cast<double>(seen.response.min_ns());
    case Measure::mean:
      return seen.response.mean_ns();
    case Measure::max:
      return static_cast<double>(seen.response.max_ns());
    case Measure::failed:
      return count == 0 ? 0 : static_cast<double>(seen.counts.failed) / count;
    case Measure::rate:
      return (rule.bytes ? static_cast<double>(seen.counts.bytes_out + seen.counts.bytes_in)
                         : count) /
             seen.seconds;
    case Measure::count:
      return count;
    case Measure::probe:
      break;
  }
  return 0;
}

/// Of a probe or of a metric of the scenario's own; nothing when it never had a value.
std::optional<double> metric_value(const Threshold& rule, const Snapshot& snapshot) {
  for (const MetricTotals& metric : snapshot.metrics) {
    const MetricWindow& values = metric.values;
    if (metric.name != rule.name || values.count == 0) continue;
    switch (rule.measure) {
      case Measure::min: return values.min;
      case Measure::max: return values.max;
      case Measure::mean: return values.sum / static_cast<double>(values.count);
      default: return values.last;
    }
  }
  return std::nullopt;
}

bool holds(const Threshold& rule, double value) {
  switch (rule.comparison) {
    case Comparison::less:
      return value < rule.limit;
    case Comparison::less_equal:
      return value <= rule.limit;
    case Comparison::greater:
      return value > rule.limit;
    case Comparison::greater_equal:
      return value >= rule.limit;
    case Comparison::equal:
      return value == rule.limit;
  }
  return false;
}

bool is_worse(const Threshold& rule, double value, double than) {
  const bool upper =
      rule.comparison == Comparison::less || rule.comparison == Comparison::less_equal;
  return upper ? value > than : value < than;
}

std::string_view sign(Comparison comparison) {
  constexpr std::string_view kSigns[] = {"<", "<=", ">", ">=", "=="};
  return kSigns[static_cast<std::size_t>(comparison)];
}

std::string number(double value) {
  char text[64];
  const bool whole = std::abs(value) >= 1000;
  std::snprintf(text, sizeof text, whole ? "%.0f" : "%.4g", value);
  return text;
}

std::string subject(const Threshold& rule) {
  std::size_t end = rule.text.find_first_of("<>=");
  while (end > 0 && rule.text[end - 1] == ' ') --end;
  return rule.text.substr(0, end);
}

std::string shown(const Threshold& rule, double value) {
  std::string text = number(value * rule.unit_factor);
  if (rule.unit.empty()) return text;
  if (rule.unit != "%" && rule.unit.front() != '/') text += ' ';
  return text + rule.unit;
}

void compare(const Threshold& rule, double value, ThresholdResult& result) {
  result.value = value * rule.unit_factor;
  result.passed = holds(rule, value);
  if (result.passed) return;
  result.reason = subject(rule) + " was " + (result.cut > 0 ? "at least " : "") + shown(rule, value) + ", must be " +
                  std::string(sign(rule.comparison)) + " " + rule.limit_text;
  if (result.cut > 0) result.reason += " (" + std::to_string(result.cut) + " were cut while they waited)";
}

void refuse(const Threshold& rule, std::string why, ThresholdResult& result) {
  result.passed = false;
  result.judged = false;
  result.reason = subject(rule) + ": " + std::move(why);
}

// Too little to judge by; counting and rates of nothing are numbers, too: 0.
std::optional<std::string> unjudgeable(const Threshold& rule, const Seen& seen) {
  const std::uint64_t count = seen.counts.count();
  if (count < rule.min_samples) {
    return count == 0 ? std::string("no samples")
                      : "only " + std::to_string(count) + " of at least " +
                            std::to_string(rule.min_samples) + " samples";
  }
  if (rule.measure == Measure::count ||
      (rule.measure == Measure::rate && (count == 0 || seen.counts.ok > 0)))
    return std::nullopt;
  if (count == 0) return "no samples";
  if (seen.counts.ok == 0 && rule.measure != Measure::failed) return "nothing succeeded";
  return std::nullopt;
}

}  // namespace

ThresholdJudge::ThresholdJudge(std::vector<Threshold> thresholds)
    : thresholds_(std::move(thresholds)),
      watched_(thresholds_.size()) {}

const Threshold* ThresholdJudge::watch(const Snapshot& snapshot) {
  const Threshold* aborts = nullptr;
  const std::int64_t first_steady = (snapshot.warmup_ns + kWindowNs - 1) / kWindowNs;
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    const Threshold& rule = thresholds_[i];
    Watched& watched = watched_[i];
    if (rule.over_ns == 0) continue;
    std::vector<bool> concerned;  // by series
    for (const SeriesTotals& series : snapshot.series) {
      if (series.series >= concerned.size()) concerned.resize(series.series + 1, false);
      concerned[series.series] = is_about(rule, series.key);
    }
    const std::int64_t length = rule.over_ns / kWindowNs;
    for (std::size_t last = 0; last < snapshot.windows.size(); ++last) {
      const std::int64_t number = snapshot.windows[last]->window;
      if (number < watched.next_window) continue;
      watched.next_window = number + 1;
      if (number - length + 1 < first_steady) continue;
      Seen seen;
      seen.seconds = static_cast<double>(length);
      for (std::size_t at = last + 1; at-- > 0 && snapshot.windows[at]->window > number - length;) {
        for (const SeriesWindow& window : snapshot.windows[at]->series) {
          if (window.phase != RunPhase::main || window.series >= concerned.size()) continue;
          if (concerned[window.series]) add(seen, rule, window);
        }
      }
      // A stretch without enough samples proves nothing; that there were none at all, judge() sees.
      if (seen.counts.count() < std::max<std::uint64_t>(rule.min_samples, 1) &&
          rule.measure != Measure::rate)
        continue;
      const double value = value_of(rule, seen);
      if (!watched.seen || is_worse(rule, value, watched.worst)) watched.worst = value;
      watched.seen = true;
      if (holds(rule, value) || watched.broken) continue;
      watched.broken = true;
      watched.broken_at_ns = (number + 1) * kWindowNs;
      if (rule.abort && !aborts) aborts = &rule;
    }
  }
  return aborts;
}

std::vector<ThresholdResult> ThresholdJudge::judge(const Snapshot& snapshot) const {
  std::vector<ThresholdResult> results;
  for (std::size_t i = 0; i < thresholds_.size(); ++i) {
    const Threshold& rule = thresholds_[i];
    ThresholdResult& result = results.emplace_back();
    result.rule = rule.text;
    result.unit = rule.unit;
    if (rule.is_about_metric()) {
      if (const auto value = metric_value(rule, snapshot)) {
        compare(rule, *value, result);
      } else {
        refuse(rule, "no value", result);
      }
      continue;
    }
    const Seen seen = whole_run(rule, snapshot);
    if (needs_times(rule) && rule.measure != Measure::min) result.cut = seen.counts.cut;
    const Watched& watched = watched_[i];
    const bool only_cut = seen.counts.count() == 0 && result.cut > 0;
    if (only_cut && !holds(rule, value_of(rule, seen))) {
      compare(rule, value_of(rule, seen), result);   // long enough to be sure, though none has ended
    } else if (const auto why = unjudgeable(rule, seen)) {
      result.cut = 0;
      refuse(rule, *why, result);
    } else if (watched.seen) {
      compare(rule, watched.worst, result);
    } else {
      compare(rule, value_of(rule, seen), result);
    }
    if (watched.broken) {
      result.broken_at_ns = watched.broken_at_ns;
      if (result.judged) {
        result.reason += " (in the worst " + std::to_string(rule.over_ns / kWindowNs) +
                         " s; first broken at " + std::to_string(watched.broken_at_ns / kWindowNs) +
                         " s)";
      }
    }
  }
  return results;
}

double ThresholdJudge::smallest_p99_limit_ns() const {
  double smallest = 0;
  for (const Threshold& rule : thresholds_) {
    const bool upper =
        rule.comparison == Comparison::less || rule.comparison == Comparison::less_equal;
    if (rule.measure != Measure::quantile || rule.quantile != 0.99 || !upper || !(rule.limit > 0))
      continue;
    if (smallest == 0 || rule.limit < smallest) smallest = rule.limit;
  }
  return smallest;
}

}  // namespace squall
