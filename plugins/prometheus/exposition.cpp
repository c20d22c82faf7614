#include "exposition.hpp"

#include <charconv>
#include <cmath>

#include "labels.hpp"

namespace squall::prometheus {
namespace {

enum class Kind { counter, gauge, histogram, info };

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

/// Families one after the other, each with all its series: what both formats ask for.
class Writer {
 public:
  explicit Writer(Format format) : format_(format) {}

  /// `name` without the _total of a counter and the _info of an information.
  void family(std::string_view name, Kind kind, std::string_view help) {
    name_ = name;
    const bool is_short = format_ == Format::openmetrics;
    suffix_ = kind == Kind::counter ? "_total" : kind == Kind::info ? "_info" : "";
    const std::string header = name_ + (is_short ? "" : suffix_);
    const char* const type = kind == Kind::counter            ? "counter"
                             : kind == Kind::histogram        ? "histogram"
                             : kind == Kind::info && is_short ? "info"
                                                              : "gauge";
    text_.append("# HELP ").append(header).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(header).append(" ").append(type).append("\n");
  }
  void sample(std::string_view labels, std::string_view value) { line(suffix_, labels, {}, value); }
  void sample(std::string_view labels, uint64_t value) { sample(labels, digits(value)); }
  void sample(std::string_view labels, double value) { sample(labels, number_text(value)); }

  void histogram(std::string_view labels, const Times& times, const Bounds& bounds) {
    uint64_t up_to = 0;
    for (size_t i = 0; i <= bounds.size(); ++i) {
      up_to += i < times.counts.size() ? times.counts[i] : 0;
      line("_bucket", labels, i < bounds.size() ? std::string_view(bounds.le(i)) : "+Inf",
           digits(up_to));
    }
    line("_sum", labels, {}, seconds_text(times.sum_ns));
    line("_count", labels, {}, digits(times.count));
  }

  std::string finish() {
    if (format_ == Format::openmetrics) text_.append("# EOF\n");
    return std::move(text_);
  }

 private:
  std::string_view digits(uint64_t value) {
    return {digits_, static_cast<size_t>(
                         std::to_chars(digits_, digits_ + sizeof digits_, value).ptr - digits_)};
  }
  void line(std::string_view suffix, std::string_view labels, std::string_view le,
            std::string_view value) {
    text_.append(name_).append(suffix);
    if (!labels.empty() || !le.empty()) {
      text_.append("{").append(labels);
      if (!le.empty())
        text_.append(labels.empty() ? "" : ",").append("le=\"").append(le).append("\"");
      text_.append("}");
    }
    text_.append(" ").append(value).append("\n");
  }

