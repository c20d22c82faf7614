#include "report/result_json.hpp"

#include <fmt/format.h>

#include <squall/abi.h>

#include "report/json.hpp"
#include "report/series_view.hpp"
#include "report/utc_text.hpp"

namespace squall {
namespace {

constexpr double kNsPerMs = 1e6;

double ms(std::uint64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

Json errors_of(const SeriesTotals& series) {
  Json errors = Json::object();
  for (const ErrorCount& error : series.errors) {
    const std::string name(error_class_name(error.error));
    errors[name] = errors.value(name, std::uint64_t{0}) + error.count;
  }
  return errors;
}

/// null: not known.
Json time_or_null(std::int64_t ns) { return ns == kNoTime || ns == -kNoTime ? Json(nullptr) : Json(json_seconds(ns)); }

Json error_details(const SeriesTotals& series) {
  Json list = Json::array();
  for (const ErrorCount& error : series.errors) {
    list.push_back({{"class", error_class_name(error.error)}, {"code", error.code}, {"detail", error.detail},
                    {"count", error.count}, {"first_s", time_or_null(error.first_ns)}, {"last_s", time_or_null(error.last_ns)}});
  }
  return list;
}

Json series_json(const SeriesTotals& series, const Snapshot& snapshot) {
  Json phases = Json::object();
  for (std::size_t i = 0; i < kSamplePhases; ++i) {
    if (!series.phases[i].empty()) phases[std::string(sample_phase_name(static_cast<SamplePhase>(i)))] = spread_json(series.phases[i]);
  }
  Json tags = Json::object();
  for (const auto& [tag, value] : series.key.tags) tags[tag] = value;
  Json out = {{"series", series.series},
              {"population", series.key.population},
              {"task", series.key.task},
              {"name", series.key.name},
              {"operation", series.key.operation},
              {"type", series.key.type},
              {"kind", series_kind_name(series.key.kind)},
              {"background", series.key.background},
              {"model", load_model_name(series.key.model)},
              {"phase", phase_word(series.phase)},
              {"count", series.counts.count()},
              {"failed", series.counts.failed},
              {"cut", series.counts.cut},
              {"cut_longest_ms", ms(series.cut_waited.max_ns())},
              {"errors", errors_of(series)},
              {"error_details", error_details(series)},
              {"measured_s", json_seconds(series_rate_time_ns(series, snapshot))},
              {"rate_per_s", series_rate_per_s(series, snapshot)},
              {"sent_bytes", series.counts.bytes_out},
              {"received_bytes", series.counts.bytes_in},
              {"response_ms", spread_json(series.response)},
              {"service_ms", spread_json(series.service)},
              {"lateness_ms", spread_json(series.lateness)},
              {"phases_ms", phases}};
  if (!tags.empty()) out["tags"] = tags;
  return out;
}

Json ledger_json(const Ledger& ledger) {
  const IterationLedger& i = ledger.iterations;
  const auto samples = [](const SampleLedger& s) {
    return Json{{"begun", s.begun}, {"ok", s.ok}, {"failed", s.failed}, {"cut", s.cut}};
  };
  return {{"iterations",
           {{"planned", i.planned}, {"started", i.started}, {"dropped", i.dropped}, {"waiting", i.waiting},
            {"not_due", i.not_due}, {"completed", i.completed}, {"interrupted", i.interrupted}, {"cut", i.cut}}},
          {"samples", samples(ledger.samples)},
          {"groups", samples(ledger.groups)},
          {"closed", ledger.closed()}};
}

Json generator_json(const RunResult& result) {
  const Snapshot& snapshot = result.snapshot;
  Json busy = Json::array();
  for (const SourceState& source : snapshot.sources) busy.push_back(source.busy_max);
  Json validity = Json::array();
  for (const ValidityCheck& check : result.verdict.validity) {
    validity.push_back({{"name", check.name}, {"value", check.value}, {"limit", check.limit}, {"holds", check.holds}});
  }
  return {{"lag_ms", spread_json(snapshot.generator.lag)},
          {"turn_ms", spread_json(snapshot.generator.turn)},
          {"busy", busy},
          {"cpu_s", result.info.cpu_s},
          {"peak_rss_bytes", result.info.peak_rss_bytes},
          {"dropped_samples", snapshot.overflowed_series},
          {"validity", validity},
          {"warnings", result.verdict.warnings}};
}

}  // namespace

std::string result_json(const RunResult& result) {
  const Snapshot& snapshot = result.snapshot;
  const SampleCounts totals = snapshot.totals();
  const IterationLedger& iterations = snapshot.ledger.iterations;
  Json document = {
      {"squall", {{"version", SQUALL_VERSION}, {"abi", fmt::format("{}.{}", SQ_ABI_MAJOR, SQ_ABI_MINOR)}}},
      {"run",
       {{"id", result.info.id}, {"scenario", result.info.scenario}, {"file", result.info.file},
        {"seed", result.info.seed}, {"started", utc_text(result.info.started_unix_ns)},
        {"duration_s", json_seconds(result.info.duration_ns)},
        {"measured_s", json_seconds(snapshot.measured_ns)},
        {"agents", result.info.agents}, {"shards", result.info.shards}}},
      {"verdict", verdict_word(result.verdict.word)},
      {"exit_code", result.verdict.exit_code},
      {"reasons", result.verdict.reasons},
      {"totals",
       {{"iterations", iterations.started}, {"interrupted", iterations.interrupted}, {"cut", iterations.cut},
        {"samples", totals.count()}, {"failed", totals.failed}, {"sent_bytes", totals.bytes_out},
        {"received_bytes", totals.bytes_in}}}};
  Json list = Json::array();
  for (const PartResult& part : result.parts) {
    list.push_back({{"name", part.name}, {"done", part.is_done}, {"duration_s", json_seconds(part.duration_ns)},
                    {"operations", part.operations}, {"failed", part.failed}, {"why", part.why}});
  }
  document["parts"] = std::move(list);
  list = Json::array();
  for (const SeriesTotals& series : snapshot.series) {
    if (series.counts.count() + series.counts.cut > 0) list.push_back(series_json(series, snapshot));
  }
  document["series"] = std::move(list);
  list = Json::array();
  for (const SeriesTotals& series : snapshot.series) {
    if (series.counts.told == 0) continue;
    list.push_back({{"series", series.series}, {"population", series.key.population}, {"operation", series.key.operation},
                    {"name", series.key.name}, {"phase", phase_word(series.phase)}, {"count", series.counts.told}});
  }
  document["counters"] = std::move(list);
  list = Json::array();
  for (const PopulationTotals& population : snapshot.populations) {
    list.push_back({{"name", population.name},
                    {"model", load_model_name(population.model)},
                    {"background", population.background},
                    {"planned", population.iterations.planned},
                    {"peak_users", population.users_peak},
                    {"stopped_users", population.users_stopped},
                    {"iterations", population.iterations.started},
                    {"interrupted", population.iterations.interrupted},
                    {"cut", population.iterations.cut},
                    {"waiting", population.iterations.waiting},
                    {"dropped", population.iterations.dropped},
                    {"blocked_ms", spread_json(population.blocked)}});
  }
  document["populations"] = std::move(list);
  list = Json::array();
  for (const DataAccount& data : result.data) {
    list.push_back({{"dataset", data.dataset}, {"records", data.records}, {"left_out", data.left_out},
                    {"first_left_out_line", data.first_left_out == 0 ? Json(nullptr) : Json(data.first_left_out)}});
  }
  document["data"] = std::move(list);
  list = Json::array();
  for (const RecordTotals& records : result.records) {
    list.push_back({{"dataset", records.dataset},
                    {"records", records.records},
                    {"acquired", records.acquired},
                    {"handed_back", records.handed_back},
                    {"held_most", records.held_most},
                    {"least_used", records.least_used},
                    {"most_used", records.most_used},
                    {"found_none", records.found_none},
                    {"waited", records.waited.count()},
                    {"waited_in_vain", records.in_vain},
                    {"waited_in_vain_longest_ms", ms(records.in_vain_longest_ns)},
                    {"waited_ms", spread_json(records.waited)}});
  }
  document["records"] = std::move(list);
  list = Json::array();
  for (const MetricTotals& metric : snapshot.metrics) {
    const MetricWindow& values = metric.values;
    list.push_back({{"name", metric.name}, {"unit", metric.unit}, {"kind", metric_kind_word(metric.kind)}, {"probe", metric.is_probe},
                    {"count", values.count}, {"last", values.last}, {"min", values.min}, {"mean", values.mean()},
                    {"max", values.max}, {"sum", values.sum}});
  }
  document["metrics"] = std::move(list);
  list = Json::array();
  for (const ThresholdResult& threshold : result.thresholds) {
    list.push_back({{"rule", threshold.rule}, {"value", threshold.value}, {"unit", threshold.unit},
                    {"passed", threshold.passed}, {"judged", threshold.judged}, {"cut", threshold.cut},
                    {"reason", threshold.reason}});
  }
  document["thresholds"] = std::move(list);
  document["ledger"] = ledger_json(snapshot.ledger);
  document["generator"] = generator_json(result);
  list = Json::array();
  for (const SourceState& source : snapshot.sources) {
    list.push_back({{"id", source.name}, {"state", source.complete() ? "complete" : "lost"},
                    {"last_sequence", source.last_sequence}, {"samples", source.samples}});
  }
  document["agents"] = std::move(list);
  list = Json::array();
  for (const TargetConnections& target : snapshot.connections) {
    list.push_back({{"target", target.target}, {"opened", target.counts.opened}, {"reused", target.counts.reused},
                    {"closed_by_peer", target.counts.closed_by_peer}, {"failed", target.counts.failed},
                    {"icmp_errors", target.counts.icmp_errors}});
  }
  document["connections"] = std::move(list);
  list = Json::array();
  for (const OutputAccount& output : result.outputs) {
    list.push_back({{"name", output.name}, {"accepted", output.accepted}, {"delivered", output.delivered},
                    {"rejected", output.rejected}, {"spooled", output.spooled}, {"dropped", output.dropped},
                    {"error", output.error}, {"ended_badly", output.ended_badly}});
  }
  document["outputs"] = std::move(list);
  list = Json::array();
  for (const JournalEntry& entry : result.journal) {
    list.push_back({{"at_s", json_seconds(entry.at_ns)}, {"event", entry.event}, {"text", entry.text}});
  }
  document["journal"] = std::move(list);
  return json_text(document, 2) + "\n";
}

}  // namespace squall
