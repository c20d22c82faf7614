#include "engine/user.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"
#include "payload/random_stream.hpp"

namespace squall {
namespace {

constexpr std::uint8_t kIterationLife = 1, kUserLife = 2;
constexpr std::uint64_t kIdlePassNs = 1'000'000;  // what a loop around nothing waits each time

ErrorClass class_of(const sq_call& call) {
  return call.kind < static_cast<std::uint32_t>(ErrorClass::timeout) ? static_cast<ErrorClass>(call.kind)
                                                                     : ErrorClass::plugin;
}

}  // namespace

User::User(Population& population, std::uint64_t index, std::uint32_t rank)
    : population_(population), rank_(rank) {
  const Shard& shard = population.shard();
  seed = shard.plan().scenario().seed;
  this->population = population.plan().index;
  user_index = index;
  open = population.plan().spec->load.model == Load::Model::open;
  clock.user = next_turn.user = this;
  wait_.user = this;
  wait_.fire = [](TimerNode& node) noexcept { static_cast<Wait&>(node).user->resume(); };
}

User::~User() {
  population_.shard().loop().disarm(wait_);
  population_.shard().loop().disarm(clock);
}

// ---- life ------------------------------------------------------------------------------------------

void User::start() {
  state_ = State::starting;
  stop_after_part_ = false;
  due_ns_ = ready_ns_ = population_.shard().loop().now_ns();
  run_part(Part::connect, population_.plan().connect);
}

void User::begin_iteration(std::uint32_t task, std::uint64_t due_ns, std::uint64_t ready_ns,
                           std::uint64_t arrival) {
  SQUALL_ASSERT(state_ == State::free);
  state_ = State::iterating;
  task_ = task;
  iteration = turns_++;
  arrival_index = open ? arrival : iteration;
  draws = 0;
  has_waited_ = false;
  due_ns_ = due_ns;
  ready_ns_ = ready_ns;
  ++population_.counts().started;
  const Program& program = population_.plan().tasks[task].program;
  // An operation reads the clock when it starts; any other first step has its time from here.
  if (program.code.empty() || program.code.front().code != Instruction::Code::call) settle_due();
  run_part(Part::task, program);
}

void User::set_retiring() {
  if (retiring_) return;
  retiring_ = true;
  population_.user_retires(true);
}

void User::retire() {
  set_retiring();
  if (state_ != State::free) return;
  if (waits_for_token_) population_.shard().unpark(*this);
  waits_for_token_ = false;
  population_.shard().loop().disarm(clock);
  state_ = State::stopping;
  due_ns_ = ready_ns_ = population_.shard().loop().now_ns();
  run_part(Part::on_stop, population_.plan().on_stop);
}

void User::cut(bool is_final) {
  final_ = is_final;
  if (state_ == State::absent) return;
  if (state_ == State::free) return is_final ? end_life() : retire();
  if (state_ == State::stopping && !is_final) return;
  set_retiring();
  cutting_ = true;
  if (call_) {
    population_.shard().cancel(*call_, /*is_cut=*/true);
  } else if (wait_.armed) {
    population_.shard().loop().disarm(wait_);
    leave(End::cut, ErrorClass::none);
  } else if (waits_for_token_) {
    population_.shard().unpark(*this);
    waits_for_token_ = false;
    leave(End::cut, ErrorClass::none);
  }
}

void User::drop_wait() {
  Shard& shard = population_.shard();
  if (state_ != State::iterating || !wait_.armed || wait_.at_ns <= shard.drain_end_ns()) return;
  shard.loop().disarm(wait_);
  leave(End::cut, ErrorClass::none);
}

void User::end_life() {
  population_.shard().loop().disarm(clock);
  population_.close_session(*this);
  clear_iteration();
  locals_.reset();
  local_life_.reset();
  user_picks_.reset();
  state_ = State::absent;
  cutting_ = false;
  if (retiring_) population_.user_retires(false);
  retiring_ = false;
  population_.user_gone(*this);
}

void User::part_is_over(Part part, End end) {
  switch (part) {
    case Part::connect:
      if (end == End::cut) return end_life();
      return run_part(Part::on_start, population_.plan().on_start);
    case Part::on_start:
      if (end == End::completed && !retiring_) {
        state_ = State::free;
        free_since_ns_ = population_.shard().loop().now_ns();
        return population_.user_free(*this);
      }
      break;
    case Part::task: {
      IterationCounts& counts = population_.counts();
      ++(end == End::completed ? counts.completed : end == End::cut ? counts.cut : counts.interrupted);
      clear_iteration();
      if (population_.plan().spec->new_connection) population_.close_session(*this);
      if (!retiring_ && !stop_after_part_) {
        state_ = State::free;
        free_since_ns_ = std::max(due_ns_, free_since_ns_);
        return population_.user_free(*this);
      }
      break;
    }
    case Part::on_stop:
    case Part::none:
      return end_life();
  }
  // on_stop runs for every user whose on_start began.
  state_ = State::stopping;
  if (final_) return end_life();
  cutting_ = false;
  due_ns_ = ready_ns_ = population_.shard().loop().now_ns();
  run_part(Part::on_stop, population_.plan().on_stop);
}

// ---- the interpreter ----------------------------------------------------------------------------------

void User::run_part(Part part, const Program& program) {
  part_ = part;
  program_ = &program;
  pc_ = 0;
  if (program.code.empty()) return leave(End::completed, ErrorClass::none);
  if (UserObserver* observer = population_.shard().observer()) observer->part_begins(*this, part_name());
  run();
}

void User::resume() {
  waits_for_token_ = false;
  if (state_ == State::free) return population_.user_free(*this);
  run();
}

void User::run() {
  // From inside a step (the next part, the next iteration, a token): the loop below goes on with it, so
  // that a thousand iterations in a row take no stack.
  if (running_) {
    runs_again_ = true;
    return;
  }
  running_ = true;
  do {
    runs_again_ = false;
    while (step(program_->code[pc_]) == Next::go_on) {}
  } while (runs_again_);
  running_ = false;
}

// Each step either moves pc_ and goes on, or stops: it waits, or the part is over.
User::Next User::step(const Instruction& code) {
  using Code = Instruction::Code;
  switch (code.code) {
    case Code::call: return start_call(code);
    case Code::wait: return begin_wait(code);
    case Code::set: {
      const auto& what = std::get<SetStep>(code.step->what);
      for (const auto& [slot, value] : what.slots) {
        auto result = value.evaluate(*this);
        if (!result) return fail_step(code, ErrorClass::check, result.error().text);
        keep(slot, std::move(*result), what.keep_user || part_ == Part::on_start);
      }
      ++pc_;
      return Next::go_on;
    }
    case Code::branch: {
      const auto& what = std::get<IfStep>(code.step->what);
      auto value = what.value.evaluate(*this);
      if (!value) return fail_step(code, ErrorClass::check, value.error().text);
      double number = 0;
      const std::string text = value->to_text();
      MatchInput input = MatchInput::of(text);
      if (!value->text() && value->to_number(number)) input = MatchInput::of_number(number);
      pc_ = what.matcher.matches(input, *this) ? pc_ + 1 : code.target;
      return Next::go_on;
    }
    case Code::either: pc_ = choose_branch(code); return Next::go_on;
    case Code::jump: pc_ = code.target; return Next::go_on;
    case Code::repeat: return begin_repeat(code);
    case Code::again: return again(code);
    case Code::until: {
      const auto& what = std::get<UntilStep>(code.step->what);
      Frame frame;
      frame.code = &code;
      frame.begin_ns = due_ns_;
      frame.end_ns = due_ns_ + static_cast<std::uint64_t>(what.timeout_ns);
      if (!what.first_now) frame.count = 1;
      frames_.push_back(frame);
      if (code.index != kNone) ++population_.counts().groups_begun;
      ++pc_;
      if (what.first_now) return Next::go_on;
      return wait_until(due_ns_ + static_cast<std::uint64_t>(what.every_ns));
    }
    case Code::satisfied: return poll_again(code);
    case Code::group: {
      Frame frame;
      frame.code = &code;
      frames_.push_back(frame);
      ++population_.counts().groups_begun;
      ++pc_;
      return Next::go_on;
    }
    case Code::group_end: {
      Frame frame = frames_.back();
      frames_.pop_back();
      close_group(frame, frame.has_failed ? Outcome::failed : Outcome::ok, frame.error);
      ++pc_;
      return Next::go_on;
    }
    case Code::interrupt: leave(End::interrupted, ErrorClass::none); return Next::stop;
    case Code::end: leave(End::completed, ErrorClass::none); return Next::stop;
  }
  return Next::stop;
}

User::Next User::wait_until(std::uint64_t at_ns) {
  Shard& shard = population_.shard();
  due_ns_ = ready_ns_ = at_ns;
  if (shard.is_draining() && at_ns > shard.drain_end_ns()) {
    leave(End::cut, ErrorClass::none);
    return Next::stop;
  }
  if (at_ns <= shard.loop().turn_ns()) return Next::go_on;
  shard.loop().arm(wait_, at_ns);
  return Next::stop;
}

User::Next User::begin_wait(const Instruction& code) {
  const auto& what = std::get<WaitStep>(code.step->what);
  std::int64_t wait_ns = 0;
  if (const auto* fixed = std::get_if<std::int64_t>(&what.duration)) {
    wait_ns = *fixed;
  } else if (const auto* drawn = std::get_if<squall::Distribution>(&what.duration)) {
    wait_ns = drawn->sample_int(*this);
  } else {
    auto value = std::get<Template>(what.duration).evaluate(*this);
    if (!value) return fail_step(code, ErrorClass::check, value.error().text);
    if (const auto* duration = std::get_if<Duration>(&value->data)) {
      wait_ns = duration->ns;
    } else if (auto parsed = parse_duration_ns(value->to_text())) {
      wait_ns = *parsed;
    } else {
      return fail_step(code, ErrorClass::check, parsed.error().text);
    }
  }
  if (UserObserver* observer = population_.shard().observer()) wait_ns = observer->wait(wait_ns);
  ++pc_;
  return wait_until(due_ns_ + static_cast<std::uint64_t>(std::max<std::int64_t>(wait_ns, 0)));
}

User::Next User::begin_repeat(const Instruction& code) {
  const auto& what = std::get<RepeatStep>(code.step->what);
  Frame frame;
  frame.code = &code;
  frame.begin_ns = due_ns_;
  frame.count = UINT64_MAX;
  if (what.for_ns > 0) frame.end_ns = due_ns_ + static_cast<std::uint64_t>(what.for_ns);
  if (const auto* times = std::get_if<Template>(&what.times)) {
    auto value = times->evaluate(*this);
    double number = 0;
    if (!value) return fail_step(code, ErrorClass::check, value.error().text);
    if (!value->to_number(number) || number < 0) {
      return fail_step(code, ErrorClass::check, fmt::format("repeat: '{}' is not a count", value->to_text()));
    }
    frame.count = static_cast<std::uint64_t>(number);
  } else if (const auto* drawn = std::get_if<squall::Distribution>(&what.times)) {
    frame.count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, drawn->sample_int(*this)));
  }
  if (frame.count == 0) {
    pc_ = code.target;
    return Next::go_on;
  }
  frames_.push_back(frame);
  ++pc_;
  return Next::go_on;
}

