#include "documents.hpp"

#include <algorithm>

namespace squall::elastic {
namespace {

using namespace squall::plugin;

struct StreamName {
  const char *type, *dataset, *kind;
  char letter;
};
constexpr StreamName kNames[] = {{"metrics", "squall.window", "metric", 'w'},
                                 {"metrics", "squall.env", "metric", 'g'},
                                 {"logs", "squall.sample", "event", 's'},
                                 {"logs", "squall.event", "event", 'e'}};

void add_text(jsonl::JsonLines& lines, std::string_view name, std::string_view text) {
  if (!text.empty()) lines.text(name, text);
}

/// A key's dots would be objects to Elasticsearch, and two tags could not be told apart by them.
std::string label_of_tag(std::string_view key) {
  std::string name = "labels.tag_";
  for (const char c : key) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name.push_back(is_plain ? c : '_');
  }
  return name;
}

/// The type `histogram`: values rise, and there are as many counts.
void add_histogram(jsonl::JsonLines& lines, const sq_hist& times) {
  lines.key("squall.latency");
  lines.append("{\"values\":[");
  for (uint64_t i = 0; i < times.n; ++i) {
    if (i > 0) lines.append(",");
    const uint64_t low = bucket_low(times.index[i]), high = bucket_high(times.index[i]);
    lines.value(std::clamp(low + (high - low) / 2, times.min_ns, times.max_ns));
  }
  lines.append("],\"counts\":[");
  for (uint64_t i = 0; i < times.n; ++i) {
    if (i > 0) lines.append(",");
    lines.value(times.count[i]);
  }
  lines.append("]}");
  lines.number("squall.p50", quantile_ns(times, .5));
  lines.number("squall.p95", quantile_ns(times, .95));
  lines.number("squall.p99", quantile_ns(times, .99));
  lines.number("squall.max", times.max_ns);
}

}  // namespace

Documents::Documents(Place place, Samples samples) : place_(std::move(place)), samples_(samples) {}

Documents::Rendered Documents::render(const Batch& batch) {
  Rendered out;
  batch_ = batch.number();
  note_run(batch);
  for (const sq_series_desc& series : batch.series()) remember(series);
  number_ = 0;
  for (const sq_window& window : batch.windows()) add_window(window, batch, out);
  number_ = 0;
  for (const sq_gauge& gauge : batch.gauges()) add_gauge(gauge, batch, out);
  number_ = 0;
  if (samples_ != Samples::off)
    for (const sq_sample& sample : batch.samples())
      if (samples_ == Samples::all || sample.outcome != SQ_OUT_OK) add_sample(sample, batch, out);
  number_ = 0;
  for (const sq_event& event : batch.events()) add_event(event, out);
  return out;
}

void Documents::note_run(const Batch& batch) {
  bool is_new = labels_.empty();
  std::string_view scenario;
  for (const sq_event& event : batch.events()) {
    if (view(event.kind) == "run") run_id_ = view(event.text);
    if (view(event.kind) == "start") scenario = view(event.text);
    is_new |= view(event.kind) == "run" || view(event.kind) == "start";
  }
  if (!is_new) return;
  jsonl::JsonLines lines;
  lines.text("service.name", "squall");
  add_text(lines, "service.version", place_.version);
  add_text(lines, "host.name", place_.host);
  lines.text("labels.run_id", run_id_);
  add_text(lines, "labels.scenario", scenario);
  labels_ = lines.bytes();
}

void Documents::remember(const sq_series_desc& series) {
  jsonl::JsonLines lines;
  lines.text("squall.population", view(series.population));
  add_text(lines, "squall.task", view(series.task));
  add_text(lines, "squall.name", view(series.name));
  add_text(lines, "squall.operation", view(series.operation));
  add_text(lines, "squall.type", view(series.type));
  add_text(lines, "squall.agent", view(series.agent));
  std::vector<std::string> used;
  for (const sq_pair& tag : tags(series)) {
    const std::string base = label_of_tag(view(tag.key));
    std::string name = base;
    for (int i = 2; std::ranges::find(used, name) != used.end(); ++i)
      name = base + "_" + std::to_string(i);
    std::string value;
    append_text(value, tag.value);
    add_text(lines, name, value);
    used.push_back(std::move(name));
  }
  if (series.id >= series_.size()) series_.resize(series.id + 1);
  series_[series.id] = {std::string(lines.bytes()), view(series.operation).starts_with("http.")};
}

