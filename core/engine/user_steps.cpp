// The interpreter of a user's program: each step moves on, waits, or ends the part. Operations are
// user_operations.cpp's.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "engine/user_observer.hpp"
#include "payload/random_stream.hpp"

namespace squall {

void User::run_part(Part part, const Program& program) {
  part_ = part;
  program_ = &program;
  open = part == Part::task && population_.plan().spec->load.model == Load::Model::open;
  at_->pc = 0;
  if (program.code.empty()) return leave(End::completed, ErrorClass::none);
  if (UserObserver* observer = population_.shard().observer()) observer->part_begins(*this, part_name());
  run();
}

void User::token_came() {
  Strand* const strand = find_waiting(main_);
  if (!strand) return;
  strand->waits_for_token = false;
  if (state_ == State::free) return population_.user_free(*this);
  go_on(*strand);
}

void User::go_on(Strand& strand) {
  {
    const At at(*this, strand);
    run();
  }
  settle(strand);
}

void User::run() {
  // From inside a step (the next part, the next iteration, a token): the loop below goes on with it, so
  // that a thousand iterations in a row take no stack.
  if (at_->is_running) {
    at_->runs_again = true;
    return;
  }
  at_->is_running = true;
  do {
    at_->runs_again = false;
    while (step(program_->code[at_->pc]) == Next::go_on) {}
  } while (at_->runs_again);
  at_->is_running = false;
}

// Each step either moves at_->pc and goes on, or stops: it waits, or the part is over.
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
      ++at_->pc;
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
      at_->pc = what.matcher.matches(input, *this) ? at_->pc + 1 : code.target;
      return Next::go_on;
    }
    case Code::either: at_->pc = choose_branch(code); return Next::go_on;
    case Code::jump: at_->pc = code.target; return Next::go_on;
    case Code::repeat: return begin_repeat(code);
    case Code::again: return again(code);
    case Code::until: {
      const auto& what = std::get<UntilStep>(code.step->what);
      Frame frame;
      frame.code = &code;
      frame.begin_ns = at_->due_ns;
      frame.end_ns = at_->due_ns + static_cast<std::uint64_t>(what.timeout_ns);
      if (!what.first_now) frame.count = 1;
      at_->frames.push_back(frame);
      if (is_named(code)) ++population_.counts().groups_begun;
      ++at_->pc;
      if (what.first_now) return Next::go_on;
      return wait_until(at_->due_ns + static_cast<std::uint64_t>(what.every_ns));
    }
    case Code::satisfied: return poll_again(code);
    case Code::group: {
      Frame frame;
      frame.code = &code;
      at_->frames.push_back(frame);
      ++population_.counts().groups_begun;
      ++at_->pc;
      return Next::go_on;
    }
    case Code::parallel: return begin_branches(code);
    case Code::join: at_->is_over = true; return Next::stop;
    case Code::group_end: {
      Frame frame = at_->frames.back();
      at_->frames.pop_back();
      close_group(frame, frame.has_failed ? Outcome::failed : Outcome::ok, frame.error);
      ++at_->pc;
      return Next::go_on;
    }
    case Code::acquire: return acquire(code);
    case Code::release: return release_record(code);
    case Code::take: return take_record(code);
    case Code::barrier: return wait_at_barrier(code);
    case Code::metric: return note_metric(code);
    case Code::compiled: return run_compiled(code);
    case Code::interrupt: leave(End::interrupted, ErrorClass::none); return Next::stop;
    case Code::end: leave(End::completed, ErrorClass::none); return Next::stop;
  }
  return Next::stop;
}

User::Next User::run_compiled(const Instruction& code) {
  if (!compiled_) compiled_ = std::make_unique<CompiledPass>(*this);
  return compiled_->runs() ? compiled_->woken() : compiled_->begin(code);
}

