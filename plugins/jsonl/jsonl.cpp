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
// pairs [bucket, count]; a bucket's lower bound is bucket_low() below.
#include <ctime>
#include <memory>
#include <squall/plugin.hpp>

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

constexpr std::string_view kOutcomes[] = {"ok", "failed", "timeout", "cut"};
constexpr std::string_view kKinds[] = {"none",    "resolve", "connect",        "tls",     "send",
                                       "receive", "closed",  "protocol",       "status",  "check",
                                       "limit",   "plugin",  "local_resource", "off_list"};

std::string_view outcome_name(uint32_t outcome) {
  return outcome < std::size(kOutcomes) ? kOutcomes[outcome] : "unknown";
}
std::string_view kind_name(uint32_t kind) {
  return kind < std::size(kKinds) ? kKinds[kind] : "unknown";
}

/// Smallest value of a bucket: 512 to an octave, exact below 1024.
constexpr uint64_t bucket_low(uint32_t bucket) {
  if (bucket < 1024) return bucket;
  const uint32_t shift = (bucket >> 9) - 1;
  return uint64_t{bucket - (shift << 9)} << shift;
}

uint64_t quantile(const sq_hist& histogram, double share) {
  const double wanted = share * static_cast<double>(histogram.total);
  uint64_t seen = 0;
  for (uint64_t i = 0; i < histogram.n; ++i) {
    seen += histogram.count[i];
    if (static_cast<double>(seen) < wanted) continue;
    const uint64_t low = bucket_low(histogram.index[i]);
    const uint64_t middle = low + (bucket_low(histogram.index[i] + 1) - 1 - low) / 2;
    return std::clamp(middle, histogram.min_ns, histogram.max_ns);
  }
  return histogram.max_ns;
}

