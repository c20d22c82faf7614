// A user's life: its parts, its failures, its end. Its steps are in user_steps.cpp, its operations in
// user_operations.cpp, what it knows in user_scope.cpp.
#include "engine/user.hpp"

#include <algorithm>
#include <utility>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"

namespace squall {

User::User(Population& population, std::uint64_t index, std::uint32_t rank)
    : population_(population), rank_(rank) {
  const Shard& shard = population.shard();
  seed = shard.plan().scenario().seed;
  this->population = population.plan().index;
  user_index = index;
  clock.user = next_turn.user = this;
  main_.wait.fire = &User::wait_is_over;
}

User::~User() {
  if (records_) {
    leave_line(std::move(records_->waiter));
    stop_watching();
  }
  leave_barrier();
  disarm_waits(main_);
  population_.shard().loop().disarm(clock);
}

// ---- life ------------------------------------------------------------------------------------------

void User::start() {
  state_ = State::starting;
  stop_after_part_ = false;
  draws = kStartDraws;
  if (population_.plan().spec->eligible_at_user_start) records().eligible = population_.eligible_now();
  at_->due_ns = at_->ready_ns = population_.shard().loop().now_ns();
  run_part(Part::connect, population_.plan().connect);
}

void User::begin_iteration(std::uint32_t task, std::uint64_t due_ns, std::uint64_t ready_ns,
                           std::uint64_t arrival) {
  SQUALL_ASSERT(state_ == State::free);
  state_ = State::iterating;
  task_ = task;
  iteration = turns_++;
  const bool is_arrival = population_.plan().spec->load.model == Load::Model::open;
  arrival_index = is_arrival ? arrival : iteration;
  draws = 0;
  // What goes on from message to message is the population's in open load: see arrival_series.hpp.
  if (is_arrival && states_) std::fill_n(states_.get(), population_.plan().spec->states, Value{});
  has_waited_ = has_rested_ = false;
  at_->due_ns = due_ns;
  at_->ready_ns = ready_ns;
  ++population_.counts().started;
  const Program& program = population_.plan().tasks[task].program;
  // An operation reads the clock when it starts, and so may a compiled task; any other first step has its time from here.
  const auto first = program.code.empty() ? Instruction::Code::end : program.code.front().code;
  if (first != Instruction::Code::call && first != Instruction::Code::compiled) settle_due();
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
  if (at_->waits_for_token) population_.shard().unpark(*this);
  at_->waits_for_token = false;
  stop_watching();
  population_.shard().loop().disarm(clock);
  state_ = State::stopping;
  at_->due_ns = at_->ready_ns = population_.shard().loop().now_ns();
  run_part(Part::on_stop, population_.plan().on_stop);
}

void User::cut(bool is_final) {
  final_ = is_final;
  if (state_ == State::absent) return;
  if (state_ == State::free) return is_final ? end_life() : retire();
  if (state_ == State::stopping && !is_final) return;
  set_retiring();
  cutting_ = true;
  cut_strand(main_);
}

void User::drop_wait() {
  // Nobody knows when a record comes back; and who has not come to a barrier by now may never begin.
  if ((records_ && records_->waiter) || gate_) return end_waiting(main_);
  if (state_ == State::iterating) drop_wait_of(main_);
}

void User::end_life() {
  population_.shard().loop().disarm(clock);
  population_.close_session(*this);
  clear_iteration();
  stop_watching();
  if (compiled_) CompiledPass::end(std::move(compiled_));
  hand_back_all(/*for_user_too=*/true);
  records_.reset();
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
      if (end == End::completed && population_.plan().spec->role == PopulationSpec::Role::setup) hand_on_setup();
      clear_iteration();
      if (records_) {
        records_->skipped.clear();
        records_->waits_instead = false;
      }
      if (population_.plan().spec->new_connection) population_.close_session(*this);
      if (!retiring_ && !stop_after_part_) {
        state_ = State::free;
        free_since_ns_ = std::max(at_->due_ns, free_since_ns_);
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
  at_->due_ns = at_->ready_ns = population_.shard().loop().now_ns();
  run_part(Part::on_stop, population_.plan().on_stop);
}

// ---- failures and ends ----------------------------------------------------------------------------------

User::Next User::fail_step(const Instruction& code, ErrorClass error, std::string_view detail) {
  Shard& shard = population_.shard();
  if (has_no_data_left()) {
    if (code.code == Instruction::Code::call) population_.give_back_request_token(*this);
    end_for_want_of_data();
    return Next::stop;
  }
  settle_due();
  const bool is_call = code.code == Instruction::Code::call;
  record_failure(is_call ? shard.plan().operations()[code.index].series
                 : code.code == Instruction::Code::compiled ? shard.plan().task_uses()[code.index].failures
                                                            : code.index,
                 error, detail);
  if (UserObserver* observer = shard.observer()) observer->step_failed(*code.step, error, detail);
  blame_groups(error);
  return after_failure(code, error);
}

Sample User::sample_of(std::uint32_t series) const {
  Sample sample;
  sample.series = series;
  sample.user = static_cast<std::uint32_t>(user_index);
  sample.iteration = iteration;
  return sample;
}

/// Of what could not even begin, so that nothing is silent: a failed operation that took no time, and moves nothing on.
void User::record_failure(std::uint32_t series, ErrorClass error, std::string_view detail) {
  Shard& shard = population_.shard();
  ++population_.counts().operations_begun;
  Sample sample = sample_of(series);
  sample.started_ns = sample.ended_ns = shard.run_time(shard.loop().now_ns());
  sample.due_ns = std::min(shard.run_time(at_->due_ns), sample.started_ns);
  sample.outcome = error == ErrorClass::timeout ? Outcome::timeout : Outcome::failed;
  sample.error = error;
  sample.detail = detail;
  shard.record(sample);
}

// What comes after a failure may fail because of it: the first one names the group.
void User::blame_groups(ErrorClass error) {
  look_outwards([&](Frame& frame) {
    if (frame.code->code == Instruction::Code::until) return false;   // a failed poll is a failed sample, and polling goes on
    if (!std::exchange(frame.has_failed, true)) frame.error = error;
    return true;
  });
}

/// Where a user goes on behind a step that failed: not into the steps of a `repeat` or an `if` that did not begin.
std::uint32_t User::behind(const Instruction& code) const {
  using Code = Instruction::Code;
  if (code.code == Code::repeat) return code.target;
  if (code.code != Code::branch) return at_->pc + 1;
  const Instruction& last = program_->code[code.target - 1];   // with an `else` a jump over it
  return last.code == Code::jump && last.step == code.step ? last.target : code.target;
}

User::Next User::after_failure(const Instruction& code, ErrorClass error) {
  if (has_no_data_left()) {   // a check asked for a record
    end_for_want_of_data();
    return Next::stop;
  }
  const OnFailure otherwise = code.must_hold && !code.in_until ? OnFailure::stop_user : OnFailure::proceed;
  const OnFailure action = code.step->on_failure.value_or(otherwise);
  switch (action) {
    case OnFailure::proceed: at_->pc = behind(code); return Next::go_on;
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
  while (!at_->frames.empty()) {
    Frame frame = at_->frames.back();
    at_->frames.pop_back();
    const Instruction::Code kind = frame.code->code;
    const bool has_series = kind == Instruction::Code::group || kind == Instruction::Code::barrier ||
                            (kind == Instruction::Code::until && is_named(*frame.code));
    if (!has_series) continue;
    // Without a failure the word `interrupt` ended it: the scenario found something wrong itself. What ended for want of
    // data or of a token is cut, as by the stop.
    const ErrorClass own = frame.has_failed ? frame.error : error == ErrorClass::none ? ErrorClass::check : error;
    close_group(frame, end == End::interrupted ? Outcome::failed : Outcome::cancelled, own);
  }
  if (at_ != &main_) {   // settle() hands it on
    at_->is_over = at_->ends_part = true;
    at_->end = end;
    at_->error = error;
    return;
  }
  UserObserver* observer = population_.shard().observer();
  if (observer && !program_->code.empty()) tell_end(*observer, end);
  const Part part = part_;
  part_ = Part::none;
  part_is_over(part, end);
}

void User::close_group(Frame& frame, Outcome outcome, ErrorClass error, std::string_view detail) {
  Shard& shard = population_.shard();
  const bool is_group = frame.code->code == Instruction::Code::group;
  Sample sample = sample_of(frame.code->index);
  const std::uint64_t begin = frame.begin_ns ? frame.begin_ns : at_->due_ns;
  sample.due_ns = sample.started_ns = shard.run_time(begin);
  sample.ended_ns = shard.run_time(is_group && frame.end_ns ? frame.end_ns : std::max(at_->due_ns, begin));
  sample.outcome = outcome == Outcome::failed && error == ErrorClass::timeout ? Outcome::timeout : outcome;
  sample.error = outcome == Outcome::ok || outcome == Outcome::cancelled ? ErrorClass::none : error;
  sample.detail = detail;
  shard.record(sample);
  if (UserObserver* observer = shard.observer()) observer->group_ends(shard.plan().series().key(sample.series), sample);
}

void User::settle_due() {
  if (at_->due_ns == kAtOnce) at_->due_ns = at_->ready_ns = population_.shard().loop().read_ns();
}

}  // namespace squall
