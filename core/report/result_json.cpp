#include "report/result_json.hpp"

#include <fmt/format.h>
#include <time.h>

#include <nlohmann/json.hpp>

#include <squall/abi.h>

#include "report/series_view.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNsPerMs = 1e6, kNsPerS = 1e9;

/// Answers of servers may hold anything: bad UTF-8 is replaced, never thrown at.
std::string dump(const Json& document, int indent = -1) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string utc_text(std::int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, unix_ns / 1'000'000 % 1000);
}

double ms(std::uint64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

Json spread(const SparseHistogram& histogram) {
  return {{"min", ms(histogram.min_ns())},
          {"mean", histogram.mean_ns() / kNsPerMs},
          {"p50", histogram.quantile_ms(0.5)},
          {"p90", histogram.quantile_ms(0.9)},
          {"p95", histogram.quantile_ms(0.95)},
          {"p99", histogram.quantile_ms(0.99)},
          {"p999", histogram.quantile_ms(0.999)},
          {"max", ms(histogram.max_ns())}};
}

Json errors_of(const SeriesTotals& series) {
  Json errors = Json::object();
  for (const ErrorCount& error : series.errors) {
    const std::string name(error_class_name(error.error));
    errors[name] = errors.value(name, std::uint64_t{0}) + error.count;
  }
  return errors;
}

Json error_details(const SeriesTotals& series) {
  Json list = Json::array();
  for (const ErrorCount& error : series.errors) {
    list.push_back({{"class", error_class_name(error.error)}, {"code", error.code}, {"detail", error.detail},
                    {"count", error.count}});
  }
  return list;
}

const char* phase_word(RunPhase phase) { return phase == RunPhase::warmup ? "warmup" : "main"; }

Json series_json(const SeriesTotals& series, const Snapshot& snapshot) {
  Json phases = Json::object();
  for (std::size_t i = 0; i < kSamplePhases; ++i) {
    if (!series.phases[i].empty()) phases[std::string(sample_phase_name(static_cast<SamplePhase>(i)))] = spread(series.phases[i]);
  }
  Json tags = Json::object();
  for (const auto& [tag, value] : series.key.tags) tags[tag] = value;
  Json out = {{"population", series.key.population},
              {"task", series.key.task},
              {"name", series.key.name},
              {"operation", series.key.operation},
              {"type", series.key.type},
              {"model", load_model_name(series.key.model)},
              {"phase", phase_word(series.phase)},
              {"count", series.counts.count()},
              {"failed", series.counts.failed},
              {"cut", series.counts.cut},
              {"cut_longest_ms", ms(series.cut_waited.max_ns())},
              {"errors", errors_of(series)},
              {"error_details", error_details(series)},
              {"rate_per_s", series_rate_per_s(series, snapshot)},
              {"sent_bytes", series.counts.bytes_out},
              {"received_bytes", series.counts.bytes_in},
              {"response_ms", spread(series.response)},
              {"service_ms", spread(series.service)},
              {"lateness_ms", spread(series.lateness)},
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
  return {{"lag_ms", spread(snapshot.generator.lag)},
          {"turn_ms", spread(snapshot.generator.turn)},
          {"busy", busy},
          {"cpu_s", result.info.cpu_s},
          {"peak_rss_bytes", result.info.peak_rss_bytes},
          {"dropped_samples", snapshot.overflowed_series},
          {"validity", validity},
          {"warnings", result.verdict.warnings}};
}

const char* kind_word(MetricKind kind) {
  return kind == MetricKind::gauge ? "gauge" : kind == MetricKind::counter ? "counter" : "trend";
}

double mean_of(const MetricWindow& values) { return values.count == 0 ? 0 : values.sum / static_cast<double>(values.count); }

/// What stands for a second's values; null: none came in it.
Json shown_value(const MetricWindow& values, MetricKind kind) {
  if (values.count == 0) return nullptr;
  return kind == MetricKind::gauge ? values.last : kind == MetricKind::counter ? values.sum : mean_of(values);
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
        {"duration_s", static_cast<double>(result.info.duration_ns) / kNsPerS},
        {"measured_s", static_cast<double>(snapshot.measured_ns) / kNsPerS},
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
    list.push_back({{"name", part.name}, {"done", part.is_done}, {"duration_s", static_cast<double>(part.duration_ns) / kNsPerS},
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
    list.push_back({{"population", series.key.population}, {"operation", series.key.operation}, {"name", series.key.name},
                    {"phase", phase_word(series.phase)}, {"count", series.counts.told}});
  }
  document["counters"] = std::move(list);
  list = Json::array();
  for (const PopulationTotals& population : snapshot.populations) {
    list.push_back({{"name", population.name},
                    {"model", load_model_name(population.model)},
                    {"planned", population.iterations.planned},
                    {"peak_users", population.users_peak},
                    {"stopped_users", population.users_stopped},
                    {"iterations", population.iterations.started},
                    {"interrupted", population.iterations.interrupted},
                    {"cut", population.iterations.cut},
                    {"waiting", population.iterations.waiting},
                    {"dropped", population.iterations.dropped},
                    {"blocked_ms", spread(population.blocked)}});
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
                    {"waited_ms", spread(records.waited)}});
  }
  document["records"] = std::move(list);
  list = Json::array();
  for (const MetricTotals& metric : snapshot.metrics) {
    const MetricWindow& values = metric.values;
    list.push_back({{"name", metric.name}, {"unit", metric.unit}, {"kind", kind_word(metric.kind)}, {"probe", metric.is_probe},
                    {"count", values.count}, {"last", values.last}, {"min", values.min}, {"mean", mean_of(values)},
                    {"max", values.max}, {"sum", values.sum}});
  }
  document["metrics"] = std::move(list);
  list = Json::array();
  for (const ThresholdResult& threshold : result.thresholds) {
    list.push_back({{"rule", threshold.rule}, {"value", threshold.value}, {"unit", threshold.unit},
                    {"passed", threshold.passed}});
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
                    {"rejected", output.rejected}, {"spooled", output.spooled}, {"dropped", output.dropped}});
  }
  document["outputs"] = std::move(list);
  list = Json::array();
  for (const JournalEntry& entry : result.journal) {
    list.push_back({{"at_s", static_cast<double>(entry.at_ns) / kNsPerS}, {"event", entry.event}, {"text", entry.text}});
  }
  document["journal"] = std::move(list);
  return dump(document, 2) + "\n";
}

