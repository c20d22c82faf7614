// A user at a barrier. Its waiting is a sample of its own: from when it came until the barrier opened.
#include <utility>

#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "engine/user_observer.hpp"

namespace squall {

User::Next User::wait_at_barrier(const Instruction& code) {
  if (gate_) return give_up_barrier(code);   // its time is over
  const auto& what = std::get<BarrierStep>(code.step->what);
  Shard& shard = population_.shard();
  at_->due_ns = shard.loop().read_ns();
  Frame frame;
  frame.code = &code;
  frame.begin_ns = at_->due_ns;
  at_->frames.push_back(frame);
  ++population_.counts().groups_begun;
  Barrier& barrier = shard.barrier(what.barrier);
  gate_ = std::make_unique<Barrier::Waiter>();
  gate_->barrier = &barrier;
  gate_->loop = &shard.loop();
  gate_->user = this;
  gate_->run = [](Deferred& node) noexcept {
    auto& own = static_cast<Barrier::Waiter&>(node);
    if (own.user) return own.user->barrier_opened();
    const std::unique_ptr<Barrier::Waiter> left(&own);
  };
  if (barrier.arrive(*gate_, at_->due_ns)) {
    gate_.reset();
    return pass_barrier();
  }
  if (shard.is_draining()) {   // who has not come by now may never begin
    leave_barrier();
    leave(End::cut, ErrorClass::none);
    return Next::stop;
  }
  shard.loop().arm(at_->wait, at_->due_ns + static_cast<std::uint64_t>(what.timeout_ns));
  return Next::stop;
}

/// Due is when it opened: how late each of them then begins is the generator's own lag.
void User::barrier_opened() {
  population_.shard().loop().disarm(at_->wait);
  at_->due_ns = at_->ready_ns = std::exchange(gate_, nullptr)->opened_ns;
  has_waited_ = true;
  pass_barrier();
  run();
}

User::Next User::pass_barrier() {
  Frame frame = at_->frames.back();
  at_->frames.pop_back();
  close_group(frame, Outcome::ok, ErrorClass::none);
  ++at_->pc;
  return Next::go_on;
}

User::Next User::give_up_barrier(const Instruction& code) {
  const std::string state = gate_->barrier->state();
  if (!gate_->barrier->leave(*gate_)) return Next::stop;   // it opened in this moment, and the news is on its way
  gate_.reset();
  at_->due_ns = at_->ready_ns = population_.shard().loop().read_ns();
  Frame frame = at_->frames.back();
  at_->frames.pop_back();
  close_group(frame, Outcome::timeout, ErrorClass::timeout, state);
  if (UserObserver* observer = population_.shard().observer()) observer->step_failed(*code.step, ErrorClass::timeout, state);
  blame_groups(ErrorClass::timeout);
  return after_failure(code, ErrorClass::timeout);
}

void User::leave_barrier() {
  if (!gate_ || gate_->barrier->leave(*gate_)) return gate_.reset();
  gate_->user = nullptr;
  gate_->is_own = true;   // on its way to the loop, which runs it even when it closes
  gate_.release();
}

}  // namespace squall
