// One operation of a user: arguments, start, judgement, captures, its sample.
#include <fmt/format.h>

#include <algorithm>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "engine/user_observer.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

ErrorClass class_of(const sq_call& call) {
  return call.kind < static_cast<std::uint32_t>(ErrorClass::timeout) ? static_cast<ErrorClass>(call.kind)
                                                                     : ErrorClass::plugin;
}

}  // namespace

User::Next User::start_call(const Instruction& code) {
  Shard& shard = population_.shard();
  const BoundOperation& operation = shard.plan().operations()[code.index];
  if (part_ == Part::task) {
    switch (population_.take_request_token(*this)) {
      case BudgetLease::Answer::taken: break;
      case BudgetLease::Answer::waiting:
        settle_due();
        at_->waits_for_token = true;
        return Next::stop;
      case BudgetLease::Answer::over: leave(End::completed, ErrorClass::none); return Next::stop;
    }
  }
  std::string error;
  Call& call = shard.take_call();
  const std::size_t count = operation.slots.size() + (operation.target_template ? 1 : 0);
  static sq_value no_values{};
  call.has_arguments = count > 0;
  sq_value* args = count > 0 ? call.memory.array<sq_value>(count) : &no_values;
  ArgumentWriter writer{shard.plan().scenario(), call.memory, &call.sources, this, error};
  for (std::size_t i = 0; i < operation.slots.size(); ++i) {
    if (!writer.write(*operation.slots[i], args[i])) {
      shard.give_call(call);
      return fail_step(code, ErrorClass::check, error);
    }
  }
  if (operation.target_template) {
    auto name = operation.target_template->evaluate(*this);
    const Target* target = name ? shard.plan().targets().find(name->to_text()) : nullptr;
    if (!target) {
      shard.give_call(call);
      return fail_step(code, name ? ErrorClass::off_list : ErrorClass::check,
                       name ? "no target of that name" : name.error().text);
    }
    args[count - 1] = {};
    args[count - 1].type = SQ_T_TARGET;
    args[count - 1].u.target = target;
  }
  void* session = population_.session(*this, operation.protocol, error);
  if (!session) {
    shard.give_call(call);
    return fail_step(code, ErrorClass::plugin, error);
  }

  static_cast<sq_call&>(call) = {};
  call.owner_data = this;
  call.user = this;
  call.strand = at_;
  call.operation = &operation;
  call.events = nullptr;
  call.session = session;
  at_->call = &call;
  launch(call, args, static_cast<std::uint32_t>(count), at_->parent ? SQ_CALL_BESIDE : 0);
  return Next::stop;
}

void User::launch(Call& call, const sq_value* args, std::uint32_t count, std::uint32_t flags) {
  Shard& shard = population_.shard();
  const BoundOperation& operation = *call.operation;
  call.struct_size = sizeof(sq_call);
  call.shard = shard.handle();
  call.flags = flags;
  call.timeout_ns = static_cast<std::uint64_t>(operation.timeout_ns);
  call.start_ns = shard.loop().read_ns();
  if (at_->due_ns == kAtOnce) at_->due_ns = at_->ready_ns = call.start_ns;
  call.due_ns = std::min(at_->due_ns, call.start_ns);
  call.deadline_ns = call.start_ns + call.timeout_ns;
  shard.note_start(call.due_ns, at_->ready_ns, call.start_ns);
  ++population_.counts().operations_begun;
  look_outwards([&](Frame& frame) {
    if (frame.code->code == Instruction::Code::group && frame.begin_ns == 0) frame.begin_ns = call.due_ns;
    return true;
  });
  shard.begin(call);
  if (UserObserver* observer = shard.observer()) observer->call_begins(call, args, count);
  const sq_protocol* protocol = shard.plan().protocols()[operation.protocol].protocol;
  const PluginTurn turn(shard.plugin_of(call), "start");
  protocol->start(call.session, operation.prepared, args, count, &call);
}

bool User::read_output(Call& call, std::uint32_t output, const std::string& key, sq_value& out) {
  return population_.shard().read_output(call, output, to_str(key), out);
}

bool User::holds(const Check& check, Call& call, std::uint64_t response_ns, std::string* why) {
  if (check.output == kCheckTime) {
    return check.matcher.matches(MatchInput::of_duration(static_cast<std::int64_t>(response_ns)), *this, why);
  }
  sq_value value;
  if (!read_output(call, check.output, check.key, value)) {
    return check.matcher.matches(MatchInput::of(""), *this, why);
  }
  const PluginTurn turn(population_.shard().plugin_of(call), "output, which is read");
  MatchInput input;
  switch (value.type) {
    case SQ_T_STR: case SQ_T_BYTES: input = MatchInput::of(to_view(value.u.str)); break;
    case SQ_T_F64: input = MatchInput::of_number(value.u.f64); break;
    case SQ_T_DURATION: input = MatchInput::of_duration(value.u.i64); break;
    case SQ_T_BOOL: input = MatchInput::of(value.u.u64 ? "true" : "false"); break;
    default: input = MatchInput::of_number(static_cast<double>(value.u.i64));
  }
  return check.matcher.matches(input, *this, why);
}

void User::capture(Call& call) {
  for (const Capture& capture : call.operation->spec->captures) {
    if (auto value = read_capture(capture, call)) {
      keep(capture.slot, std::move(*value), capture.keep_user || part_ == Part::on_start);
    }
  }
}