void Documents::begin(Stream stream, uint64_t unix_ns) {
  const StreamName& name = kNames[stream];
  lines_.clear();
  lines_.append("{\"create\":{\"_index\":\"");
  lines_.append(name.type);
  lines_.append("-");
  lines_.append(name.dataset);
  lines_.append("-");
  lines_.append(place_.name_space);
  lines_.append("\",\"_id\":");
  lines_.quoted(run_id_ + "-" + name.letter + "-" + std::to_string(batch_) + "-" +
                std::to_string(number_++));
  lines_.append("}}\n{\"ecs.version\":\"8.11.0\"");
  lines_.time("@timestamp", unix_ns);
  lines_.text("data_stream.type", name.type);
  lines_.text("data_stream.dataset", name.dataset);
  lines_.text("data_stream.namespace", place_.name_space);
  lines_.text("event.kind", name.kind);
  lines_.text("event.dataset", name.dataset);
  lines_.append(labels_);
}

void Documents::end(std::vector<sink::Record>& into) {
  lines_.end();
  into.push_back({std::string(lines_.bytes()), 1});
}

void Documents::add_window(const sq_window& window, const Batch& batch, Rendered& out) {
  if (!has(window.series)) {
    ++out.unknown;
    return;
  }
  begin(kWindow, batch.begin_unix_ns());
  lines_.append(series_[window.series].fields);
  lines_.text("squall.phase", window.flags & SQ_W_WARMUP ? "warmup" : "main");
  lines_.number("squall.count", window.count);
  lines_.number("squall.failed", window.failed);
  lines_.number("squall.bytes_out", window.bytes_out);
  lines_.number("squall.bytes_in", window.bytes_in);
  if (window.told > 0) lines_.number("squall.told", window.told);
  if (window.response.total > 0) add_histogram(lines_, window.response);
  uint64_t by_class[kErrorClasses] = {};
  for (const sq_error_count& error : errors(window))
    if (error.kind < kErrorClasses) by_class[error.kind] += error.count;
  for (uint32_t kind = 1; kind < kErrorClasses; ++kind)
    if (by_class[kind] > 0)
      lines_.number("squall.errors." + std::string(error_class(kind)), by_class[kind]);
  end(out.records);
}

void Documents::add_gauge(const sq_gauge& gauge, const Batch& batch, Rendered& out) {
  // users.POPULATION, probe.NAME …, and names that are a kind of their own.
  const std::string_view whole = view(gauge.name);
  const size_t dot = whole.find('.');
  const std::string_view kind = whole.substr(0, dot),
                         name = dot == whole.npos ? "" : whole.substr(dot + 1);
  begin(kEnv, batch.begin_unix_ns());
  lines_.text("squall.gauge", whole);
  lines_.text("squall.kind", kind);
  add_text(lines_, kind == "users" ? "squall.population" : "squall.name", name);
  lines_.real("squall.value", gauge.value);
  end(out.records);
}

void Documents::add_sample(const sq_sample& sample, const Batch& batch, Rendered& out) {
  if (!has(sample.series)) {
    ++out.unknown;
    return;
  }
  const Series& series = series_[sample.series];
  const uint64_t due = batch.unix_ns(sample.due_ns), end_time = batch.unix_ns(sample.end_ns);
  begin(kSample, end_time);
  lines_.append(series.fields);
  lines_.time("event.start", due);
  lines_.time("event.end", end_time);
  lines_.number("event.duration", sample.end_ns - sample.due_ns);
  lines_.number("squall.service_ns", sample.end_ns - sample.start_ns);
  lines_.text("event.outcome", sample.outcome == SQ_OUT_OK          ? "success"
                               : sample.outcome == SQ_OUT_CANCELLED ? "unknown"
                                                                    : "failure");
  lines_.text("squall.outcome", outcome_name(sample.outcome));
  if (sample.outcome == SQ_OUT_TIMEOUT)
    lines_.text("error.type", "timeout");
  else if (sample.kind != SQ_K_NONE)
    lines_.text("error.type", error_class(sample.kind));
  if (sample.kind != SQ_K_NONE && sample.code != 0)
    lines_.text("error.code", std::to_string(sample.code));
  if (sample.outcome != SQ_OUT_OK) add_text(lines_, "error.message", view(sample.detail));
  lines_.number("squall.code", int64_t{sample.code});
  if (series.is_http && sample.code > 0)
    lines_.number("http.response.status_code", int64_t{sample.code});
  lines_.number("squall.user", uint64_t{sample.user});
  lines_.number("squall.iteration", sample.iteration);
  lines_.number("squall.bytes_out", sample.bytes_out);
  lines_.number("squall.bytes_in", sample.bytes_in);
  add_text(lines_, "squall.record", view(sample.record));
  end(out.records);
}

void Documents::add_event(const sq_event& event, Rendered& out) {
  begin(kEvent, event.unix_ns);
  lines_.text("event.action", view(event.kind));
  lines_.text("message", view(event.text));
  end(out.records);
}

}  // namespace squall::elastic
