#include "report/summary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/data_text.hpp"
#include "report/series_view.hpp"
#include "report/table.hpp"

namespace squall {
namespace {

std::string colored(const std::string& text, const char* code, const SummaryStyle& style) {
  return style.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || whole == 0) return "0 %";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return share < 0.01 ? "<0.01 %" : fmt::format("{:.2f} %", share);
}

void add_verdict(std::string& out, const RunResult& result, const SummaryStyle& style) {
  const bool is_good = result.verdict.word == VerdictWord::passed;
  out += fmt::format("\n{} {}: {}{}\n", is_good ? "✓" : "✗", printable(result.info.scenario),
                     colored(std::string(verdict_word(result.verdict.word)), is_good ? "32" : "31", style),
                     unjudged_text(result));
  for (const std::string& reason : result.verdict.reasons) out += fmt::format("  {}\n", printable(reason));
  for (const std::string& warning : result.verdict.warnings) out += fmt::format("  warning: {}\n", printable(warning));
}

void add_thresholds(std::string& out, const RunResult& result, const SummaryStyle& style) {
  if (result.thresholds.empty()) return;
  out += "\nthresholds\n";
  for (const ThresholdResult& threshold : result.thresholds) {
    out += fmt::format("  {} {}  ({}{:.4g} {})\n", colored(threshold.passed ? "✓" : "✗", threshold.passed ? "32" : "31", style),
                       printable(threshold.rule), threshold.cut > 0 ? "at least " : "", threshold.value, threshold.unit);
  }
}

void add_series(std::string& out, const RunResult& result, const SummaryStyle& style) {
  const auto list = series_to_show(result.snapshot);
  if (list.empty()) return;
  // Of several kinds of load the closed ones are marked: the note is not about the others.
  const auto is_closed = [](const SeriesTotals* series) { return series->key.model == LoadModel::closed; };
  const bool has_closed = std::ranges::any_of(list, is_closed);
  const char* mark = has_closed && !std::ranges::all_of(list, is_closed) ? " *" : "";
  Table table({"name", "count", "/s", "failed", "p50", "p95", "p99", "max", "sent", "received"});
  for (const SeriesTotals* series : list) {
    const SparseHistogram& times = series->response;
    const auto time = [&](std::uint64_t ns) { return times.empty() ? "–" : time_text(static_cast<double>(ns)); };
    table.add({series_label(series->key) + (is_closed(series) ? mark : ""),
               count_text(series->counts.count()), fmt::format("{:.1f}", series_rate_per_s(*series, result.snapshot)),
               percent(series->counts.failed, series->counts.count()),
               time(times.quantile_ns(0.5)), time(times.quantile_ns(0.95)), time(times.quantile_ns(0.99)), time(times.max_ns()),
               bytes_text(static_cast<double>(series->counts.bytes_out)), bytes_text(static_cast<double>(series->counts.bytes_in))});
  }
  out += "\nresponse times, from when each was due\n";
  out += table.print(style.width);
  if (has_closed) {
    out += fmt::format("  ({}closed loop: a user's next request waits for its last, so due is when it started)\n", *mark ? "* " : "");
  }
}

void add_errors(std::string& out, const RunResult& result) {
  struct Line { std::uint64_t count; std::string text; };
  std::vector<Line> lines;
  for (const SeriesTotals& series : result.snapshot.series) {
    for (const ErrorCount& error : series.errors) {
      const std::string text = fmt::format("{}/{}  {}", series.key.population, series.key.name, error_text(error));
      lines.push_back({error.count, printable(text) + seen_text(error)});
    }
  }
  if (lines.empty()) return;
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.count > b.count; });
  out += "\nerrors\n";
  constexpr std::size_t kShown = 12;
  for (std::size_t i = 0; i < std::min(kShown, lines.size()); ++i) {
    out += fmt::format("  {:>9}  {}\n", count_text(lines[i].count), lines[i].text);
  }
  if (lines.size() > kShown) out += fmt::format("  … and {} more kinds (in the JSON result)\n", lines.size() - kShown);
}

void add_iterations(std::string& out, const RunResult& result) {
  const IterationLedger& i = result.snapshot.ledger.iterations;
  out += fmt::format("\niterations  planned {}, started {}, completed {}", count_text(i.planned), count_text(i.started),
                     count_text(i.completed));
  const auto add = [&](const char* word, std::uint64_t count) {
    if (count > 0) out += fmt::format(", {} {}", word, count_text(count));
  };
  add("interrupted", i.interrupted);
  add("cut", i.cut);
  add("waiting", i.waiting);
  add("dropped", i.dropped);
  add("not due", i.not_due);
  out += "\n";
  for (const std::string& equation : result.snapshot.ledger.open_equations()) out += fmt::format("  {}\n", equation);
  for (const PopulationTotals& population : result.snapshot.populations) {
    if (population.blocked.count() == 0) continue;
    out += fmt::format("blocked on target  {}: {} waited, p99 {}\n", printable(population.name),
                       count_text(population.blocked.count()),
                       time_text(static_cast<double>(population.blocked.quantile_ns(0.99))));
  }
}

