#include "report/html_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "report/chart.hpp"
#include "report/data_text.hpp"
#include "report/html_text.hpp"
#include "report/series_view.hpp"

namespace squall {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--line:#8884;--good:#1a7f37;--bad:#c62828;--ink:#2563a8}
@media(prefers-color-scheme:dark){:root{--good:#56d364;--bad:#ff7b72;--ink:#79b8ff}}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}svg{width:100%;height:auto}figure{margin:0 0 1rem}figcaption{font-size:.9rem}
svg text{font-size:12px;fill:currentColor}
.scroll{overflow-x:auto}footer{margin-top:2rem;font-size:.85rem}
)";

/// By number of series: those of the load's own operations, not its groups or what a probe asks.
std::vector<bool> operations_of_load(const Snapshot& snapshot) {
  std::vector<bool> are;
  for (const SeriesTotals& series : snapshot.series) {
    if (series.series >= are.size()) are.resize(series.series + 1, false);
    are[series.series] = series.key.kind == SeriesKind::operation && !series.key.background;
  }
  return are;
}

/// What one second says of a metric, and how that is called.
std::pair<double, std::string_view> value_of(const MetricWindow& values, MetricKind kind) {
  switch (kind) {
    case MetricKind::counter: return {values.sum, "sum"};
    case MetricKind::trend: return {values.mean(), "mean"};
    case MetricKind::gauge: break;
  }
  return {values.last, "last"};
}

std::string metric_charts(const RunResult& result) {
  std::string out;
  const std::vector<MetricTotals>& metrics = result.snapshot.metrics;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    ChartLine line{"", "var(--ink)", {}};
    for (const auto& window : result.timeline) {
      if (i >= window->metrics.size() || window->metrics[i].count == 0) continue;   // a gap
      const auto [value, word] = value_of(window->metrics[i], metrics[i].kind);
      line.name = word;
      line.points.push_back({static_cast<double>(window->window), value});
    }
    const std::string& unit = metrics[i].unit;
    out += line_chart(metrics[i].name, {line}, [&](double value) { return fmt::format("{:.6g}{}{}", value, unit.empty() ? "" : " ", unit); });
  }
  return out;
}

std::string charts(const RunResult& result) {
  const std::vector<bool> is_operation = operations_of_load(result.snapshot);
  ChartLine rate{"finished", "var(--ink)", {}}, failed{"failed", "var(--bad)", {}}, users{"present", "var(--ink)", {}};
  ChartLine p50{"p50", "var(--good)", {}}, p99{"p99", "var(--ink)", {}};
  for (const auto& window : result.timeline) {
    const auto second = static_cast<double>(window->window);
    double count = 0, bad = 0, present = 0, middle = 0, worst = 0;
    for (const SeriesWindow& series : window->series) {
      if (series.series >= is_operation.size() || !is_operation[series.series]) continue;
      count += static_cast<double>(series.counts.count());
      bad += static_cast<double>(series.counts.failed);
      middle = std::max(middle, static_cast<double>(series.response.quantile_ns(0.5)));
      worst = std::max(worst, static_cast<double>(series.response.quantile_ns(0.99)));
    }
    for (const PopulationWindow& population : window->populations) present += static_cast<double>(population.users_present);
    rate.points.push_back({second, count});
    failed.points.push_back({second, bad});
    p50.points.push_back({second, middle});
    p99.points.push_back({second, worst});
    users.points.push_back({second, present});
  }
  const auto number = [](double value) { return fmt::format("{:.6g}", value); };
  return line_chart("Requests each second", {rate, failed}, number) +
         line_chart("Response time each second, of the series that is slowest then", {p99, p50}, time_text) +
         line_chart("Users", {users}, number) + metric_charts(result);
}

std::string series_table(const RunResult& result) {
  std::string out =
      "<div class=scroll><table><thead><tr><th>population / name<th>operation<th>load<th>count<th>/s<th>failed"
      "<th>p50<th>p90<th>p95<th>p99<th>p99.9<th>max<th>service p99<th>sent<th>received</thead><tbody>\n";
  for (const SeriesTotals* series : series_to_show(result.snapshot)) {
    const SparseHistogram& times = series->response;
    out += fmt::format("<tr><td>{} / {}<td>{}<td>{}<td>{}<td>{:.1f}<td class={}>{}", html_escaped(series->key.population),
                       html_escaped(series->key.name),
                       html_escaped(series->key.kind == SeriesKind::group ? series->key.type : series->key.operation), load_model_name(series->key.model),
                       count_text(series->counts.count()), series_rate_per_s(*series, result.snapshot),
                       series->counts.failed ? "bad" : "good", count_text(series->counts.failed));
    for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999}) out += "<td>" + time_text(static_cast<double>(times.quantile_ns(q)));
    out += fmt::format("<td>{}<td>{}<td>{}<td>{}\n", time_text(static_cast<double>(times.max_ns())),
                       time_text(static_cast<double>(series->service.quantile_ns(0.99))),
                       bytes_text(static_cast<double>(series->counts.bytes_out)),
                       bytes_text(static_cast<double>(series->counts.bytes_in)));
  }
  return out + "</tbody></table></div>\n";
}