User::Next User::again(const Instruction& code) {
  Frame& frame = frames_.back();
  --frame.count;
  const bool is_over = frame.count == 0 || (frame.end_ns != 0 && due_ns_ >= frame.end_ns);
  if (!is_over) {
    pc_ = code.target;
    // A body without a wait or an operation must not hold the loop.
    if (due_ns_ == frame.begin_ns) return wait_until(population_.shard().loop().turn_ns() + kIdlePassNs);
    frame.begin_ns = due_ns_;
    return Next::go_on;
  }
  frames_.pop_back();
  ++pc_;
  return Next::go_on;
}

// Polls are due at begin + n x every; one that ended late makes the next due at its end.
User::Next User::poll_again(const Instruction& code) {
  const auto& what = std::get<UntilStep>(code.step->what);
  Frame& frame = frames_.back();
  if (frame.is_satisfied) {
    Frame done = frame;
    frames_.pop_back();
    if (code.index != kNone) {
      done.end_ns = due_ns_;
      close_group(done, Outcome::ok, ErrorClass::none);
    }
    ++pc_;
    return Next::go_on;
  }
  ++frame.count;
  const std::uint64_t next_poll = std::max(
      due_ns_, frame.begin_ns + frame.count * static_cast<std::uint64_t>(what.every_ns));
  if (what.timeout_ns > 0 && next_poll > frame.end_ns) {
    Frame done = frame;
    frames_.pop_back();
    due_ns_ = std::max(due_ns_, done.end_ns);
    if (code.index != kNone) close_group(done, Outcome::timeout, ErrorClass::timeout);
    if (UserObserver* observer = population_.shard().observer()) {
      observer->step_failed(*code.step, ErrorClass::timeout, "not satisfied in time");
    }
    for (Frame& outer : frames_) {
      outer.has_failed = true;
      outer.error = ErrorClass::timeout;
    }
    return after_failure(code, ErrorClass::timeout);
  }
  pc_ = code.target;
  return wait_until(next_poll);
}