void add_data(std::string& out, const RunResult& result) {
  for (const PartResult& part : result.parts) out += fmt::format("{:<10}  {}\n", part.name, printable(part_text(part)));
  for (const RecordTotals& records : result.records) {
    out += fmt::format("records     {}: {}\n", printable(records.dataset), records_text(records));
  }
  for (const MetricTotals& metric : result.snapshot.metrics) {
    out += fmt::format("metric      {}: {}\n", printable(metric.name), printable(metric_text(metric)));
  }
}

/// What plugins count beside samples: one line for each population and operation.
void add_counters(std::string& out, const RunResult& result) {
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out += line + "\n";
    line.clear();
  };
  std::string begun;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (series.counts.told == 0 || series.phase != RunPhase::main) continue;
    const std::string begin = fmt::format("counted     {}/{}: ", printable(series.key.population), printable(series.key.operation));
    if (begin != begun) end_line();
    line += line.empty() ? begin : ", ";
    line += fmt::format("{} {}", count_text(series.counts.told), printable(series.key.name));
    begun = begin;
  }
  end_line();
}

void add_generator(std::string& out, const RunResult& result) {
  const GeneratorTotals& generator = result.snapshot.generator;
  double busy = 0;
  for (const SourceState& source : result.snapshot.sources) busy = std::max(busy, source.busy_max);
  out += fmt::format("generator   lag p50 {}, p99 {}, max {}; turn p99 {}; busiest shard {:.0f} %; CPU {:.1f} s; peak RSS {}\n",
                     time_text(static_cast<double>(generator.lag.quantile_ns(0.5))),
                     time_text(static_cast<double>(generator.lag.quantile_ns(0.99))),
                     time_text(static_cast<double>(generator.lag.max_ns())),
                     time_text(static_cast<double>(generator.turn.quantile_ns(0.99))), busy * 100, result.info.cpu_s,
                     bytes_text(static_cast<double>(result.info.peak_rss_bytes)));
  for (const ValidityCheck& check : result.verdict.validity) {
    if (!check.holds) out += fmt::format("  ✗ {} {}, must be {}\n", check.name, check.value, check.limit);
  }
  for (const TargetConnections& target : result.snapshot.connections) {
    if (target.counts.opened + target.counts.failed == 0) continue;
    out += fmt::format("connections {}: {} opened, {} reused, {} closed by the peer, {} failed{}\n",
                       printable(target.target), count_text(target.counts.opened), count_text(target.counts.reused),
                       count_text(target.counts.closed_by_peer), count_text(target.counts.failed),
                       target.counts.icmp_errors ? fmt::format(", {} ICMP errors", count_text(target.counts.icmp_errors)) : "");
  }
  for (const OutputAccount& output : result.outputs) {
    out += fmt::format("output {}: {} accepted = {} delivered + {} rejected + {} spooled + {} dropped{}\n",
                       printable(output.name), output.accepted, output.delivered, output.rejected, output.spooled,
                       output.dropped, output.error.empty() ? "" : " (" + printable(output.error) + ")");
  }
}

// Why the rows above do not add up to the last line, where they do not.
std::string not_in_sum(const Snapshot& snapshot) {
  std::uint64_t early = 0, others = 0;
  for (const SeriesTotals& series : snapshot.series) {
    const bool is_operation = series.key.kind == SeriesKind::operation && !series.key.background;
    if (is_operation && series.phase == RunPhase::warmup) early += series.counts.count();
    if (!is_operation && series.phase == RunPhase::main) others += series.counts.count();
  }
  std::string text;
  if (early > 0) text += fmt::format("{} of them before the measured time, in no row", count_text(early));
  if (others > 0) text += fmt::format("{}{} in the rows are no operations of a step", text.empty() ? "" : "; ", count_text(others));
  return text.empty() ? text : "\n  (" + text + ")";
}

}  // namespace

std::string unjudged_text(const RunResult& result) {
  const SampleCounts totals = result.snapshot.totals();
  if (result.verdict.word != VerdictWord::passed || !result.thresholds.empty() || totals.failed == 0) return {};
  return fmt::format(" (no thresholds; {} of {} operations failed)", count_text(totals.failed), count_text(totals.count()));
}

std::string summary_text(const RunResult& result, const SummaryStyle& style) {
  std::string out;
  add_verdict(out, result, style);
  add_thresholds(out, result, style);
  add_series(out, result, style);
  add_errors(out, result);
  add_iterations(out, result);
  add_data(out, result);
  add_counters(out, result);
  add_generator(out, result);
  const SampleCounts totals = result.snapshot.totals();
  out += fmt::format("\n{} requests in {:.1f} s, {} failed, {} sent, {} received{}\n", count_text(totals.count()),
                     static_cast<double>(result.info.duration_ns) / 1e9, count_text(totals.failed),
                     bytes_text(static_cast<double>(totals.bytes_out)), bytes_text(static_cast<double>(totals.bytes_in)),
                     not_in_sum(result.snapshot));
  return out;
}

}  // namespace squall
