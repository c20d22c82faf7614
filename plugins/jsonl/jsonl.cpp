// The output "jsonl": a run as one JSON object a line, for jq, scripts and later reading.
//
//   {"type":"run", schema_version, time, unix_ns, samples}            the first line
//   {"type":"series", id, population, task, name, operation, ...}     before its first use
//   {"type":"sample", series, name, user, due_ns ... outcome, code}   when `samples` is on
//   {"type":"window", series, name, count, failed, response, ...}     one a second and series
//   {"type":"gauges", ...}, {"type":"event", ...}
//   {"type":"end", samples, windows, events, batches}                 missing: the file was cut
//
// All times are nanoseconds since 1970, all durations nanoseconds, as integers.  Histograms are
// pairs [bucket, count]; a bucket's lower bound is bucket_low() of output.hpp.
#include <ctime>
#include <optional>
#include <squall/output.hpp>

#include "file_sink.hpp"
#include "json_lines.hpp"

namespace squall::jsonl {
namespace {

using namespace squall::plugin;

constexpr size_t kFlushBytes = 1 << 20;  // so much is rendered before it is written

constexpr sq_param kFile =
    param(SQ_T_STR, "file", "path; compressed when it ends in .gz", {.flags = SQ_P_REQUIRED});
constexpr sq_param kSamples = param(
    SQ_T_BOOL, "samples", "a line for every sample, beside the windows", {.default_json = "true"});
constexpr const sq_param* kOptions[] = {&kFile, &kSamples, nullptr};

void add_histogram(JsonLines& out, std::string_view name, const sq_hist& histogram) {
  out.key(name);
  out.append("{\"count\":");
  out.value(histogram.total);
  if (histogram.total > 0) {
    out.number("sum_ns", histogram.sum_ns);
    out.number("min_ns", histogram.min_ns);
    out.number("max_ns", histogram.max_ns);
    out.number("p50_ns", quantile_ns(histogram, .5));
    out.number("p95_ns", quantile_ns(histogram, .95));
    out.number("p99_ns", quantile_ns(histogram, .99));
    out.key("buckets");
    for (uint64_t i = 0; i < histogram.n; ++i) {
      out.append(i == 0 ? "[[" : ",[");
      out.value(histogram.index[i]);
      out.append(",");
      out.value(histogram.count[i]);
      out.append("]");
    }
    out.append(histogram.n ? "]" : "[]");
  }
  out.append("}");
}

/// One open file.
class Output {
 public:
  Output(std::span<const sq_pair> options, sq_shard*) : sink_(path_of(options)) {
    if (const sq_value* given = find(options, "samples"))
      has_samples_ = as_bool(*given, as_text(*given) != "false");
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t unix_ns =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    lines_.begin("run");
    lines_.number("schema_version", uint64_t{1});
    lines_.time("time", unix_ns);
    lines_.number("unix_ns", unix_ns);
    lines_.truth("samples", has_samples_);
    lines_.end();
    if (!flush()) throw Refusal(SQ_E_IO, sink_.problem());
  }

  Delivery write(const Batch& batch) {
    // A number seen before is a resend of what stands in the file.
    if (last_number_ && batch.number() <= *last_number_) return delivered();
    return render(batch) ? delivered() : rejected(batch, sink_.problem());
  }

  void close() {
    lines_.begin("end");
    lines_.number("samples", samples_);
    lines_.number("windows", windows_);
    lines_.number("events", events_);
    lines_.number("batches", batches_);
    lines_.end();
    flush();
    if (!sink_.close()) throw Refusal(SQ_E_IO, sink_.problem());
  }

 private:
  static std::string path_of(std::span<const sq_pair> options) {
    const sq_value* file = find(options, "file");
    if (!file || as_text(*file).empty()) throw invalid("jsonl needs file: a path");
    return std::string(as_text(*file));
  }

  bool flush() {
    const bool is_written = sink_.write(lines_.bytes());
    lines_.clear();
    return is_written;
  }
  bool flush_if_large() { return lines_.size() < kFlushBytes || flush(); }

  /// False: the file takes nothing more, and of this batch holds nothing or whole lines.
  bool render(const Batch& batch) {
    lines_.clear();
    uint64_t samples = 0;
    for (const sq_series_desc& series : batch.series()) add_series(series);
    if (has_samples_)
      for (const sq_sample& sample : batch.samples()) {
        add_sample(sample, batch);
        ++samples;
        if (!flush_if_large()) return false;
      }
    for (const sq_window& window : batch.windows()) {
      add_window(window, batch);
      if (!flush_if_large()) return false;
    }
    if (!batch.gauges().empty()) add_gauges(batch);
    for (const sq_event& event : batch.events()) add_event(event);
    if (!flush()) return false;
    samples_ += samples;
    windows_ += batch.windows().size();
    events_ += batch.events().size();
    ++batches_;
    last_number_ = batch.number();
    return true;
  }