std::string errors_table(const RunResult& result) {
  std::string rows;
  for (const SeriesTotals& series : result.snapshot.series) {
    for (const ErrorCount& error : series.errors) {
      rows += fmt::format("<tr><td>{} / {}<td>{}<td>{}<td>{}<td>{}<td>{}\n", html_escaped(series.key.population),
                          html_escaped(series.key.name), error_class_name(error.error), error.code, html_escaped(error.detail),
                          count_text(error.count), seen_text(error));
    }
  }
  if (rows.empty()) return "";
  return "<h2>Errors</h2><div class=scroll><table><thead><tr><th>series<th>class<th>code<th>detail<th>count<th>seen</thead><tbody>\n" +
         rows + "</tbody></table></div>\n";
}

}  // namespace

std::string html_page(const RunResult& result) {
  const bool is_good = result.verdict.word == VerdictWord::passed;
  std::string out = fmt::format(
      "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
      "<title>{0}: {1}</title><style>{2}</style></head><body>\n<h1>{0}: <span class={3}>{1}</span></h1>\n",
      html_escaped(result.info.scenario), verdict_word(result.verdict.word), kStyle, is_good ? "good" : "bad");
  for (const std::string& reason : result.verdict.reasons) out += fmt::format("<p class=bad>{}</p>\n", html_escaped(reason));
  for (const std::string& warning : result.verdict.warnings) out += fmt::format("<p>Warning: {}</p>\n", html_escaped(warning));
  const SampleCounts totals = result.snapshot.totals();
  out += fmt::format("<p>{} requests in {:.1f} s, {} failed; {} sent, {} received. Run {}, seed {}, {} shard{}.</p>\n",
                     count_text(totals.count()), static_cast<double>(result.info.duration_ns) / 1e9,
                     count_text(totals.failed), bytes_text(static_cast<double>(totals.bytes_out)),
                     bytes_text(static_cast<double>(totals.bytes_in)), html_escaped(result.info.id), result.info.seed,
                     result.info.shards, result.info.shards == 1 ? "" : "s");
  if (!result.thresholds.empty()) {
    out += "<h2>Thresholds</h2><table><thead><tr><th>rule<th>value<th></thead><tbody>\n";
    for (const ThresholdResult& threshold : result.thresholds) {
      out += fmt::format("<tr><td>{}<td>{:.4g} {}<td class={}>{}\n", html_escaped(threshold.rule), threshold.value,
                         html_escaped(threshold.unit), threshold.passed ? "good" : "bad", threshold.passed ? "✓ holds" : "✗ broken");
    }
    out += "</tbody></table>\n";
  }
  out += "<h2>Response times</h2><p>From when each request was due. In closed load a user's next request waits for "
         "its last, so it is due when it starts.</p>\n" + series_table(result) + errors_table(result);
  out += "<h2>Over time</h2>\n" + charts(result);
  if (!result.parts.empty() || !result.records.empty() || !result.snapshot.metrics.empty()) {
    out += "<h2>Beside the load</h2><table><tbody>\n";
    const auto row = [&](const std::string& name, const std::string& text) {
      out += fmt::format("<tr><td>{}<td>{}\n", html_escaped(name), html_escaped(text));
    };
    for (const PartResult& part : result.parts) row(part.name, part_text(part));
    for (const RecordTotals& records : result.records) row(records.dataset, records_text(records));
    for (const MetricTotals& metric : result.snapshot.metrics) row(metric.name, metric_text(metric));
    out += "</tbody></table>\n";
  }
  out += "<h2>The generator itself</h2><table><tbody>\n";
  for (const ValidityCheck& check : result.verdict.validity) {
    out += fmt::format("<tr><td>{}<td>{}<td>must be {}<td class={}>{}\n", html_escaped(check.name), html_escaped(check.value),
                       html_escaped(check.limit), check.holds ? "good" : "bad", check.holds ? "✓" : "✗");
  }
  out += fmt::format("<tr><td>CPU<td>{:.1f} s<td><td>\n<tr><td>peak memory<td>{}<td><td>\n</tbody></table>\n",
                     result.info.cpu_s, bytes_text(static_cast<double>(result.info.peak_rss_bytes)));
  const IterationLedger& i = result.snapshot.ledger.iterations;
  out += fmt::format("<h2>Ledger</h2><p>Iterations: planned {} = started {} + dropped {} + waiting {} + not due {}; "
                     "started = completed {} + interrupted {} + cut {}.</p>\n",
                     i.planned, i.started, i.dropped, i.waiting, i.not_due, i.completed, i.interrupted, i.cut);
  out += "<h2>Journal</h2><table><thead><tr><th>event<th>at<th></thead><tbody>\n";
  for (const JournalEntry& entry : result.journal) {
    out += fmt::format("<tr><td>{}<td>{:.3f} s<td>{}\n", html_escaped(entry.event), static_cast<double>(entry.at_ns) / 1e9,
                       html_escaped(entry.text));
  }
  return out + fmt::format("</tbody></table>\n<footer>squall {}</footer></body></html>\n", SQUALL_VERSION);
}

}  // namespace squall
