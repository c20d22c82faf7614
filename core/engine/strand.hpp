// Where a user stands in its steps. One strand goes through the part that runs; `parallel` lets each of its branches have
// one of its own, side by side, and the strand that came there goes on when all of them are over.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/environment.hpp"
#include "stats/sample.hpp"

namespace squall {

struct Call;
struct Fork;
struct Instruction;
class User;

/// How a part of a user's life ends (connect, on_start, a pass over a task, on_stop).
enum class PartEnd : std::uint8_t { completed, interrupted, cut, out_of_data };

// runs ─ call: an operation is in flight ─ wait.armed, waits_for_token ─ fork: its branches run ─ is_over (a branch)
struct Strand {
  struct Frame {
    const Instruction* code = nullptr;   // repeat, until, group or barrier
    std::uint64_t begin_ns = 0;          // repeat, until, barrier: begin; group: due of its first operation, 0: none yet
    std::uint64_t end_ns = 0;            // repeat for, until: when it is over; group: end of its last operation
    std::uint64_t count = 0;             // passes left, polls done
    bool is_satisfied = false;
    bool has_failed = false;
    ErrorClass error = ErrorClass::none;
  };
  struct Wait : TimerNode { Strand* strand = nullptr; };

  explicit Strand(User& user, Strand* parent = nullptr) : user(user), parent(parent) { wait.strand = this; }
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  User& user;
  Strand* const parent;                // of a branch: who waits for it
  std::uint32_t pc = 0;
  bool is_running = false;             // inside run()
  bool runs_again = false;             // run() was asked for inside run()
  bool waits_for_token = false;
  bool must_end = false;               // a branch whose part is over: the operation in flight is its last
  bool is_over = false;                // a branch that does nothing any more
  bool ends_part = false;              // … and not because it came to its end
  PartEnd end = PartEnd::completed;    // of the part, when it ends it
  ErrorClass error = ErrorClass::none;
  Call* call = nullptr;                // in flight
  std::uint64_t due_ns = 0;            // of the next operation
  std::uint64_t ready_ns = 0;          // lag counts from here
  std::vector<Frame> frames;
  std::unique_ptr<Fork> fork;          // while its branches run
  std::uint64_t draws = 0;             // of a branch: its place among the iteration's random draws
  Wait wait;
};

/// The branches of a `parallel` that runs.
struct Fork {
  std::vector<std::unique_ptr<Strand>> branches;   // those that have begun
  std::uint32_t holds = 1;             // branches that run, and who must not lose the others while it looks at each
  std::uint64_t due_ns = 0, ready_ns = 0;   // the latest of those that are over
  bool ends_part = false;              // a branch has ended the part: none begins anything more
  PartEnd end = PartEnd::completed;
  ErrorClass error = ErrorClass::none;
  std::uint64_t draw = 0;              // from which the branches' draws come
};

}  // namespace squall
