#include "report/markdown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "report/clean_text.hpp"
#include "report/series_view.hpp"
#include "report/table.hpp"

namespace squall {
namespace {

constexpr std::size_t kSeriesShown = 50, kErrorsShown = 20, kSentencesShown = 30;
constexpr std::size_t kTextWidth = 200;   // characters of a name or an error

/// Text that is shown as it is, on one line.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : shorten(clean_text(text), kTextWidth)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\\': case '`': case '*': case '_': case '{': case '}': case '[': case ']': case '(': case ')': case '#': case '+':
      case '-': case '.': case '!': case '|': case '~': case '@': case ':':
        out += '\\';
        [[fallthrough]];
      default: out += c;
    }
  }
  return out;
}

std::string more_text(std::size_t all, std::size_t shown, const char* what) {
  return all > shown ? fmt::format("\n… and {} more {}\n", all - shown, what) : "";
}

void add_sentences(std::string& out, const char* word, const std::vector<std::string>& sentences) {
  const std::size_t shown = std::min(sentences.size(), kSentencesShown);
  for (std::size_t i = 0; i < shown; ++i) out += fmt::format("- {}{}\n", word, plain(sentences[i]));
  out += more_text(sentences.size(), shown, "of these");
}

void add_thresholds(std::string& out, const RunResult& result) {
  if (result.thresholds.empty()) return;
  out += "\n| | threshold | value |\n|---|---|--:|\n";
  for (const ThresholdResult& threshold : result.thresholds) {
    out += fmt::format("| {} | {} | {}{:.4g} {} |\n", threshold.passed ? "✅" : "❌", plain(threshold.rule),
                       threshold.cut > 0 ? "at least " : "", threshold.value, plain(threshold.unit));
  }
}

void add_series(std::string& out, const RunResult& result) {
  auto list = series_to_show(result.snapshot);
  if (list.empty()) return;
  std::ranges::stable_sort(list, std::greater<>(), [](const SeriesTotals* series) { return series->counts.count(); });
  const std::size_t shown = std::min(list.size(), kSeriesShown);
  out += "\n| name | count | /s | failed | p50 | p95 | p99 | max |\n|---|--:|--:|--:|--:|--:|--:|--:|\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const SeriesTotals& series = *list[i];
    const SparseHistogram& times = series.response;
    const auto time = [&](std::uint64_t ns) { return times.empty() ? "–" : time_text(static_cast<double>(ns)); };
    out += fmt::format("| {} | {} | {:.1f} | {} | {} | {} | {} | {} |\n", plain(series_label(series.key)),
                       count_text(series.counts.count()), series_rate_per_s(series, result.snapshot), count_text(series.counts.failed),
                       time(times.quantile_ns(0.5)), time(times.quantile_ns(0.95)), time(times.quantile_ns(0.99)), time(times.max_ns()));
  }
  out += more_text(list.size(), shown, "series");
}

void add_errors(std::string& out, const RunResult& result) {
  struct Row { const SeriesTotals* series; const ErrorCount* error; };
  std::vector<Row> rows;
  for (const SeriesTotals& series : result.snapshot.series) {
    for (const ErrorCount& error : series.errors) rows.push_back({&series, &error});
  }
  if (rows.empty()) return;
  std::ranges::stable_sort(rows, std::greater<>(), [](const Row& row) { return row.error->count; });
  const std::size_t shown = std::min(rows.size(), kErrorsShown);
  out += "\n| errors | of | what |\n|--:|---|---|\n";
  for (std::size_t i = 0; i < shown; ++i) {
    out += fmt::format("| {} | {} | {} |\n", count_text(rows[i].error->count), plain(series_label(rows[i].series->key)),
                       plain(error_text(*rows[i].error)));
  }
  out += more_text(rows.size(), shown, "kinds of errors");
}

}  // namespace

std::string markdown(const RunResult& result) {
  const bool is_good = result.verdict.word == VerdictWord::passed;
  const SampleCounts totals = result.snapshot.totals();
  std::string out = fmt::format("## {} {}: {}\n\n", is_good ? "✅" : "❌", plain(result.info.scenario), verdict_word(result.verdict.word));
  add_sentences(out, "", result.verdict.reasons);
  add_sentences(out, "Warning: ", result.verdict.warnings);
  out += fmt::format("\n{} requests in {:.1f} s, {} failed, {} sent, {} received\n", count_text(totals.count()),
                     static_cast<double>(result.info.duration_ns) / 1e9, count_text(totals.failed),
                     bytes_text(static_cast<double>(totals.bytes_out)), bytes_text(static_cast<double>(totals.bytes_in)));
  add_thresholds(out, result);
  add_series(out, result);
  add_errors(out, result);
  const SparseHistogram& lag = result.snapshot.generator.lag;
  return out + fmt::format("\nGenerator: lag p99 {}, CPU {:.1f} s, seed {}, squall {}\n", time_text(static_cast<double>(lag.quantile_ns(0.99))),
                           result.info.cpu_s, result.info.seed, SQUALL_VERSION);
}

}  // namespace squall