std::uint32_t User::choose_branch(const Instruction& code) {
  const auto& what = std::get<EitherStep>(code.step->what);
  double total = 0;
  for (const double weight : what.weights) total += weight;
  double place = unit_interval(random()) * total;
  std::size_t branch = 0;
  while (branch + 1 < what.weights.size() && place >= what.weights[branch]) place -= what.weights[branch++];
  return program_->jumps[code.index + branch];
}

// ---- failures and ends ----------------------------------------------------------------------------------

User::Next User::fail_step(const Instruction& code, ErrorClass error, std::string_view detail) {
  Shard& shard = population_.shard();
  settle_due();
  if (code.code == Instruction::Code::call) {
    // The operation could not even begin: it is a failed sample of its series, so that nothing is silent.
    ++population_.counts().operations_begun;
    Sample sample;
    sample.series = shard.plan().operations()[code.index].series;
    sample.user = static_cast<std::uint32_t>(user_index);
    sample.iteration = iteration;
    const std::uint64_t now = shard.loop().now_ns();
    sample.started_ns = sample.ended_ns = shard.run_time(now);
    sample.due_ns = std::min(shard.run_time(due_ns_), sample.started_ns);
    sample.outcome = Outcome::failed;
    sample.error = error;
    sample.detail = detail;
    shard.record(sample);
    due_ns_ = ready_ns_ = now;
  } else {
    shard.note_step_failure(population_.plan().spec->name, detail);
  }
  if (UserObserver* observer = shard.observer()) observer->step_failed(*code.step, error, detail);
  for (Frame& frame : frames_) {
    frame.has_failed = true;
    frame.error = error;
  }
  return after_failure(code, error);
}

