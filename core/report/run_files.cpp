#include "report/run_files.hpp"

#include <string>
#include <unordered_map>

#include "report/json.hpp"

namespace squall {
namespace {

void write_line(std::ostream& out, const Json& line) { out << json_text(line) << '\n'; }

Json key_json(const SeriesKey& key, std::uint32_t series, RunPhase phase) {
  return {{"series", series}, {"population", key.population}, {"task", key.task}, {"name", key.name}, {"operation", key.operation},
          {"phase", phase_word(phase)}};
}

/// What stands for a second's values; null: none came in it.
Json shown_value(const MetricWindow& values, MetricKind kind) {
  if (values.count == 0) return nullptr;
  return kind == MetricKind::gauge ? values.last : kind == MetricKind::counter ? values.sum : values.mean();
}

void write_environment(std::ostream& out, const MergedWindow& window, const Snapshot& snapshot) {
  Json users = Json::object();
  std::uint64_t in_flight = 0;
  for (const PopulationWindow& population : window.populations) {
    users[snapshot.populations[population.population].name] = {{"planned", population.users_planned},
                                                               {"present", population.users_present},
                                                               {"retiring", population.users_retiring},
                                                               {"in_flight", population.in_flight}};
    in_flight += population.in_flight;
  }
  Json metrics = Json::object();
  for (std::size_t i = 0; i < snapshot.metrics.size(); ++i) {
    const MetricTotals& metric = snapshot.metrics[i];
    metrics[metric.name] = i < window.metrics.size() ? shown_value(window.metrics[i], metric.kind) : Json(nullptr);
  }
  write_line(out, {{"second", window.window}, {"environment", true}, {"metrics", metrics}, {"users", users}, {"in_flight", in_flight},
                   {"busy", window.busy_max}, {"lag_ms", {{"p99", window.lag.quantile_ms(0.99)}}}});
}

}  // namespace

void write_timeline(std::ostream& out, const RunResult& result) {
  std::unordered_map<std::uint32_t, const SeriesKey*> keys;
  for (const SeriesTotals& series : result.snapshot.series) keys.emplace(series.series, &series.key);
  for (const auto& window : result.timeline) {
    for (const SeriesWindow& series : window->series) {
      const auto key = keys.find(series.series);
      if (key == keys.end()) continue;
      Json line = {{"second", window->window}};
      line.update(key_json(*key->second, series.series, series.phase));
      line["count"] = series.counts.count();
      line["failed"] = series.counts.failed;
      line["sent_bytes"] = series.counts.bytes_out;
      line["received_bytes"] = series.counts.bytes_in;
      line["response_ms"] = spread_json(series.response);
      line["response"] = histogram_json(series.response);
      write_line(out, line);
    }
    write_environment(out, *window, result.snapshot);
  }
}

void write_histograms(std::ostream& out, const RunResult& result) {
  for (const SeriesTotals& series : result.snapshot.series) {
    if (series.counts.count() + series.counts.cut == 0) continue;
    Json line = key_json(series.key, series.series, series.phase);
    line["response"] = histogram_json(series.response);
    line["service"] = histogram_json(series.service);
    line["lateness"] = histogram_json(series.lateness);
    line["cut_waited"] = histogram_json(series.cut_waited);
    Json phases = Json::object();
    for (std::size_t i = 0; i < kSamplePhases; ++i) {
      if (series.phases[i].empty()) continue;
      phases[std::string(sample_phase_name(static_cast<SamplePhase>(i)))] = histogram_json(series.phases[i]);
    }
    line["phases"] = std::move(phases);
    write_line(out, line);
  }
  for (const PopulationTotals& population : result.snapshot.populations) {
    write_line(out, {{"population", population.name}, {"blocked", histogram_json(population.blocked)}});
  }
  for (const RecordTotals& records : result.records) {
    write_line(out, {{"dataset", records.dataset}, {"waited", histogram_json(records.waited)}});
  }
  const GeneratorTotals& generator = result.snapshot.generator;
  write_line(out, {{"generator", true}, {"lag", histogram_json(generator.lag)}, {"warmup_lag", histogram_json(generator.warmup_lag)},
                   {"turn", histogram_json(generator.turn)}});
}

void write_journal(std::ostream& out, const RunResult& result) {
  for (const JournalEntry& entry : result.journal) {
    write_line(out, {{"at_s", json_seconds(entry.at_ns)}, {"event", entry.event}, {"text", entry.text}});
  }
}

}  // namespace squall