  void add_series(const sq_series_desc& series) {
    lines_.begin("series");
    lines_.number("id", uint64_t{series.id});
    lines_.text("population", view(series.population));
    lines_.text("task", view(series.task));
    lines_.text("name", view(series.name));
    lines_.text("operation", view(series.operation));
    lines_.text("sample_type", view(series.type));
    if (series.agent.len) lines_.text("agent", view(series.agent));
    lines_.key("tags");
    lines_.append("{");
    bool is_first = true;
    for (const sq_pair& tag : tags(series)) {
      if (!std::exchange(is_first, false)) lines_.append(",");
      lines_.quoted(view(tag.key));
      lines_.append(":");
      std::string value;
      append_text(value, tag.value);
      lines_.quoted(value);
    }
    lines_.append("}");
    lines_.end();
    // Rendered once: each sample's line begins with its series.
    JsonLines beginning;
    beginning.number("series", uint64_t{series.id});
    beginning.text("name", view(series.name));
    if (series.id >= beginnings_.size()) beginnings_.resize(series.id + 1);
    beginnings_[series.id] = beginning.bytes();
  }

  void begin_of_series(std::string_view type, uint32_t series) {
    lines_.begin(type);
    if (series < beginnings_.size() && !beginnings_[series].empty())
      lines_.append(beginnings_[series]);
    else
      lines_.number("series", uint64_t{series});
  }

  void add_sample(const sq_sample& sample, const Batch& batch) {
    begin_of_series("sample", sample.series);
    lines_.number("user", uint64_t{sample.user});
    lines_.number("iteration", sample.iteration);
    lines_.number("due_ns", batch.unix_ns(sample.due_ns));
    lines_.number("start_ns", batch.unix_ns(sample.start_ns));
    if (sample.first_byte_ns) lines_.number("first_byte_ns", batch.unix_ns(sample.first_byte_ns));
    lines_.number("end_ns", batch.unix_ns(sample.end_ns));
    lines_.number("response_ns", static_cast<int64_t>(sample.end_ns - sample.due_ns));
    lines_.number("service_ns", static_cast<int64_t>(sample.end_ns - sample.start_ns));
    lines_.text("outcome", outcome_name(sample.outcome));
    if (sample.outcome == SQ_OUT_TIMEOUT)
      lines_.text("error", "timeout");
    else if (sample.kind != SQ_K_NONE)
      lines_.text("error", error_class(sample.kind));
    lines_.number("code", int64_t{sample.code});
    lines_.number("bytes_out", sample.bytes_out);
    lines_.number("bytes_in", sample.bytes_in);
    if (sample.detail.len) lines_.text("detail", view(sample.detail));
    if (sample.record.len) lines_.text("record", view(sample.record));
    lines_.end();
  }

  void add_window(const sq_window& window, const Batch& batch) {
    begin_of_series("window", window.series);
    lines_.time("time", batch.begin_unix_ns());
    lines_.number("begin_ns", batch.begin_unix_ns());
    lines_.number("end_ns", batch.end_unix_ns());
    lines_.number("count", window.count);
    lines_.number("failed", window.failed);
    lines_.number("bytes_out", window.bytes_out);
    lines_.number("bytes_in", window.bytes_in);
    add_histogram(lines_, "response", window.response);
    add_histogram(lines_, "service", window.service);
    if (!errors(window).empty()) {
      lines_.key("errors");
      bool is_first = true;
      for (const sq_error_count& error : errors(window)) {
        lines_.append(std::exchange(is_first, false) ? "[{\"class\":" : ",{\"class\":");
        lines_.quoted(error_class(error.kind));
        lines_.number("code", int64_t{error.code});
        lines_.text("detail", view(error.detail));
        lines_.number("count", error.count);
        lines_.append("}");
      }
      lines_.append("]");
    }
    if (window.told > 0) lines_.number("told", window.told);
    if (window.flags & SQ_W_WARMUP) lines_.truth("warmup", true);
    if (window.flags & SQ_W_FINAL) lines_.truth("final", true);
    lines_.end();
  }

  void add_gauges(const Batch& batch) {
    lines_.begin("gauges");
    lines_.time("time", batch.end_unix_ns());
    lines_.number("unix_ns", batch.end_unix_ns());
    lines_.key("values");
    lines_.append("{");
    bool is_first = true;
    for (const sq_gauge& gauge : batch.gauges()) {
      if (!std::exchange(is_first, false)) lines_.append(",");
      lines_.quoted(view(gauge.name));
      lines_.append(":");
      lines_.real_value(gauge.value);
    }
    lines_.append("}");
    lines_.end();
  }

  void add_event(const sq_event& event) {
    lines_.begin("event");
    lines_.time("time", event.unix_ns);
    lines_.number("unix_ns", event.unix_ns);
    lines_.text("kind", view(event.kind));
    lines_.text("text", view(event.text));
    lines_.end();
  }

  FileSink sink_;
  JsonLines lines_;
  std::vector<std::string> beginnings_;  // by series
  bool has_samples_ = true;
  uint64_t samples_ = 0, windows_ = 0, events_ = 0, batches_ = 0;
  std::optional<uint64_t> last_number_;
};

constexpr sq_output kOutput = output<Output>("jsonl", kOptions, SQ_OUTPUT_SAMPLES);

}  // namespace
}  // namespace squall::jsonl

SQUALL_OUTPUT_PLUGIN("org.squall.jsonl", SQUALL_VERSION, "a run as JSON lines", "Apache-2.0",
                     squall::jsonl::kOutput)
