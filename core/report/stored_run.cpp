#include "report/stored_run.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "report/json.hpp"
#include "report/utc_text.hpp"

namespace squall {
namespace {

std::uint64_t count_of(const Json& json, const char* key) { return json.at(key).get<std::uint64_t>(); }
std::string text_of(const Json& json, const char* key) { return json.at(key).get<std::string>(); }
std::uint64_t ns_of_ms(const Json& ms) { return static_cast<std::uint64_t>(ns_of_seconds(ms.get<double>() / 1e3)); }

/// The one of `all` that is called so.
template <class Enumerator, class Name>
Enumerator named(const std::string& word, std::initializer_list<Enumerator> all, Name name_of) {
  for (const Enumerator value : all) {
    if (name_of(value) == word) return value;
  }
  throw std::invalid_argument("unknown word '" + word + "'");
}

RunPhase phase_of(const Json& json) {
  return named(text_of(json, "phase"), {RunPhase::warmup, RunPhase::main}, [](RunPhase phase) { return std::string_view(phase_word(phase)); });
}

LoadModel model_of(const Json& json) {
  return named(text_of(json, "model"), {LoadModel::open, LoadModel::closed, LoadModel::fleet}, load_model_name);
}

SeriesTotals series_of(const Json& json) {
  SeriesTotals series;
  series.series = json.at("series").get<std::uint32_t>();
  series.phase = phase_of(json);
  series.key = {.population = text_of(json, "population"),
                .task = text_of(json, "task"),
                .name = text_of(json, "name"),
                .operation = text_of(json, "operation"),
                .type = text_of(json, "type"),
                .model = model_of(json),
                .kind = named(text_of(json, "kind"), {SeriesKind::operation, SeriesKind::group, SeriesKind::delivery}, series_kind_name),
                .tags = {},
                .background = json.at("background").get<bool>()};
  if (json.contains("tags")) {
    for (const auto& [tag, value] : json.at("tags").items()) series.key.tags.emplace_back(tag, value.get<std::string>());
  }
  series.counts.failed = count_of(json, "failed");
  series.counts.ok = count_of(json, "count") - series.counts.failed;
  series.counts.cut = count_of(json, "cut");
  series.counts.bytes_out = count_of(json, "sent_bytes");
  series.counts.bytes_in = count_of(json, "received_bytes");
  series.rate_time_ns = ns_of_seconds(json.at("measured_s"));
  for (const Json& error : json.at("error_details")) {
    const auto found = error_class_by_name(text_of(error, "class"));
    if (!found) throw std::invalid_argument("unknown class '" + text_of(error, "class") + "'");
    ErrorCount& count = series.errors.emplace_back();
    count.error = *found;
    count.code = error.at("code").get<std::int32_t>();
    count.detail = text_of(error, "detail");
    count.count = count_of(error, "count");
    if (!error.at("first_s").is_null()) count.first_ns = ns_of_seconds(error.at("first_s"));
    if (!error.at("last_s").is_null()) count.last_ns = ns_of_seconds(error.at("last_s"));
  }
  return series;
}

/// What only a counter told has no other line.
void add_counter(std::vector<SeriesTotals>& all, const Json& json) {
  const auto number = json.at("series").get<std::uint32_t>();
  const RunPhase phase = phase_of(json);
  auto found = std::ranges::find_if(all, [&](const SeriesTotals& series) { return series.series == number && series.phase == phase; });
  if (found == all.end()) {
    SeriesTotals& series = all.emplace_back();
    series.series = number;
    series.phase = phase;
    series.key.population = text_of(json, "population");
    series.key.operation = text_of(json, "operation");
    series.key.name = text_of(json, "name");
    series.key.kind = SeriesKind::delivery;
    found = all.end() - 1;
  }
  found->counts.told = count_of(json, "count");
}

PopulationTotals population_of(const Json& json) {
  PopulationTotals population;
  population.name = text_of(json, "name");
  population.model = model_of(json);
  population.background = json.at("background").get<bool>();
  population.users_peak = count_of(json, "peak_users");
  population.users_stopped = count_of(json, "stopped_users");
  population.iterations.planned = count_of(json, "planned");
  population.iterations.started = count_of(json, "iterations");
  population.iterations.interrupted = count_of(json, "interrupted");
  population.iterations.cut = count_of(json, "cut");
  population.iterations.waiting = count_of(json, "waiting");
  population.iterations.dropped = count_of(json, "dropped");
  return population;
}

RecordTotals records_of(const Json& json) {
  RecordTotals records;
  records.dataset = text_of(json, "dataset");
  records.records = count_of(json, "records");
  records.acquired = count_of(json, "acquired");
  records.handed_back = count_of(json, "handed_back");
  records.held_most = count_of(json, "held_most");
  records.least_used = count_of(json, "least_used");
  records.most_used = count_of(json, "most_used");
  records.found_none = count_of(json, "found_none");
  records.in_vain = count_of(json, "waited_in_vain");
  records.in_vain_longest_ns = ns_of_ms(json.at("waited_in_vain_longest_ms"));
  return records;
}

MetricTotals metric_of(const Json& json) {
  MetricTotals metric;
  metric.name = text_of(json, "name");
  metric.unit = text_of(json, "unit");
  metric.kind = named(text_of(json, "kind"), {MetricKind::gauge, MetricKind::counter, MetricKind::trend}, 
                      [](MetricKind kind) { return std::string_view(metric_kind_word(kind)); });
  metric.is_probe = json.at("probe").get<bool>();
  metric.values.count = count_of(json, "count");
  metric.values.sum = json.at("sum").get<double>();
  metric.values.min = json.at("min").get<double>();
  metric.values.max = json.at("max").get<double>();
  metric.values.last = json.at("last").get<double>();
  return metric;
}

ThresholdResult threshold_of(const Json& json) {
  ThresholdResult threshold;
  threshold.rule = text_of(json, "rule");
  threshold.value = json.at("value").get<double>();
  threshold.unit = text_of(json, "unit");
  threshold.passed = json.at("passed").get<bool>();
  threshold.judged = json.at("judged").get<bool>();
  threshold.cut = count_of(json, "cut");
  threshold.reason = text_of(json, "reason");
  return threshold;
}

SampleLedger samples_of(const Json& json) {
  return {count_of(json, "begun"), count_of(json, "ok"), count_of(json, "failed"), count_of(json, "cut")};
}

Ledger ledger_of(const Json& json) {
  const Json& i = json.at("iterations");
  return {{count_of(i, "planned"), count_of(i, "started"), count_of(i, "dropped"), count_of(i, "waiting"), count_of(i, "not_due"),
           count_of(i, "completed"), count_of(i, "interrupted"), count_of(i, "cut")},
          samples_of(json.at("samples")),
          samples_of(json.at("groups"))};
}

Verdict verdict_of(const Json& document) {
  using enum VerdictWord;
  Verdict verdict;
  verdict.word = named(text_of(document, "verdict"), {passed, failed, invalid, partial, stopped, aborted, error}, verdict_word);
  verdict.exit_code = document.at("exit_code").get<int>();
  verdict.reasons = document.at("reasons").get<std::vector<std::string>>();
  verdict.warnings = document.at("generator").at("warnings").get<std::vector<std::string>>();
  for (const Json& check : document.at("generator").at("validity")) {
    verdict.validity.push_back({text_of(check, "name"), text_of(check, "value"), text_of(check, "limit"), check.at("holds").get<bool>()});
  }
  return verdict;
}

void read_sources(const Json& document, Snapshot& snapshot) {
  const Json& busy = document.at("generator").at("busy");
  for (const Json& json : document.at("agents")) {
    SourceState source;
    source.name = text_of(json, "id");
    source.final = text_of(json, "state") == "complete";
    source.last_sequence = count_of(json, "last_sequence");
    source.samples = count_of(json, "samples");
    source.busy_max = busy.at(snapshot.sources.size()).get<double>();
    snapshot.sources.push_back(std::move(source));
  }
}

void read_document(const Json& document, RunResult& result) {
  const Json& run = document.at("run");
  result.info = {text_of(run, "id"),
                 text_of(run, "scenario"),
                 text_of(run, "file"),
                 count_of(run, "seed"),
                 unix_ns_of(text_of(run, "started")),
                 ns_of_seconds(run.at("duration_s")),
                 run.at("agents").get<std::uint32_t>(),
                 run.at("shards").get<std::uint32_t>(),
                 document.at("generator").at("peak_rss_bytes").get<std::int64_t>(),
                 document.at("generator").at("cpu_s").get<double>()};
  result.verdict = verdict_of(document);
  for (const Json& part : document.at("parts")) {
    result.parts.push_back({text_of(part, "name"), part.at("done").get<bool>(), ns_of_seconds(part.at("duration_s")),
                            count_of(part, "operations"), count_of(part, "failed"), text_of(part, "why")});
  }
  for (const Json& data : document.at("data")) {
    const Json& first = data.at("first_left_out_line");
    result.data.push_back({text_of(data, "dataset"), count_of(data, "records"), count_of(data, "left_out"),
                           first.is_null() ? 0 : first.get<std::uint64_t>()});
  }
  for (const Json& records : document.at("records")) result.records.push_back(records_of(records));
  for (const Json& threshold : document.at("thresholds")) result.thresholds.push_back(threshold_of(threshold));
  for (const Json& output : document.at("outputs")) {
    result.outputs.push_back({text_of(output, "name"), count_of(output, "accepted"), count_of(output, "delivered"),
                              count_of(output, "rejected"), count_of(output, "spooled"), count_of(output, "dropped"),
                              text_of(output, "error"), output.at("ended_badly").get<bool>()});
  }
  for (const Json& entry : document.at("journal")) {
    result.journal.push_back({ns_of_seconds(entry.at("at_s")), text_of(entry, "event"), text_of(entry, "text")});
  }
  Snapshot& snapshot = result.snapshot;
  snapshot.measured_ns = ns_of_seconds(run.at("measured_s"));
  snapshot.ledger = ledger_of(document.at("ledger"));
  snapshot.overflowed_series = count_of(document.at("generator"), "dropped_samples");
  for (const Json& series : document.at("series")) snapshot.series.push_back(series_of(series));
  for (const Json& counter : document.at("counters")) add_counter(snapshot.series, counter);
  for (const Json& population : document.at("populations")) snapshot.populations.push_back(population_of(population));
  for (const Json& metric : document.at("metrics")) snapshot.metrics.push_back(metric_of(metric));
  for (const Json& json : document.at("connections")) {
    snapshot.connections.push_back({text_of(json, "target"),
                                    {static_cast<std::uint32_t>(snapshot.connections.size()), count_of(json, "opened"),
                                     count_of(json, "reused"), count_of(json, "closed_by_peer"), count_of(json, "failed"),
                                     count_of(json, "icmp_errors")}});
  }
  read_sources(document, snapshot);
}

void read_histograms(const Json& line, RunResult& result) {
  Snapshot& snapshot = result.snapshot;
  const auto one_called = [](auto& list, auto name, const std::string& wanted) -> auto& {
    const auto found = std::ranges::find(list, wanted, name);
    if (found == list.end()) throw std::invalid_argument("result.json has no '" + wanted + "'");
    return *found;
  };
  if (line.contains("generator")) {
    snapshot.generator.lag = histogram_of(line.at("lag"));
    snapshot.generator.warmup_lag = histogram_of(line.at("warmup_lag"));
    snapshot.generator.turn = histogram_of(line.at("turn"));
  } else if (line.contains("dataset")) {
    one_called(result.records, &RecordTotals::dataset, text_of(line, "dataset")).waited = histogram_of(line.at("waited"));
  } else if (line.contains("blocked")) {
    one_called(snapshot.populations, &PopulationTotals::name, text_of(line, "population")).blocked = histogram_of(line.at("blocked"));
  } else {
    const auto number = line.at("series").get<std::uint32_t>();
    const RunPhase phase = phase_of(line);
    const auto series = std::ranges::find_if(snapshot.series, [&](const SeriesTotals& one) { return one.series == number && one.phase == phase; });
    if (series == snapshot.series.end()) throw std::invalid_argument(fmt::format("result.json has no series {}", number));
    series->response = histogram_of(line.at("response"));
    series->service = histogram_of(line.at("service"));
    series->lateness = histogram_of(line.at("lateness"));
    series->cut_waited = histogram_of(line.at("cut_waited"));
    for (std::size_t i = 0; i < kSamplePhases; ++i) {
      const std::string word(sample_phase_name(static_cast<SamplePhase>(i)));
      if (line.at("phases").contains(word)) series->phases[i] = histogram_of(line.at("phases").at(word));
    }
  }
}

/// Of a metric's second only what stands for it is stored: one value that is its last, its sum and its mean.
void read_environment(const Json& line, const Snapshot& snapshot, MergedWindow& window) {
  window.busy_max = line.at("busy").get<double>();
  for (std::uint32_t i = 0; i < snapshot.populations.size(); ++i) {
    const auto users = line.at("users").find(snapshot.populations[i].name);
    if (users == line.at("users").end()) continue;
    PopulationWindow& population = window.populations.emplace_back();
    population.population = i;
    population.users_planned = count_of(*users, "planned");
    population.users_present = count_of(*users, "present");
    population.users_retiring = count_of(*users, "retiring");
    population.in_flight = count_of(*users, "in_flight");
  }
  window.metrics.resize(snapshot.metrics.size());
  for (std::uint32_t i = 0; i < snapshot.metrics.size(); ++i) {
    window.metrics[i].metric = i;
    const Json& value = line.at("metrics").at(snapshot.metrics[i].name);
    if (!value.is_null()) window.metrics[i].add(value.get<double>(), (window.window + 1) * kWindowNs);
  }
}

using Timeline = std::vector<std::shared_ptr<MergedWindow>>;

/// Its seconds in the order of the file, in which a second's lines stand together.
void read_second(const Json& line, const Snapshot& snapshot, Timeline& timeline) {
  const auto second = line.at("second").get<std::int64_t>();
  if (timeline.empty() || timeline.back()->window != second) {
    timeline.push_back(std::make_shared<MergedWindow>());
    timeline.back()->window = second;
  }
  MergedWindow& window = *timeline.back();
  if (line.contains("environment")) return read_environment(line, snapshot, window);
  SeriesWindow& series = window.series.emplace_back();
  series.series = line.at("series").get<std::uint32_t>();
  series.phase = phase_of(line);
  series.counts.failed = count_of(line, "failed");
  series.counts.ok = count_of(line, "count") - series.counts.failed;
  series.counts.bytes_out = count_of(line, "sent_bytes");
  series.counts.bytes_in = count_of(line, "received_bytes");
  series.response = histogram_of(line.at("response"));
}

/// "" or what is wrong.
std::string read_file(const std::string& path, bool has_lines, const std::function<void(const Json&)>& read) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fmt::format("cannot read {}: {}", path, std::strerror(errno));
  std::size_t number = 0;
  try {
    if (!has_lines) read(Json::parse(file));
    for (std::string line; has_lines && std::getline(file, line);) {
      ++number;
      read(Json::parse(line));
    }
  } catch (const std::exception& error) {
    const std::string_view what = error.what();   // "[json.exception.…] why"
    const auto why = what.starts_with('[') && what.find("] ") != what.npos ? what.substr(what.find("] ") + 2) : what;
    return fmt::format("{}{}: not as squall {} writes it: {}", path, has_lines ? fmt::format(":{}", number) : "", SQUALL_VERSION, why);
  }
  return "";
}

}  // namespace

Result<RunResult> read_run(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return Error{fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  const auto slash = path.rfind('/');
  const std::string folder = S_ISDIR(info.st_mode) ? path : slash == path.npos ? "." : path.substr(0, slash);
  RunResult result;
  const auto in = [&](const char* name) { return folder + "/" + name; };
  std::string error = read_file(S_ISDIR(info.st_mode) ? in("result.json") : path, false, [&](const Json& json) { read_document(json, result); });
  if (error.empty()) error = read_file(in("histograms.jsonl"), true, [&](const Json& line) { read_histograms(line, result); });
  Timeline timeline;
  if (error.empty()) error = read_file(in("timeline.jsonl"), true, [&](const Json& line) { read_second(line, result.snapshot, timeline); });
  result.timeline.assign(timeline.begin(), timeline.end());
  if (!error.empty()) return Error{std::move(error)};
  return result;
}

}  // namespace squall
