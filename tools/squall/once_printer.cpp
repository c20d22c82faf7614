#include "once_printer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "engine/arguments.hpp"
#include "engine/call.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "net/target.hpp"
#include "payload/units.hpp"
#include "report/bytes_view.hpp"
#include "report/series_view.hpp"
#include "report/table.hpp"
#include "scenario/walk.hpp"

namespace squall {
namespace {

constexpr std::size_t kRunsMax = 64;          // turns of direction within one operation
constexpr std::size_t kPayloadShown = 1024;
constexpr std::size_t kFieldShown = 32;
constexpr std::string_view kIndent = "      ";

std::string padded(const std::string& text, std::size_t width) {
  const std::size_t own = text_width(text);
  return own < width ? text + std::string(width - own, ' ') : text;
}

/// The first bytes of a payload that nobody has read yet; afterwards it stands at its begin again.
std::string first_bytes(sq_source& source) {
  std::string bytes;
  Chunk chunk;
  while (bytes.size() < kPayloadShown && source.body.next(kPayloadShown - bytes.size(), chunk)) {
    if (chunk.fd < 0) {
      bytes.append(chunk.data, chunk.size);
    } else {
      std::string part(chunk.size, '\0');
      const ssize_t got = ::pread(chunk.fd, part.data(), part.size(), static_cast<off_t>(chunk.offset));
      bytes.append(part, 0, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
  }
  source.body.rewind();
  return bytes;
}

void add_names(const Steps& steps, const Scenario& scenario, std::size_t& name, std::size_t& operation) {
  for (const Step& step : steps) {
    if (const auto* s = std::get_if<OperationStep>(&step.what)) {
      name = std::max(name, text_width(s->name));
      operation = std::max(operation, s->operation_name.size());
    }
    visit_inner_steps(step, [&](const Steps& inner) { add_names(inner, scenario, name, operation); });
  }
}

std::string failure_text(const CallReport& report, const Call& call) {
  std::string text(error_class_name(report.error));
  if (report.error == ErrorClass::timeout) text += " after " + format_duration(static_cast<std::int64_t>(call.timeout_ns));
  if (report.error == ErrorClass::status) text += fmt::format(" {}", call.code);
  if (!report.detail.empty()) text += fmt::format(": {}", report.detail);
  return text;
}

}  // namespace

OncePrinter::OncePrinter(const Scenario& scenario, Style style) : style_(style), redaction_(scenario.secrets) {
  for (const Task& task : scenario.tasks) add_names(task.steps, scenario, name_width_, operation_width_);
  for (const PopulationSpec& population : scenario.populations) {
    add_names(population.on_start, scenario, name_width_, operation_width_);
    add_names(population.on_stop, scenario, name_width_, operation_width_);
  }
  for (const TargetSpec& target : scenario.targets) target_width_ = std::max(target_width_, text_width(target.name));
  name_width_ = std::min<std::size_t>(name_width_, 48);
}

void OncePrinter::print(const std::string& event) {
  if (style_.is_quiet || event.empty()) return;
  const std::string text = std::exchange(heading_, {}) + std::exchange(part_heading_, {}) + event;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string OncePrinter::mark(bool is_good) const {
  const char* sign = is_good ? "✓" : "✗";
  return style_.color ? fmt::format("\x1b[{}m{}\x1b[0m", is_good ? 32 : 31, sign) : sign;
}

std::string OncePrinter::shown(const std::string& text) const { return printable(redaction_.text(text)); }

void OncePrinter::fail(const std::string& what) {
  ++failed_;
  if (first_failure_.empty()) first_failure_ = what;
}

// ---- the user's way ----------------------------------------------------------------------------------

void OncePrinter::part_begins(const User& user, std::string_view part) {
  const PopulationSpec* population = user.owner().plan().spec;
  if (population != population_) heading_ = fmt::format("{}{}\n", population_ && !style_.is_verbose ? "\n" : "", printable(population->name));
  population_ = population;
  part_heading_ = fmt::format("  {}\n", printable(part));   // a part in which nothing happens is not worth a line
}

void OncePrinter::part_ends(const User&, std::string_view part, End end) {
  print_runs();
  if (end == End::completed) return;
  print(fmt::format("    {} was {}\n", printable(part),
                    end == End::cut           ? "cut by the stop"
                    : end == End::out_of_data ? "ended: no record is left"
                                              : "interrupted"));
}

void OncePrinter::call_begins(const Call& call, const sq_value* args, std::uint32_t count) {
  const OperationStep& step = *call.operation->spec;
  target_.clear();
  if (call.operation->target) target_ = call.operation->target->name();
  else if (call.operation->target_template && count > 0 && args[count - 1].type == SQ_T_TARGET) {
    target_ = static_cast<const Target*>(args[count - 1].u.target)->name();
  }
  has_bytes_ = has_unreadable_answer_ = false;
  if (!style_.is_verbose) return;
  print_runs();   // what came between two operations
  arguments_ = arguments(call, args, count);
  print(fmt::format("    {}  {}{}{}\n", shown(step.name), step.operation_name, target_.empty() ? "" : " to ", target_));
}

void OncePrinter::call_ends(const Call& call, const CallReport& report) {
  const OperationStep& step = *call.operation->spec;
  ++operations_;
  const bool is_good = report.outcome == Outcome::ok;
  const bool is_cut = report.outcome == Outcome::cancelled;
  const std::string why = is_good ? "" : is_cut ? "cut by the stop" : shown(failure_text(report, call));
  if (!is_good && !is_cut && !report.is_poll) fail(fmt::format("{}: {}", shown(step.name), why));

  std::string result = why;
  if (is_good && call.operation->op->code_output) result = std::to_string(call.code);
  const std::string time = time_text(static_cast<double>(call.end_ns - call.due_ns));
  const std::string bytes = call.bytes_out + call.bytes_in == 0
                                ? ""
                                : fmt::format("  {} sent, {} received", bytes_text(static_cast<double>(call.bytes_out)),
                                              bytes_text(static_cast<double>(call.bytes_in)));
  if (style_.is_verbose) {
    if (!has_bytes_) print(arguments_);
    print_runs();
    std::string text = outputs(call);
    text += checks(report.expect, "");
    text += checks(report.satisfied, "until ");
    text += captures(report, "\n");
    print(fmt::format("{}    {} {}{}{}  {}{}\n\n", text, mark(is_good), shown(step.name), result.empty() ? "" : "  ", result,
                      time, bytes));
    return;
  }
  std::string line = fmt::format("    {} {}  {}  {}", mark(is_good), padded(shorten(shown(step.name), name_width_), name_width_),
                                 padded(step.operation_name, operation_width_), padded(target_, target_width_));
  if (!result.empty()) line += "  " + result;
  line += "  " + time + captures(report, "  ");
  if (report.is_poll) {
    const bool is_over = !report.satisfied.empty() &&
                         std::ranges::all_of(report.satisfied, [](const auto& checked) { return checked.holds; });
    line += is_over ? "  satisfied" : "  not yet satisfied";
  }
  print(line + "\n");
}

void OncePrinter::step_failed(const Step& step, ErrorClass error, std::string_view why) {
  print_runs();
  const auto* operation = std::get_if<OperationStep>(&step.what);
  const auto* until = std::get_if<UntilStep>(&step.what);
  if (operation) ++operations_;
  const std::string what = operation ? operation->name
                           : until && !until->name.empty() ? until->name
                           : until ? "until"
                                   : fmt::format("the step in line {}", step.mark.line);
  const std::string text = fmt::format("{}: {}: {}", shown(what), error_class_name(error), shown(std::string(why)));
  fail(text);
  print(fmt::format("    {} {}\n", mark(false), text));
}

void OncePrinter::acquired(const Dataset& data, std::uint32_t record) {
  print_runs();
  std::string fields;
  for (std::uint32_t column = 0; column < data.columns().size(); ++column) {
    fields += fmt::format("  {}={}", shown(data.columns()[column]), shorten(shown(std::string(data.field(record, column))), kFieldShown));
  }
  print(fmt::format("    {} acquired from {}{}\n", mark(true), shown(data.name), fields));
}

void OncePrinter::group_ends(const SeriesKey& key, const Sample& sample) {
  print(fmt::format("    {} {}  {}  {}\n", mark(sample.outcome == Outcome::ok), shown(key.name), key.operation,
                    time_text(static_cast<double>(sample.response_ns()))));
}

void OncePrinter::delivered(const SeriesKey& key, const Sample& sample) {
  const bool is_good = sample.outcome == Outcome::ok;
  if (!is_good && sample.outcome != Outcome::cancelled) fail(fmt::format("{}: {}", shown(key.name), error_class_name(sample.error)));
  print(fmt::format("    {} {}  {}{}  {}\n", mark(is_good), shown(key.name), is_good ? "" : error_class_name(sample.error),
                    key.operation == key.name ? "" : key.operation, time_text(static_cast<double>(sample.response_ns()))));
}

std::int64_t OncePrinter::wait(std::int64_t asked_ns) {
  if (style_.is_verbose && asked_ns > kWaitMaxNs) {
    print(fmt::format("    wait {}, here {}\n\n", format_duration(asked_ns), format_duration(kWaitMaxNs)));
  }
  return std::min(asked_ns, kWaitMaxNs);
}

// ---- bytes ----------------------------------------------------------------------------------------------

OncePrinter::Run* OncePrinter::run_of(Run::Kind kind, const Target& target) {
  const bool joins = !runs_.empty() && kind != Run::Kind::remark && !target.url().is_datagram() &&
                     runs_.back().kind == kind && runs_.back().target == &target;
  if (joins) return &runs_.back();
  if (runs_.size() >= kRunsMax) {
    ++runs_left_out_;
    return nullptr;
  }
  runs_.push_back({kind, &target, {}, 0});
  return &runs_.back();
}

void OncePrinter::add(Run::Kind kind, const Target& target, const void* data, std::size_t size) {
  Run* run = run_of(kind, target);
  if (!run) return;
  run->kept.append(static_cast<const char*>(data), std::min(size, kKeptBytes - std::min(kKeptBytes, run->kept.size())));
  run->total += size;
}

void OncePrinter::connected(const Target& target, std::string_view peer) {
  if (Run* run = run_of(Run::Kind::remark, target)) {
    run->kept = fmt::format("connected to {}{}", peer, target.url().is_tls ? " with TLS: what follows is the plain text" : "");
  }
}

void OncePrinter::sent(const Target& target, std::span<const iovec> pieces) {
  has_bytes_ = true;
  std::string whole;   // a datagram, or one write: its pieces belong together
  std::uint64_t total = 0;
  for (const iovec& piece : pieces) {
    whole.append(static_cast<const char*>(piece.iov_base), std::min(piece.iov_len, kKeptBytes - std::min(kKeptBytes, whole.size())));
    total += piece.iov_len;
  }
  if (Run* run = run_of(Run::Kind::sent, target)) {
    run->kept.append(whole, 0, kKeptBytes - std::min(kKeptBytes, run->kept.size()));
    run->total += total;
  }
}

void OncePrinter::sent_file(const Target& target, int fd, std::uint64_t offset, std::uint64_t length) {
  has_bytes_ = true;
  std::string begin(std::min<std::uint64_t>(length, kShownTextBytes), '\0');
  const ssize_t got = ::pread(fd, begin.data(), begin.size(), static_cast<off_t>(offset));
  begin.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  add(Run::Kind::sent, target, begin.data(), begin.size());
  if (!runs_.empty() && runs_.back().kind == Run::Kind::sent) runs_.back().total += length - begin.size();
}

void OncePrinter::received(const Target& target, const void* data, std::size_t size) {
  has_bytes_ = true;
  add(Run::Kind::received, target, data, size);
}

void OncePrinter::closed(const Target& target, const Failure& why) {
  if (why.kind == SQ_K_NONE) return;
  if (Run* run = run_of(Run::Kind::remark, target)) {
    run->kept = fmt::format("the connection to {} ended: {}{}{}", target.name(),
                            error_class_name(static_cast<ErrorClass>(why.kind)), why.detail.empty() ? "" : ", ", why.detail);
  }
}

void OncePrinter::print_runs() {
  for (const Run& run : runs_) {
    if (run.kind == Run::Kind::remark) {
      print(fmt::format("{}* {}\n", kIndent, printable(run.kept)));
      continue;
    }
    const bool is_answer = run.kind == Run::Kind::received;
    const std::string_view body = std::string_view(run.kept).substr(std::min(run.kept.find("\r\n\r\n"), run.kept.size()));
    if (is_answer && !is_text(body, run.total > run.kept.size())) has_unreadable_answer_ = true;
    print(bytes_view(run.kept, run.total, fmt::format("{}{} ", kIndent, is_answer ? "<" : ">"), redaction_));
  }
  if (runs_left_out_ > 0) print(fmt::format("{}… {} more turns are not shown\n", kIndent, count_text(runs_left_out_)));
  runs_.clear();
  runs_left_out_ = 0;
}

// ---- values ---------------------------------------------------------------------------------------------

std::string OncePrinter::value_text(const sq_value& value, std::uint32_t unit, bool is_hidden) const {
  if (is_hidden) return "***";
  switch (value.type) {
    case SQ_T_NULL: return "null";
    case SQ_T_BOOL: return value.u.u64 ? "true" : "false";
    case SQ_T_I64:
      if (unit == SQ_U_BYTES) return bytes_text(static_cast<double>(value.u.i64));
      return std::to_string(value.u.i64);
    case SQ_T_F64:
      if (unit == SQ_U_BYTES_PER_S) return bytes_text(value.u.f64) + "/s";
      return fmt::format("{}", value.u.f64);
    case SQ_T_DURATION: return time_text(static_cast<double>(value.u.i64));
    case SQ_T_TARGET: return static_cast<const Target*>(value.u.target)->name();
    case SQ_T_SOURCE: return short_view(first_bytes(*value.u.source), redaction_, kPayloadShown) +
                             fmt::format("  ({})", bytes_text(static_cast<double>(value.u.source->body.size())));
    case SQ_T_LIST: {
      std::string text = "[";
      for (std::uint64_t i = 0; i < value.u.list.len; ++i) text += (i ? ", " : "") + value_text(value.u.list.ptr[i], unit, false);
      return text + "]";
    }
    case SQ_T_MAP: {
      std::string text = "{";
      for (std::uint64_t i = 0; i < value.u.map.len; ++i) {
        const std::string key(to_view(value.u.map.ptr[i].key));
        text += fmt::format("{}{}: {}", i ? ", " : "", shown(key),
                            value_text(value.u.map.ptr[i].value, unit, Redaction::is_sensitive(key)));
      }
      return text + "}";
    }
    default: return short_view(to_view(value.u.str), redaction_);
  }
}

/// As the plugin got them. A template is not evaluated again: that would draw and count again.
std::string OncePrinter::arguments(const Call& call, const sq_value* args, std::uint32_t count) const {
  std::string text, error;
  CallMemory memory;
  ArgumentWriter writer{plan_->scenario(), memory, nullptr, nullptr, error};
  std::uint32_t slot = 0;
  for (const ParamValue& param : call.operation->spec->params) {
    const sq_param& described = *call.operation->op->params[param.param];
    sq_value value{};
    if (!param.is_constant()) {
      if (slot >= count) break;
      value = args[slot++];
    } else if (!writer.write(param, value)) {
      continue;
    }
    text += fmt::format("{}> {}: {}\n", kIndent, described.name, value_text(value, described.unit, described.flags & SQ_P_SECRET));
  }
  for (const LateSlot& late : call.operation->late_slots) {
    if (late.param == SQ_PARAM_TO || slot >= count) continue;
    const sq_param& described = *call.operation->op->params[late.param];
    text += fmt::format("{}> {}: {}\n", kIndent, described.name, value_text(args[slot++], described.unit, described.flags & SQ_P_SECRET));
  }
  return text;
}

/// Short ones in any case; a long text when its bytes were not seen, or could not be read (compressed).
std::string OncePrinter::outputs(const Call& call) const {
  if (call.outcome != SQ_OUT_OK || call.is_timed_out || call.is_cut) return {};
  std::string text, line;
  const sq_param* const* described = call.operation->op->outputs;
  for (std::uint32_t i = 0; described && described[i]; ++i) {
    sq_value value{};
    const char* wrong = nullptr;   // is told where it is judged
    if (!call.owner->output_of(call, i, {}, value, wrong)) continue;
    if (value.type != SQ_T_BYTES) {
      if (value.type == SQ_T_STR && value.u.str.len == 0) continue;
      line += fmt::format("{}{} = {}", line.empty() ? "" : ", ", described[i]->name, value_text(value, described[i]->unit, false));
    } else if ((!has_bytes_ || has_unreadable_answer_) && value.u.str.len > 0) {
      text += fmt::format("{}{}:\n", kIndent, described[i]->name);
      const std::string_view bytes = to_view(value.u.str);
      text += bytes_view(bytes.substr(0, kKeptBytes), bytes.size(), fmt::format("{}< ", kIndent), redaction_);
    }
  }
  return line.empty() ? text : fmt::format("{}{}\n{}", kIndent, line, text);
}

std::string OncePrinter::checks(const std::vector<CallReport::Checked>& list, std::string_view word) const {
  std::string text;
  for (const CallReport::Checked& checked : list) {
    text += fmt::format("{}{} {}{}", kIndent, mark(checked.holds), word, shown(checked.check->text));
    if (!checked.holds && !checked.why.empty()) text += ": " + shown(checked.why);
    text += '\n';
  }
  return text;
}

std::string OncePrinter::captures(const CallReport& report, std::string_view between) const {
  std::string text;
  for (const CallReport::Captured& captured : report.captured) {
    const Capture& capture = *captured.capture;
    const bool is_hidden = Redaction::is_sensitive(capture.key);   // the header it comes from
    const std::string value = !captured.value ? "(nothing found)"
                              : is_hidden     ? "***"
                                              : short_view(captured.value->to_text(), redaction_);
    if (between == "\n") text += fmt::format("{}captured {} = {}\n", kIndent, capture.name, value);
    else text += fmt::format("{}{}={}", between, capture.name, value);
  }
  return text;
}

}  // namespace squall
