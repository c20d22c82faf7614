// `parallel`: a user in several places of its task at once. Its branches share what it has captured, its sessions and its
// records; each has its own place, its own times and its own random draws, so that what it sends does not hang on which
// answer came first. When a branch ends the iteration, the others end the operation that is in flight and begin nothing
// more: what was sent is told with its result.
#include <algorithm>
#include <utility>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "payload/random_stream.hpp"

namespace squall {

User::Next User::begin_branches(const Instruction&) {
  settle_due();
  Strand& parent = *at_;
  parent.fork = std::make_unique<Fork>();
  parent.fork->draw = random();
  while (begin_next_branch(parent)) {}
  return --parent.fork->holds > 0 ? Next::stop : join();
}

/// False: there is none to begin now.
bool User::begin_next_branch(Strand& parent) {
  Fork& fork = *parent.fork;
  const Instruction& code = program_->code[parent.pc];
  const std::size_t next = fork.branches.size();
  if (fork.ends_part || next == std::get<ParallelStep>(code.step->what).branches.size()) return false;
  // Who looks on is told of one after the other.
  if (population_.shard().observer() && fork.holds > 1) return false;
  Strand& branch = *fork.branches.emplace_back(std::make_unique<Strand>(*this, &parent));
  branch.wait.fire = &User::wait_is_over;
  branch.pc = program_->jumps[code.index + next];
  branch.due_ns = std::max(parent.due_ns, population_.shard().observer() ? fork.due_ns : 0);
  branch.ready_ns = std::max(parent.ready_ns, branch.due_ns);
  branch.draws = mix_words({fork.draw, next});
  ++fork.holds;
  go_on(branch);
  return true;
}

/// Behind the `parallel`, when its last branch is over.
User::Next User::join() {
  const std::unique_ptr<Fork> fork = std::move(at_->fork);
  at_->due_ns = std::max(at_->due_ns, fork->due_ns);
  at_->ready_ns = std::max(at_->ready_ns, fork->ready_ns);
  if (fork->ends_part || at_->must_end) {
    leave(fork->ends_part ? fork->end : End::cut, fork->error);
    return Next::stop;
  }
  at_->pc = program_->code[at_->pc].target;
  return Next::go_on;
}

/// After each step of a strand: a branch that is over tells who waits for it, and may be gone when this returns.
void User::settle(Strand& strand) {
  if (!strand.is_over) return;
  Strand& parent = *strand.parent;
  Fork& fork = *parent.fork;
  fork.due_ns = std::max(fork.due_ns, strand.due_ns);
  fork.ready_ns = std::max(fork.ready_ns, strand.ready_ns);
  if (strand.ends_part && !std::exchange(fork.ends_part, true)) {
    fork.end = strand.end;
    fork.error = strand.error;
    for (std::size_t i = 0; i < fork.branches.size(); ++i) {
      if (!fork.branches[i]->is_over) end_soon(*fork.branches[i]);
    }
  }
  let_go(parent);
}

void User::let_go(Strand& parent) {
  Fork& fork = *parent.fork;
  if (fork.holds == 1) {
    while (begin_next_branch(parent)) {}
  }
  if (--fork.holds > 0) return;
  {
    const At at(*this, parent);
    if (join() == Next::go_on) run();
  }
  settle(parent);
}

void User::each_branch(Strand& parent, void (User::*what)(Strand&)) {
  Fork& fork = *parent.fork;
  ++fork.holds;   // or the last one's end would go on behind the `parallel`, and the list be gone
  for (std::size_t i = 0; i < fork.branches.size(); ++i) {
    if (!fork.branches[i]->is_over) (this->*what)(*fork.branches[i]);
  }
  let_go(parent);
}

// ---- what a strand waits for is given up ----------------------------------------------------------------

bool User::stop_waiting(Strand& strand) {
  Shard& shard = population_.shard();
  if (gate_ && &strand == &main_) {
    leave_barrier();
    shard.loop().disarm(strand.wait);
  } else if (&strand == &main_ && leave_line_for_record()) {
  } else if (strand.wait.armed) {
    shard.loop().disarm(strand.wait);
  } else if (strand.waits_for_token) {
    shard.unpark(*this);
    strand.waits_for_token = false;
  } else {
    return false;
  }
  return true;
}

void User::end_waiting(Strand& strand) {
  if (compiled_ && compiled_->runs()) return compiled_->stop(End::cut);
  if (!stop_waiting(strand)) return;
  {
    const At at(*this, strand);
    leave(End::cut, ErrorClass::none);
  }
  settle(strand);
}

/// The operation in flight may end, and is the last.
void User::end_soon(Strand& strand) {
  strand.must_end = true;
  if (strand.fork) return each_branch(strand, &User::end_soon);
  if (!strand.call) end_waiting(strand);
}

void User::cut_strand(Strand& strand) {
  if (strand.call) return population_.shard().cancel(*strand.call, /*is_cut=*/true);
  if (strand.fork) return each_branch(strand, &User::cut_strand);
  end_waiting(strand);
}

void User::drop_wait_of(Strand& strand) {
  if (strand.fork) return each_branch(strand, &User::drop_wait_of);
  if (strand.wait.armed && strand.wait.at_ns > population_.shard().drain_end_ns()) end_waiting(strand);
}

Strand* User::find_waiting(Strand& strand) {
  if (strand.waits_for_token) return &strand;
  if (!strand.fork) return nullptr;
  for (auto& branch : strand.fork->branches) {
    if (Strand* found = find_waiting(*branch)) return found;
  }
  return nullptr;
}

void User::disarm_waits(Strand& strand) {
  population_.shard().loop().disarm(strand.wait);
  if (!strand.fork) return;
  for (auto& branch : strand.fork->branches) disarm_waits(*branch);
}

void User::wait_is_over(TimerNode& node) noexcept {
  Strand& strand = *static_cast<Strand::Wait&>(node).strand;
  strand.user.go_on(strand);
}

}  // namespace squall