User::Next User::after_failure(const Instruction& code, ErrorClass error) {
  const OnFailure action = code.step->on_failure.value_or(code.in_on_start ? OnFailure::stop_user
                                                                          : OnFailure::proceed);
  switch (action) {
    case OnFailure::proceed: ++pc_; return Next::go_on;
    case OnFailure::abort_run: population_.shard().abort_run(population_.plan().spec->name); [[fallthrough]];
    case OnFailure::interrupt: leave(End::interrupted, error); return Next::stop;
    case OnFailure::stop_user:
      stop_after_part_ = true;
      population_.user_stopped(*this);
      leave(End::interrupted, error);
      return Next::stop;
  }
  return Next::stop;
}

void User::leave(End end, ErrorClass error) {
  while (!frames_.empty()) {
    Frame frame = frames_.back();
    frames_.pop_back();
    const bool has_series = frame.code->code == Instruction::Code::group ||
                            (frame.code->code == Instruction::Code::until && frame.code->index != kNone);
    if (has_series) {
      close_group(frame, end == End::cut ? Outcome::cancelled : Outcome::failed,
                  error == ErrorClass::none ? frame.error : error);
    }
  }
  UserObserver* observer = population_.shard().observer();
  if (observer && !program_->code.empty()) tell_end(*observer, end);
  const Part part = part_;
  part_ = Part::none;
  part_is_over(part, end);
}

void User::close_group(Frame& frame, Outcome outcome, ErrorClass error) {
  Shard& shard = population_.shard();
  const bool is_group = frame.code->code == Instruction::Code::group;
  Sample sample;
  sample.series = frame.code->index;
  sample.user = static_cast<std::uint32_t>(user_index);
  sample.iteration = iteration;
  const std::uint64_t begin = frame.begin_ns ? frame.begin_ns : due_ns_;
  sample.due_ns = sample.started_ns = shard.run_time(begin);
  sample.ended_ns = shard.run_time(is_group && frame.end_ns ? frame.end_ns : std::max(due_ns_, begin));
  sample.outcome = outcome;
  sample.error = outcome == Outcome::ok ? ErrorClass::none : error;
  shard.record(sample);
  if (UserObserver* observer = shard.observer()) observer->group_ends(shard.plan().series().key(sample.series), sample);
}