  Format format_;
  std::string text_, name_;
  const char* suffix_ = "";
  char digits_[24];
};

std::string label(std::string_view name, std::string_view value) {
  std::string labels;
  append_label(labels, name, value);
  return labels;
}

void add_run(Writer& page, const RunMetrics& run, std::string_view version) {
  page.family("squall_run_active", Kind::gauge,
              "1 from the begin of the load until its last numbers are in.");
  page.sample("", uint64_t{run.is_active()});
  std::string labels;
  append_label(labels, "run_id", run.run_id());
  append_label(labels, "scenario", run.scenario());
  append_label(labels, "version", version);
  page.family("squall_run", Kind::info,
              "Which run of which scenario this is, and squall's version.");
  page.sample(labels, uint64_t{1});
  if (run.begin_unix_ns() == 0) return;
  page.family("squall_run_start_time_seconds", Kind::gauge, "When the load began, since 1970.");
  page.sample("", seconds_text(run.begin_unix_ns()));
}

/// One line for each series that has anything of the kind, and no family without any.
template <class Has, class Write>
void add_family(Writer& page, const RunMetrics& run, std::string_view name, Kind kind,
                std::string_view help, Has has, Write write) {
  bool is_begun = false;
  for (const SeriesSums& series : run.series()) {
    if (!has(series)) continue;
    if (!std::exchange(is_begun, true)) page.family(name, kind, help);
    write(series);
  }
}

void add_series(Writer& page, const RunMetrics& run,
                const std::vector<std::string>& percentile_names) {
  const auto counter = [&](const char* name, const char* help, uint64_t SeriesSums::*sum,
                           auto has) {
    add_family(page, run, name, Kind::counter, help, has,
               [&, sum](const SeriesSums& s) { page.sample(s.labels, s.*sum); });
  };
  const auto is_operation = [](const SeriesSums& s) { return s.count > 0; };
  const auto has_bytes = [](const SeriesSums& s) {
    return s.count > 0 || s.sent_bytes > 0 || s.received_bytes > 0;
  };
  counter("squall_operations", "Operations that ended, failed ones included.", &SeriesSums::count,
          is_operation);
  counter("squall_failed_operations", "Operations that failed.", &SeriesSums::failed, is_operation);
  add_family(
      page, run, "squall_errors", Kind::counter, "Operations that failed, by class.",
      [](const SeriesSums& s) { return s.failed > 0; },
      [&](const SeriesSums& s) {
        for (uint32_t kind = 0; kind < plugin::kErrorClasses; ++kind) {
          if (s.errors[kind] == 0) continue;
          std::string labels = s.labels;
          append_label(labels, "class", plugin::error_class(kind));
          page.sample(labels, s.errors[kind]);
        }
      });
  counter("squall_sent_bytes", "Sent, of the protocol: above TLS, headers and framing included.",
          &SeriesSums::sent_bytes, has_bytes);
  counter("squall_received_bytes", "Received, as squall_sent_bytes.", &SeriesSums::received_bytes,
          has_bytes);
  add_family(page, run, "squall_response_time_seconds", Kind::histogram,
             "From when an operation was due to its end.", is_operation,
             [&](const SeriesSums& s) { page.histogram(s.labels, s.response, run.bounds()); });
  add_family(page, run, "squall_service_time_seconds", Kind::histogram,
             "From when an operation was started to its end.", is_operation,
             [&](const SeriesSums& s) { page.histogram(s.labels, s.service, run.bounds()); });
  add_family(
      page, run, "squall_recent_response_time_seconds", Kind::gauge,
      "Percentiles of the response times of the last second told; not to be averaged.",
      [&](const SeriesSums& s) {
        return s.last_batch == run.last_batch() && !s.percentiles_ns.empty();
      },
      [&](const SeriesSums& s) {
        for (size_t i = 0; i < s.percentiles_ns.size(); ++i) {
          std::string labels = s.labels;
          append_label(labels, "percentile", percentile_names[i]);
          page.sample(labels, seconds_text(s.percentiles_ns[i]));
        }
      });
  counter("squall_counted", "What a plugin counts beside operations, such as messages lost.",
          &SeriesSums::told, [](const SeriesSums& s) { return s.told > 0; });
}

/// The gauges PREFIX.REST as one family, each with REST as its label.
void add_named(Writer& page, const RunMetrics& run, std::string_view prefix,
               std::string_view family, std::string_view label_name, std::string_view help) {
  bool is_begun = false;
  for (auto at = run.gauges().lower_bound(std::string(prefix));
       at != run.gauges().end() && at->first.starts_with(prefix); ++at) {
    if (!std::exchange(is_begun, true)) page.family(family, Kind::gauge, help);
    page.sample(label(label_name, std::string_view(at->first).substr(prefix.size())), at->second);
  }
}

void add_gauges(Writer& page, const RunMetrics& run) {
  const auto single = [&](const char* gauge, const char* family, const char* help) {
    const auto found = run.gauges().find(gauge);
    if (found == run.gauges().end()) return;
    page.family(family, Kind::gauge, help);
    page.sample("", found->second);
  };
  add_named(page, run, "users.", "squall_users", "population", "Users present.");
  single("in_flight", "squall_in_flight", "Operations that have begun and not ended.");
  single("busy", "squall_busy_ratio",
         "Share of the last second told for which the busiest shard had work.");
  single("lag_p99_s", "squall_lag_p99_seconds",
         "How late squall itself began what was due: p99 of the last second told.");
  add_named(page, run, "probe.", "squall_probe_value", "name",
            "The last value of a probe of the target.");
  add_named(page, run, "metric.", "squall_metric_value", "name",
            "A metric of the scenario: its last value, of a trend a second's mean.");
  if (run.counters().empty()) return;
  page.family("squall_metric", Kind::counter, "A metric of the scenario that counts.");
  for (const auto& [name, value] : run.counters()) page.sample(label("name", name), value);
}

}  // namespace

std::string_view content_type(Format format) {
  return format == Format::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string exposition(const RunMetrics& run, Format format, std::string_view version,
                       const std::vector<std::string>& percentile_names) {
  Writer page(format);
  add_run(page, run, version);
  add_series(page, run, percentile_names);
  add_gauges(page, run);
  return page.finish();
}

}  // namespace squall::prometheus