void add_histogram(JsonLines& out, std::string_view name, const sq_hist& histogram) {
  out.key(name);
  out.append("{\"count\":");
  out.value(histogram.total);
  if (histogram.total > 0) {
    out.number("sum_ns", histogram.sum_ns);
    out.number("min_ns", histogram.min_ns);
    out.number("max_ns", histogram.max_ns);
    out.number("p50_ns", quantile(histogram, .5));
    out.number("p95_ns", quantile(histogram, .95));
    out.number("p99_ns", quantile(histogram, .99));
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
  explicit Output(std::span<const sq_pair> options) : sink_(path_of(options)) {
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

  void write(const sq_batch& batch, sq_done* done) {
    const uint64_t items = batch.n_windows + batch.n_samples + batch.n_gauges + batch.n_events;
    sq_delivery delivery{};
    delivery.struct_size = sizeof delivery;
    // A number seen before is a resend of what stands in the file.
    if ((batches_ == 0 || batch.number > last_number_) && !render(batch)) {
      delivery.rejected = items;
      delivery.why = str(sink_.problem());
    } else {
      delivery.delivered = items;
    }
    host.loop->written(done, &delivery);
  }

  void close(sq_done* done) {
    lines_.begin("end");
    lines_.number("samples", samples_);
    lines_.number("windows", windows_);
    lines_.number("events", events_);
    lines_.number("batches", batches_);
    lines_.end();
    flush();
    const sq_status status = sink_.close() ? SQ_OK : SQ_E_IO;
    const std::string problem = sink_.problem();
    delete this;
    host.loop->done(done, status, str(problem));
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
  bool render(const sq_batch& batch) {
    lines_.clear();
    uint64_t samples = 0;
    for (uint64_t i = 0; i < batch.n_series; ++i) add_series(*batch.series[i]);
    if (has_samples_)
      for (const sq_sample& sample :
           Stepped<sq_sample>{batch.samples, batch.n_samples, batch.sample_stride}) {
        add_sample(sample, batch.mono_to_unix_ns);
        ++samples;
        if (!flush_if_large()) return false;
      }
    for (const sq_window& window :
         Stepped<sq_window>{batch.windows, batch.n_windows, batch.window_stride}) {
      add_window(window, batch);
      if (!flush_if_large()) return false;
    }
    if (batch.n_gauges > 0) add_gauges(batch);
    for (uint64_t i = 0; i < batch.n_events; ++i) add_event(batch.events[i]);
    if (!flush()) return false;
    samples_ += samples;
    windows_ += batch.n_windows;
    events_ += batch.n_events;
    ++batches_;
    last_number_ = batch.number;
    return true;
  }

  /// The host's structs may be longer than ours.
  template <class T>
  struct Stepped {
    const T* first;
    uint64_t count, stride;
    struct Iterator {
      const char* at;
      uint64_t stride;
      const T& operator*() const { return *reinterpret_cast<const T*>(at); }
      Iterator& operator++() {
        at += stride;
        return *this;
      }
      bool operator!=(const Iterator& other) const { return at != other.at; }
    };
    Iterator begin() const { return {reinterpret_cast<const char*>(first), stride}; }
    Iterator end() const { return {reinterpret_cast<const char*>(first) + count * stride, stride}; }
  };

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
    for (uint64_t i = 0; i < series.n_tags; ++i) {
      if (i) lines_.append(",");
      lines_.quoted(view(series.tags[i].key));
      lines_.append(":");
      std::string value;
      append_text(value, series.tags[i].value);
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

  void add_sample(const sq_sample& sample, uint64_t mono_to_unix_ns) {
    begin_of_series("sample", sample.series);
    lines_.number("user", uint64_t{sample.user});
    lines_.number("iteration", sample.iteration);
    lines_.number("due_ns", sample.due_ns + mono_to_unix_ns);
    lines_.number("start_ns", sample.start_ns + mono_to_unix_ns);
    if (sample.first_byte_ns)
      lines_.number("first_byte_ns", sample.first_byte_ns + mono_to_unix_ns);
    lines_.number("end_ns", sample.end_ns + mono_to_unix_ns);
    lines_.number("response_ns", static_cast<int64_t>(sample.end_ns - sample.due_ns));
    lines_.number("service_ns", static_cast<int64_t>(sample.end_ns - sample.start_ns));
    lines_.text("outcome", outcome_name(sample.outcome));
    if (sample.outcome == SQ_OUT_TIMEOUT)
      lines_.text("error", "timeout");
    else if (sample.kind != SQ_K_NONE)
      lines_.text("error", kind_name(sample.kind));
    lines_.number("code", int64_t{sample.code});
    lines_.number("bytes_out", sample.bytes_out);
    lines_.number("bytes_in", sample.bytes_in);
    if (sample.detail.len) lines_.text("detail", view(sample.detail));
    if (sample.record.len) lines_.text("record", view(sample.record));
    lines_.end();
  }

  void add_window(const sq_window& window, const sq_batch& batch) {
    begin_of_series("window", window.series);
    lines_.time("time", batch.begin_unix_ns);
    lines_.number("begin_ns", batch.begin_unix_ns);
    lines_.number("end_ns", batch.end_unix_ns);
    lines_.number("count", window.count);
    lines_.number("failed", window.failed);
    lines_.number("bytes_out", window.bytes_out);
    lines_.number("bytes_in", window.bytes_in);
    add_histogram(lines_, "response", window.response);
    add_histogram(lines_, "service", window.service);
    if (window.n_errors > 0) {
      lines_.key("errors");
      for (uint64_t i = 0; i < window.n_errors; ++i) {
        const sq_error_count& error = window.errors[i];
        lines_.append(i == 0 ? "[{\"class\":" : ",{\"class\":");
        lines_.quoted(kind_name(error.kind));
        lines_.number("code", int64_t{error.code});
        lines_.text("detail", view(error.detail));
        lines_.number("count", error.count);
        lines_.append("}");
      }
      lines_.append("]");
    }
    if (window.flags & SQ_W_FINAL) lines_.truth("final", true);
    lines_.end();
  }

  void add_gauges(const sq_batch& batch) {
    lines_.begin("gauges");
    lines_.time("time", batch.end_unix_ns);
    lines_.number("unix_ns", batch.end_unix_ns);
    lines_.key("values");
    lines_.append("{");
    for (uint64_t i = 0; i < batch.n_gauges; ++i) {
      if (i) lines_.append(",");
      lines_.quoted(view(batch.gauges[i].name));
      lines_.append(":");
      lines_.real_value(batch.gauges[i].value);
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
  uint64_t samples_ = 0, windows_ = 0, events_ = 0, batches_ = 0, last_number_ = 0;
};

// ---- the table ---------------------------------------------------------------------------------

sq_status open(sq_shard*, const sq_pair* options, uint64_t n, void** instance,
               sq_error* error) noexcept {
  return guard(error, [&] { *instance = new Output(std::span(options, static_cast<size_t>(n))); });
}

void write(void* instance, const sq_batch* batch, sq_done* done) noexcept {
  if (guard(nullptr, [&] { static_cast<Output*>(instance)->write(*batch, done); }) == SQ_OK) return;
  sq_delivery delivery{};
  delivery.struct_size = sizeof delivery;
  delivery.rejected = batch->n_windows + batch->n_samples + batch->n_gauges + batch->n_events;
  delivery.why = str("out of memory");
  host.loop->written(done, &delivery);
}

void close(void* instance, sq_done* done) noexcept {
  if (guard(nullptr, [&] { static_cast<Output*>(instance)->close(done); }) != SQ_OK)
    host.loop->done(done, SQ_E_NOMEM, str("out of memory"));
}

constexpr sq_output kOutput{
    sizeof(sq_output), SQ_OUTPUT_SAMPLES, "jsonl", kOptions, open, write, close};

constexpr sq_plugin kPlugin{sizeof(sq_plugin),
                            SQ_ABI_MAJOR,
                            SQ_TARGET_MINOR,
                            "org.squall.jsonl",
                            SQUALL_VERSION,
                            "a run as JSON lines",
                            "Apache-2.0",
                            SQUALL_BUILD_INFO,
                            0,
                            [](const sq_host* root, sq_error* error) noexcept -> sq_status {
                              return guard(error, [&] { host.load(root); });
                            },
                            []() noexcept {},
                            [](const char* wanted) noexcept -> const void* {
                              return std::string_view(wanted) == SQ_OUTPUT_V1 ? &kOutput : nullptr;
                            }};

}  // namespace
}  // namespace squall::jsonl

extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void);
extern "C" SQ_EXPORT const sq_plugin* squall_plugin_entry_v1(void) {
  return &squall::jsonl::kPlugin;
}