// No value is none, and a gap in the metric: what was to be read was not there.
User::Next User::note_metric(const Instruction& code) {
  const auto& what = std::get<MetricStep>(code.step->what);
  auto value = what.value.evaluate(*this);
  if (!value) return fail_step(code, ErrorClass::check, value.error().text);
  Shard& shard = population_.shard();
  double number = 0;
  if (value->to_number(number) && std::isfinite(number)) {
    shard.recorder().metric(what.metric, number, std::max<std::int64_t>(shard.run_time(shard.loop().recent_ns()), 0));
  } else if (const std::string text = value->to_text(); !text.empty()) {
    const std::string& name = shard.plan().scenario().metrics[what.metric].name;
    return fail_step(code, ErrorClass::check, fmt::format("metric '{}': '{}' is no number", name, text));
  }
  ++at_->pc;
  return Next::go_on;
}

User::Next User::wait_until(std::uint64_t at_ns) {
  Shard& shard = population_.shard();
  at_->due_ns = at_->ready_ns = at_ns;
  if (shard.is_draining() && at_ns > shard.drain_end_ns()) {
    leave(End::cut, ErrorClass::none);
    return Next::stop;
  }
  if (at_ns <= shard.loop().turn_ns()) return Next::go_on;
  has_rested_ = true;
  shard.loop().arm(at_->wait, at_ns);
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
  ++at_->pc;
  return wait_until(at_->due_ns + static_cast<std::uint64_t>(std::max<std::int64_t>(wait_ns, 0)));
}

User::Next User::begin_repeat(const Instruction& code) {
  const auto& what = std::get<RepeatStep>(code.step->what);
  Frame frame;
  frame.code = &code;
  frame.begin_ns = at_->due_ns;
  frame.count = UINT64_MAX;
  if (what.for_ns > 0) frame.end_ns = at_->due_ns + static_cast<std::uint64_t>(what.for_ns);
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
    at_->pc = code.target;
    return Next::go_on;
  }
  at_->frames.push_back(frame);
  ++at_->pc;
  return Next::go_on;
}

User::Next User::again(const Instruction& code) {
  Frame& frame = at_->frames.back();
  --frame.count;
  const bool is_over = frame.count == 0 || (frame.end_ns != 0 && at_->due_ns >= frame.end_ns);
  if (!is_over) {
    at_->pc = code.target;
    // A body without a wait or an operation must not hold the loop.
    if (at_->due_ns == frame.begin_ns) return wait_until(population_.shard().loop().turn_ns() + kIdlePassNs);
    frame.begin_ns = at_->due_ns;
    return Next::go_on;
  }
  at_->frames.pop_back();
  ++at_->pc;
  return Next::go_on;
}

// Polls are due at begin + n x every; one that ended late makes the next due at its end.
User::Next User::poll_again(const Instruction& code) {
  const auto& what = std::get<UntilStep>(code.step->what);
  Frame& frame = at_->frames.back();
  if (frame.is_satisfied) {
    Frame done = frame;
    at_->frames.pop_back();
    if (is_named(code)) {
      done.end_ns = at_->due_ns;
      close_group(done, Outcome::ok, ErrorClass::none);
    }
    ++at_->pc;
    return Next::go_on;
  }
  ++frame.count;
  const std::uint64_t next_poll = std::max(
      at_->due_ns, frame.begin_ns + frame.count * static_cast<std::uint64_t>(what.every_ns));
  if (what.timeout_ns > 0 && next_poll > frame.end_ns) {
    if (at_->due_ns < frame.end_ns) return wait_until(frame.end_ns);   // no further poll, but its time is not over
    Frame done = frame;
    at_->frames.pop_back();
    if (is_named(code)) close_group(done, Outcome::timeout, ErrorClass::timeout);
    else record_failure(code.index, ErrorClass::timeout, "not satisfied in time");
    if (UserObserver* observer = population_.shard().observer()) {
      observer->step_failed(*code.step, ErrorClass::timeout, "not satisfied in time");
    }
    blame_groups(ErrorClass::timeout);
    return after_failure(code, ErrorClass::timeout);
  }
  at_->pc = code.target;
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

}  // namespace squall
