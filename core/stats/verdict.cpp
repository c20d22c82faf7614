#include "stats/verdict.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

namespace squall {
namespace {

// Strongest first.
constexpr std::array kPrecedence{109, 113, 114, 112, 108, 105, 99, 111, 1};

constexpr double kOwnShareMin = 0.5;  // below, a busy shard mostly waited for a CPU
constexpr double kIdleMax = 0.5;      // busier than that, a shard may have been late by itself

std::string number(double value, const char* format = "%.3g") {
  char text[64];
  std::snprintf(text, sizeof text, std::abs(value) >= 1000 ? "%.0f" : format, value);
  return text;
}

std::string milliseconds(double ns) { return number(ns * 1e-6) + " ms"; }

// 8200 -> "8,200"
std::string grouped(double value) {
  std::string digits = number(std::floor(value), "%.0f");
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

class Validity {
 public:
  Validity(const Snapshot& snapshot, const RunFacts& facts, const ValidLimits& limits,
           double smallest_p99_limit_ns)
      : snapshot_(snapshot), facts_(facts), limits_(limits) {
    lag(smallest_p99_limit_ns);
    started();
    busy();
    ledger();
    plugins();
    resources();
  }
  std::vector<ValidityCheck> checks;
  std::vector<std::string> reasons;

 private:
  void note(std::string name, std::string value, std::string limit, bool holds,
            std::string reason) {
    if (!holds) reasons.push_back(std::move(reason));
    checks.push_back({std::move(name), std::move(value), std::move(limit), holds});
  }

  // Rule 1.
  void lag(double smallest_p99_limit_ns) {
    double limit = static_cast<double>(limits_.lag_ns);
    if (limits_.lag_ns <= 0) limit = std::max(5e6, 0.1 * smallest_p99_limit_ns);
    const auto p99 = static_cast<double>(snapshot_.generator.lag.quantile_ns(0.99));
    note("generator lag p99", milliseconds(p99), "<= " + milliseconds(limit), p99 <= limit,
         "generator lag p99 was " + milliseconds(p99) + ", limit " + milliseconds(limit) +
             ": operations began late through no fault of the target" + remedy());
  }

  // Rule 2: what waited for a free user is the target's fault, what was dropped or never begun is
  // not.
  void started() {
    const IterationLedger& l = snapshot_.ledger.iterations;
    const std::uint64_t due = l.planned - std::min(l.planned, l.not_due);
    const double share =
        due == 0 ? 1.0 : static_cast<double>(l.started + l.waiting) / static_cast<double>(due);
    const std::string percent = number(std::floor(share * 1e5) / 1e3, "%.5g") + " %";
    const std::string limit = number(limits_.started_share * 100, "%.5g") + " %";
    note("begun or waiting", percent, ">= " + limit, share >= limits_.started_share,
         "only " + percent + " of " + std::to_string(due) +
             " due iterations began or waited for the target, limit " + limit + " (" +
             std::to_string(l.dropped) + " dropped): raise max_users, or use when_busy: wait");
  }

  // Rule 3.
  void busy() {
    const SourceState* worst = nullptr;
    for (const SourceState& source : snapshot_.sources) {
      if (worst == nullptr || source.busy_streak > worst->busy_streak) worst = &source;
    }
    const std::uint32_t streak = worst == nullptr ? 0 : worst->busy_streak;
    note("windows in a row with a shard busy >= " + number(limits_.busy * 100) + " %",
         std::to_string(streak), "< " + std::to_string(limits_.busy_windows),
         streak < limits_.busy_windows, "");
    if (streak < limits_.busy_windows) return;
    reasons.pop_back();
    for (const SourceState& source : snapshot_.sources) {
      if (source.busy_streak < limits_.busy_windows) continue;
      reasons.push_back(source.name + " was " +
                        number(std::floor(source.streak_busy * 100), "%.0f") + " % busy for " +
                        std::to_string(source.busy_streak) + " s" + remedy_for(source));
    }
  }

  // Rule 4.
  void ledger() {
    const std::vector<std::string> open = snapshot_.ledger.open_equations();
    note("open equations of the ledger", std::to_string(open.size()), "0", open.empty(), "");
    if (!open.empty()) reasons.pop_back();
    for (const std::string& equation : open) reasons.push_back("the ledger is open: " + equation);
    for (const SourceState& source : snapshot_.sources) {
      if (source.balanced) continue;
      reasons.push_back("the ledger is open: the totals that " + source.name +
                        " tells differ from the sum of its records");
      checks.back().holds = false;
    }
  }

  // Rule 5.
  void plugins() {
    note("plugin faults", std::to_string(facts_.plugin_faults.size()), "0",
         facts_.plugin_faults.empty(), "");
    if (!facts_.plugin_faults.empty()) reasons.pop_back();
    for (const std::string& fault : facts_.plugin_faults)
      reasons.push_back("plugin fault: " + fault);
  }

  // Rule 6: what failed for want of something here says nothing about the target.
  void resources() {
    std::uint64_t failures = 0;
    std::string what;
    for (const SeriesTotals& series : snapshot_.series) {
      for (const ErrorCount& error : series.errors) {
        if (error.error != ErrorClass::local_resource) continue;
        failures += error.count;
        if (what.empty()) what = error.detail;
      }
    }
    std::string reason = std::to_string(failures) + " operations failed for want of something on this machine";
    if (!what.empty()) reason += " (" + what + ")";
    if (what == "EMFILE") reason += ": allow more open files, 'ulimit -n'";
    if (what == "EADDRNOTAVAIL") reason += ": give the target more 'source' addresses, or keep connections";
    note("failures for want of something here", std::to_string(failures), "0", failures == 0, std::move(reason));
  }

  std::string more_shards() const { return "--shards " + std::to_string(facts_.shards + 1); }

  // The rate that the shard kept up while it was busy is what it can do at most, unless it was kept
  // from the CPU: then the rate says nothing about it, and more threads would only wait, too.
  std::string remedy_for(const SourceState& source) const {
    if (source.streak_own_share < kOwnShareMin) {
      return ", of which it had the CPU for " + number(std::floor(source.streak_own_share * 100), "%.0f") +
             " % and waited for it in the rest: give it more of this machine, which other programs or a CPU limit took";
    }
    std::string text = ": " + more_shards();
    const double most = source.streak_busy > 0 ? source.streak_rate_per_s * limits_.busy /
                                                     std::max(source.streak_busy, limits_.busy)
                                               : 0;
    if (most >= 1)
      text +=
          ", or at most " + grouped(most >= 1000 ? std::floor(most / 100) * 100 : most) + "/s here";
    return text;
  }

  std::string remedy() const {
    for (const SourceState& source : snapshot_.sources) {
      if (source.busy_streak > 0) return "; " + source.name + " was busy" + remedy_for(source);
    }
    double busiest = 0;
    for (const SourceState& source : snapshot_.sources) busiest = std::max(busiest, source.busy_max);
    if (busiest > 0 && busiest < kIdleMax) {
      return "; no shard was more than " + number(std::ceil(busiest * 100), "%.0f") +
             " % busy, so look for other load on this machine";
    }
    return "; look for other load on this machine, or use " + more_shards();
  }

  const Snapshot& snapshot_;
  const RunFacts& facts_;
  const ValidLimits& limits_;
};

// "connect (refused), 40 of 40 times": what most of the failures were.
std::string most_common_failure(const Snapshot& snapshot) {
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t all = 0;
  for (const SeriesTotals& series : snapshot.series) {
    for (const ErrorCount& error : series.errors) {
      std::string text(error_class_name(error.error));
      if (error.code != 0) text += " " + std::to_string(error.code);
      if (!error.detail.empty()) text += " (" + error.detail + ")";
      counts[text] += error.count;
      all += error.count;
    }
  }
  if (counts.empty()) return "";
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return ": " + most->first + ", " + std::to_string(most->second) + " of " + std::to_string(all) +
         (all == 1 ? " time" : " times");
}

std::string seconds(std::uint64_t ns) { return number(static_cast<double>(ns) * 1e-9) + " s"; }

// What does not make a run worthless, and must not go unsaid.
void warn(const Snapshot& snapshot, const RunFacts& facts, std::vector<std::string>& warnings) {
  for (const TargetConnections& target : snapshot.connections) {
    if (target.counts.icmp_errors == 0) continue;
    warnings.push_back("datagrams to '" + target.target + "' did not arrive: " + std::to_string(target.counts.icmp_errors) +
                       " ICMP errors, of which hosts send few a second; a step that waits for no answer does not see them");
  }
  std::string names;
  std::uint64_t cut = 0, longest_ns = 0;
  for (const SeriesTotals& series : snapshot.series) {
    if (series.counts.cut == 0 || series.key.kind != SeriesKind::operation || series.key.background) continue;
    cut += series.counts.cut;
    longest_ns = std::max(longest_ns, series.cut_waited.max_ns());
    const std::string name = series.key.population + "/" + series.key.name;
    if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ", ") + name;
  }
  // Whoever stops a run cuts it short himself.
  if (cut > 0 && !facts.ended_by_signal) {
    warnings.push_back(std::to_string(cut) + (cut == 1 ? " operation was" : " operations were") +
                       " still unanswered when the drain was over, the longest after " + seconds(longest_ns) + ": " + names);
  }
  for (const PopulationTotals& population : snapshot.populations) {
    if (population.users_stopped == 0) continue;
    warnings.push_back(std::to_string(population.users_stopped) +
                       (population.users_stopped == 1 ? " user of '" : " users of '") + population.name +
                       "' left for good (a failure in on_start, stop_user, or no record left), of at most " +
                       std::to_string(population.users_peak) + " at a time");
  }
}

VerdictWord word_of(int code, bool failed) {
  switch (code) {
    case 0:
      return VerdictWord::passed;
    case 1:
    case 99:
      return VerdictWord::failed;
    case 105:
      return VerdictWord::stopped;
    case 108:
      return VerdictWord::aborted;
    case 111:
      return failed ? VerdictWord::failed : VerdictWord::passed;
    case 112:
      return VerdictWord::invalid;
    case 114:
      return VerdictWord::partial;
    default:
      return VerdictWord::error;
  }
}

}  // namespace

std::string_view verdict_word(VerdictWord word) {
  constexpr std::string_view kWords[] = {"passed",  "failed",  "invalid", "partial",
                                         "stopped", "aborted", "error"};
  return kWords[static_cast<std::size_t>(word)];
}

int strongest_exit_code(const std::vector<int>& codes) {
  for (const int code : kPrecedence) {
    if (std::find(codes.begin(), codes.end(), code) != codes.end()) return code;
  }
  for (const int code : codes) {
    if (code != 0) return code;  // 2 and 104 end a program before there is a run
  }
  return 0;
}

Verdict judge_run(const Snapshot& snapshot, const std::vector<ThresholdResult>& thresholds,
                  double smallest_p99_limit_ns, const RunFacts& facts,
                  const VerdictOptions& options) {
  Verdict verdict;
  std::vector<int> codes;
  const auto add = [&](int code, std::string reason) {
    codes.push_back(code);
    verdict.reasons.push_back(std::move(reason));
  };
  if (!facts.internal_error.empty()) add(109, "internal error: " + facts.internal_error);
  if (!facts.plugin_not_loaded.empty()) add(113, facts.plugin_not_loaded);
  SampleCounts all = snapshot.totals(SeriesKind::operation);
  if (all.count() == 0) all += snapshot.totals(SeriesKind::delivery);
  // What somebody did comes before what followed from it.
  const bool nothing_ended = facts.ended_by_signal && all.count() == 0;
  if (facts.aborted) add(108, "the scenario asked to abort");
  if (facts.ended_by_signal) {
    add(105, nothing_ended ? "stopped by a signal or by the user, before any operation had ended"
                           : "stopped by a signal or by the user");
  }
  for (const std::string& missing : facts.missing) add(114, "missing: " + missing);
  for (const SourceState& source : snapshot.sources) {
    if (source.missing > 0) {
      add(114, "missing: " + std::to_string(source.missing) + " of " +
                   std::to_string(source.last_sequence) + " records of " + source.name);
    } else if (!source.final && source.last_sequence > 0) {
      add(114, "missing: the last record of " + source.name);
    }
  }

  // A run of which parts are lost has an open ledger for that reason, which is said above.
  const bool partial = std::find(codes.begin(), codes.end(), 114) != codes.end();
  Validity validity(snapshot, facts, options.valid, smallest_p99_limit_ns);
  verdict.validity = std::move(validity.checks);
  bool invalid = false;
  for (std::string& reason : validity.reasons) {
    if (partial && reason.starts_with("the ledger is open")) continue;
    invalid = true;
    verdict.reasons.push_back(std::move(reason));
  }
  verdict.warnings = facts.warnings;
  warn(snapshot, facts, verdict.warnings);
  if (snapshot.overflowed_series > 0) {
    verdict.warnings.push_back(
        std::to_string(snapshot.overflowed_series) +
        " samples' names went into __other__: too many different names of series");
  }
  if (options.strict) {
    for (const std::string& warning : verdict.warnings) {
      invalid = true;
      verdict.reasons.push_back("strict: " + warning);
    }
  }
  if (invalid && !options.accept_invalid) codes.push_back(112);

  for (const ThresholdResult& result : thresholds) {
    if (!result.passed && (result.judged || !nothing_ended)) add(99, result.reason);
  }
  if (all.count() == 0) {
    if (!nothing_ended) add(99, "no samples");
  } else if (all.ok == 0) {
    add(99, "nothing succeeded" + most_common_failure(snapshot));
  }
  const bool failed = std::find(codes.begin(), codes.end(), 99) != codes.end();
  if (options.strict_outputs) {
    for (const std::string& loss : facts.output_losses) add(111, "output lost data: " + loss);
  } else {
    for (const std::string& loss : facts.output_losses)
      verdict.warnings.push_back("output lost data: " + loss);
  }
  if (options.exit_code_on_error && all.failed > 0)
    add(1, std::to_string(all.failed) + " operations failed");

  verdict.exit_code = strongest_exit_code(codes);
  verdict.word = word_of(verdict.exit_code, failed);
  // --accept-invalid changes what the program returns, never what the run is worth.
  const bool stronger = verdict.word == VerdictWord::error || verdict.word == VerdictWord::partial;
  if (invalid && !stronger) verdict.word = VerdictWord::invalid;
  return verdict;
}

}  // namespace squall