std::optional<Value> User::read_capture(const Capture& capture, Call& call) {
  sq_value value;
  if (!read_output(call, capture.output, capture.key, value)) return std::nullopt;
  const PluginTurn turn(population_.shard().plugin_of(call), "output, which is read");
  const bool is_text = value.type == SQ_T_STR || value.type == SQ_T_BYTES;
  const std::string_view text = is_text ? to_view(value.u.str) : std::string_view{};
  if (capture.from == Capture::From::json) {
    auto found = capture.json.find(text);
    return found ? std::optional<Value>(std::move(*found)) : std::nullopt;
  }
  if (capture.from == Capture::From::regex) {
    std::string_view found;
    if (!is_text || !capture.regex->find(text, found)) return std::nullopt;
    return Value{std::string(found)};
  }
  if (is_text) return Value{std::string(text)};
  if (value.type == SQ_T_F64) return Value{value.u.f64};
  if (value.type == SQ_T_DURATION) return Value{Duration{value.u.i64}};
  if (value.type == SQ_T_BOOL) return Value{value.u.u64 != 0};
  return Value{value.u.i64};
}

void User::judge(Call& call, Outcome& outcome, ErrorClass& error, std::string& detail) {
  judge_answer(call, outcome, error, detail);
  if (!call.is_refused || outcome == Outcome::cancelled) return;   // an output that a check has read may have been the reason
  outcome = Outcome::failed;
  error = ErrorClass::plugin;
  detail = population_.shard().detail_of(call);
}

void User::judge_answer(Call& call, Outcome& outcome, ErrorClass& error, std::string& detail) {
  const OperationStep& spec = *call.operation->spec;
  if (call.is_cut || (call.events && call.outcome == SQ_OUT_CANCELLED)) {   // by the stop, or by the compiled task itself
    outcome = Outcome::cancelled;
    return;
  }
  if (call.is_timed_out || call.outcome == SQ_OUT_TIMEOUT) {
    outcome = Outcome::timeout;
    error = ErrorClass::timeout;
    detail = population_.shard().detail_of(call);
    return;
  }
  if (call.outcome != SQ_OUT_OK) {
    outcome = Outcome::failed;
    error = class_of(call);
    if (error == ErrorClass::none) error = ErrorClass::plugin;
    detail = population_.shard().detail_of(call);
    return;
  }
  if (!spec.captures.empty()) capture(call);
  if (call.operation->judges_code &&
      (call.code < call.operation->op->code_min || call.code > call.operation->op->code_max)) {
    outcome = Outcome::failed;
    error = ErrorClass::status;
    return;
  }
  for (const Check& check : spec.expect) {
    if (holds(check, call, call.end_ns - call.due_ns, &detail)) continue;
    outcome = Outcome::failed;
    error = check.output == call.operation->code_output ? ErrorClass::status : ErrorClass::check;
    detail = detail.empty() ? check.text : fmt::format("{}: {}", check.text, detail);
    return;
  }
}

void User::on_call_done(Call& call) {
  Strand& strand = *call.strand;
  {
    const At at(*this, strand);
    if (call.events) compiled_->deliver(call);
    else finish_call(call);
  }
  settle(strand);
}

void User::finish_call(Call& call) {
  SQUALL_ASSERT(at_->call == &call);
  Shard& shard = population_.shard();
  Outcome outcome = Outcome::ok;
  ErrorClass error = ErrorClass::none;
  std::string detail;
  judge(call, outcome, error, detail);

  for (auto frame = at_->frames.rbegin(); frame != at_->frames.rend(); ++frame) {
    if (frame->code->code != Instruction::Code::until) continue;
    const auto& what = std::get<UntilStep>(frame->code->step->what);
    frame->is_satisfied = call.outcome == SQ_OUT_OK && !call.is_timed_out &&
                          std::all_of(what.satisfied.begin(), what.satisfied.end(), [&](const Check& check) {
                            return holds(check, call, call.end_ns - call.due_ns, nullptr);
                          });
    break;   // the innermost one's pass
  }

  record_call(call, outcome, error, detail);

  has_waited_ = true;
  const std::uint64_t call_end_ns = call.end_ns;
  at_->due_ns = at_->ready_ns = call_end_ns;
  const Instruction& code = program_->code[at_->pc];
  at_->call = nullptr;
  shard.release(call);

  if (outcome == Outcome::cancelled) return leave(End::cut, ErrorClass::none);
  if (outcome != Outcome::ok) {
    blame_groups(error);
    if (!at_->must_end && after_failure(code, error) == Next::stop) return;
  } else {
    ++at_->pc;
  }
  if (at_->must_end) return leave(End::cut, ErrorClass::none);
  run();
}

/// Its sample, and what the groups around it have of it.
void User::record_call(Call& call, Outcome outcome, ErrorClass error, std::string_view detail) {
  Shard& shard = population_.shard();
  Sample sample{.series = call.operation->series,
                .user = static_cast<std::uint32_t>(user_index),
                .iteration = iteration,
                .due_ns = shard.run_time(call.due_ns),
                .started_ns = shard.run_time(call.start_ns),
                .first_byte_ns = call.first_byte_ns ? shard.run_time(call.first_byte_ns) : 0,
                .ended_ns = shard.run_time(call.end_ns),
                .outcome = outcome,
                .error = error,
                .code = call.code,
                .bytes_out = call.bytes_out - std::min(call.bytes_out, call.reported_out),
                .bytes_in = call.bytes_in - std::min(call.bytes_in, call.reported_in),
                .detail = detail};
  std::copy_n(call.phase_ns, kSamplePhases, sample.phases_ns.begin());
  shard.record(sample);
  look_outwards([&](Frame& frame) {
    if (frame.code->code == Instruction::Code::group) frame.end_ns = std::max(frame.end_ns, call.end_ns);
    return true;
  });
  if (UserObserver* observer = shard.observer()) tell_result(*observer, call, outcome, error, detail);
}

}  // namespace squall