// ---- operations ----------------------------------------------------------------------------------------

User::Next User::start_call(const Instruction& code) {
  Shard& shard = population_.shard();
  const BoundOperation& operation = shard.plan().operations()[code.index];
  if (part_ == Part::task) {
    switch (population_.take_request_token(*this)) {
      case BudgetLease::Answer::taken: break;
      case BudgetLease::Answer::waiting:
        settle_due();
        waits_for_token_ = true;
        return Next::stop;
      case BudgetLease::Answer::over: leave(End::completed, ErrorClass::none); return Next::stop;
    }
  }
  std::string error;
  const sq_protocol* protocol = shard.plan().protocols()[operation.protocol].protocol;
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
  call.struct_size = sizeof(sq_call);
  call.shard = shard.handle();
  call.owner_data = this;
  call.user = this;
  call.operation = &operation;
  call.session = session;
  call.timeout_ns = static_cast<std::uint64_t>(operation.timeout_ns);
  call.start_ns = shard.loop().read_ns();
  if (due_ns_ == kAtOnce) due_ns_ = ready_ns_ = call.start_ns;
  call.due_ns = std::min(due_ns_, call.start_ns);
  call.deadline_ns = call.start_ns + call.timeout_ns;
  shard.note_start(call.due_ns, ready_ns_, call.start_ns);
  ++population_.counts().operations_begun;
  for (Frame& frame : frames_) {
    if (frame.code->code == Instruction::Code::group && frame.begin_ns == 0) frame.begin_ns = call.due_ns;
  }
  call_ = &call;
  shard.begin(call);
  if (UserObserver* observer = shard.observer()) {
    observer->call_begins(call, args, static_cast<std::uint32_t>(count));
  }
  protocol->start(session, operation.prepared, args, static_cast<std::uint32_t>(count), &call);
  return Next::stop;
}

bool User::read_output(Call& call, std::uint32_t output, const std::string& key, sq_value& out) {
  const sq_protocol* protocol = population_.shard().plan().protocols()[call.operation->protocol].protocol;
  out = {};
  return protocol->output(call.session, &call, output, to_str(key), &out) == SQ_OK && out.type != SQ_T_NULL;
}

bool User::holds(const Check& check, Call& call, std::uint64_t response_ns, std::string* why) {
  if (check.output == kCheckTime) {
    return check.matcher.matches(MatchInput::of_duration(static_cast<std::int64_t>(response_ns)), *this, why);
  }
  sq_value value;
  if (!read_output(call, check.output, check.key, value)) {
    return check.matcher.matches(MatchInput::of(""), *this, why);
  }
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
  const OperationStep& spec = *call.operation->spec;
  if (call.is_cut) {
    outcome = Outcome::cancelled;
    return;
  }
  if (call.is_timed_out || call.outcome == SQ_OUT_TIMEOUT) {
    outcome = Outcome::timeout;
    error = ErrorClass::timeout;
    detail = to_view(call.detail);
    return;
  }
  if (call.outcome != SQ_OUT_OK) {
    outcome = Outcome::failed;
    error = class_of(call);
    if (error == ErrorClass::none) error = ErrorClass::plugin;
    detail = to_view(call.detail);
    return;
  }
  capture(call);
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
  SQUALL_ASSERT(call_ == &call);
  Shard& shard = population_.shard();
  Outcome outcome = Outcome::ok;
  ErrorClass error = ErrorClass::none;
  std::string detail;
  judge(call, outcome, error, detail);

  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (frame->code->code != Instruction::Code::until) continue;
    const auto& what = std::get<UntilStep>(frame->code->step->what);
    frame->is_satisfied = call.outcome == SQ_OUT_OK && !call.is_timed_out &&
                          std::all_of(what.satisfied.begin(), what.satisfied.end(), [&](const Check& check) {
                            return holds(check, call, call.end_ns - call.due_ns, nullptr);
                          });
    break;   // the innermost one's pass
  }

  Sample sample;
  sample.series = call.operation->series;
  sample.user = static_cast<std::uint32_t>(user_index);
  sample.iteration = iteration;
  sample.due_ns = shard.run_time(call.due_ns);
  sample.started_ns = shard.run_time(call.start_ns);
  sample.first_byte_ns = call.first_byte_ns ? shard.run_time(call.first_byte_ns) : 0;
  sample.ended_ns = shard.run_time(call.end_ns);
  sample.outcome = outcome;
  sample.error = error;
  sample.code = call.code;
  sample.bytes_out = call.bytes_out - std::min(call.bytes_out, call.reported_out);
  sample.bytes_in = call.bytes_in - std::min(call.bytes_in, call.reported_in);
  for (std::size_t phase = 0; phase < kSamplePhases; ++phase) sample.phases_ns[phase] = call.phase_ns[phase];
  sample.detail = detail;
  shard.record(sample);
  if (UserObserver* observer = shard.observer()) tell_result(*observer, call, outcome, error, detail);

  has_waited_ = true;
  due_ns_ = ready_ns_ = call.end_ns;
  const Instruction& code = program_->code[pc_];
  call_ = nullptr;
  shard.release(call);

  for (Frame& frame : frames_) {
    if (frame.code->code == Instruction::Code::group) frame.end_ns = due_ns_;
    // A poll that fails is a failed sample; its until goes on, and so does a group around it.
    if (outcome != Outcome::ok && !code.in_until) {
      frame.has_failed = true;
      frame.error = error;
    }
  }
  if (outcome == Outcome::cancelled) return leave(End::cut, ErrorClass::none);
  if (outcome != Outcome::ok) {
    if (after_failure(code, error) == Next::stop) return;
    return run();
  }
  ++pc_;
  run();
}