std::string timeline_jsonl(const RunResult& result) {
  std::string out;
  const auto find = [&](std::uint32_t id) -> const SeriesTotals* {
    for (const SeriesTotals& series : result.snapshot.series) {
      if (series.series == id) return &series;
    }
    return nullptr;
  };
  for (const auto& window : result.timeline) {
    for (const SeriesWindow& series : window->series) {
      const SeriesTotals* totals = find(series.series);
      if (!totals) continue;
      out += dump(Json{{"second", window->window},
                       {"population", totals->key.population},
                       {"task", totals->key.task},
                       {"name", totals->key.name},
                       {"operation", totals->key.operation},
                       {"phase", series.phase == RunPhase::warmup ? "warmup" : "main"},
                       {"count", series.counts.count()},
                       {"failed", series.counts.failed},
                       {"sent_bytes", series.counts.bytes_out},
                       {"received_bytes", series.counts.bytes_in},
                       {"response_ms", spread(series.response)}}) + "\n";
    }
    Json users = Json::object();
    std::uint64_t in_flight = 0;
    for (const PopulationWindow& population : window->populations) {
      users[result.snapshot.populations[population.population].name] = {
          {"planned", population.users_planned}, {"present", population.users_present},
          {"retiring", population.users_retiring}};
      in_flight += population.in_flight;
    }
    Json metrics = Json::object();
    for (std::size_t i = 0; i < result.snapshot.metrics.size(); ++i) {
      const MetricTotals& metric = result.snapshot.metrics[i];
      metrics[metric.name] = i < window->metrics.size() ? shown_value(window->metrics[i], metric.kind) : Json(nullptr);
    }
    out += dump(Json{{"second", window->window}, {"environment", true}, {"metrics", metrics}, {"users", users}, {"in_flight", in_flight},
                     {"busy", window->busy_max}, {"lag_ms", {{"p99", window->lag.quantile_ms(0.99)}}}}) + "\n";
  }
  return out;
}

std::string histograms_jsonl(const RunResult& result) {
  std::string out;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (series.counts.count() == 0) continue;
    const auto buckets = [](const SparseHistogram& histogram) {
      Json list = Json::array();
      for (std::size_t i = 0; i < histogram.index().size(); ++i) {
        list.push_back({histogram.index()[i], histogram.counts()[i]});
      }
      return Json{{"count", histogram.count()}, {"sum_ns", histogram.sum_ns()}, {"min_ns", histogram.min_ns()},
                  {"max_ns", histogram.max_ns()}, {"buckets", list}};
    };
    out += dump(Json{{"population", series.key.population},
                     {"task", series.key.task},
                     {"name", series.key.name},
                     {"operation", series.key.operation},
                     {"phase", series.phase == RunPhase::warmup ? "warmup" : "main"},
                     {"response", buckets(series.response)},
                     {"service", buckets(series.service)}}) + "\n";
  }
  return out;
}

std::string journal_jsonl(const RunResult& result) {
  std::string out;
  for (const JournalEntry& entry : result.journal) {
    out += dump(Json{{"at_s", static_cast<double>(entry.at_ns) / kNsPerS}, {"event", entry.event}, {"text", entry.text}}) + "\n";
  }
  return out;
}

}  // namespace squall