void User::settle_due() {
  if (due_ns_ == kAtOnce) due_ns_ = ready_ns_ = population_.shard().loop().read_ns();
}

// ---- what it knows ----------------------------------------------------------------------------------------

std::int64_t User::unix_ns() const { return population_.shard().unix_ns(); }

Value* User::locals() {
  if (!locals_) {
    const std::uint32_t count = population_.plan().spec->locals;
    locals_ = std::make_unique<Value[]>(count);
    local_life_ = std::make_unique<std::uint8_t[]>(count);
  }
  return locals_.get();
}

const Value* User::local(std::uint32_t slot) const {
  return local_life_ && local_life_[slot] ? &locals_[slot] : nullptr;
}

void User::keep(std::uint32_t slot, Value value, bool for_user) {
  locals()[slot] = std::move(value);
  local_life_[slot] = for_user ? kUserLife : kIterationLife;
}

void User::clear_iteration() {
  if (local_life_) {
    for (std::uint32_t i = 0; i < population_.plan().spec->locals; ++i) {
      if (local_life_[i] != kIterationLife) continue;
      local_life_[i] = 0;
      locals_[i] = {};
    }
  }
  if (picks_) picks_.reset();
}

std::optional<std::string_view> User::field(std::uint32_t dataset, std::uint32_t column) {
  Shard& shard = population_.shard();
  const Dataset& data = *shard.plan().scenario().datasets[dataset];
  const std::size_t count = shard.plan().scenario().datasets.size();
  // What on_start picked is held for the user's life.
  if (user_picks_ && user_picks_[dataset]) return data.field(user_picks_[dataset] - 1, column);
  auto& picks = part_ == Part::on_start || part_ == Part::connect ? user_picks_ : picks_;
  if (!picks) picks = std::make_unique<std::uint32_t[]>(count);
  if (!picks[dataset]) {
    PickAt at;
    at.seed = seed;
    at.dataset = dataset;
    at.population = population;
    at.user = open && part_ == Part::task ? 0 : user_index;
    at.turn = open && part_ == Part::task ? arrival_index : iteration;
    at.position = data.pick == Pick::random || data.pick == Pick::per_user ? 0
                                                                           : shard.next_position(dataset);
    const auto record = pick_record(data.pick, data.on_end, data.size(), at);
    if (!record) return std::nullopt;
    picks[dataset] = static_cast<std::uint32_t>(*record) + 1;
  }
  return data.field(picks[dataset] - 1, column);
}

Value& User::state(std::uint32_t slot) {
  if (!states_) states_ = std::make_unique<Value[]>(population_.plan().spec->states);
  return states_[slot];
}

}  // namespace squall
