// One operation in flight: what the ABI calls sq_call, with its arguments, its deadline and the user
// that waits for it. Pooled by the shard; nothing is allocated once a call object has grown.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/arguments.hpp"
#include "engine/plan.hpp"
#include "net/environment.hpp"

namespace squall {

class Shard;
class User;
struct Strand;

// state       event                next
// free        acquire              started
// started     complete()           completed (queued)
// completed   from the loop        delivered
// delivered   release              free
// started     cancel limit passed  quarantined (never used again; the user goes on)
struct Call final : ::sq_call {
  enum class State : std::uint8_t { free, started, completed, delivered, quarantined };

  State state = State::free;
  bool is_cancelled = false;     // cancel() was asked for
  bool is_timed_out = false;     // … because the deadline passed
  bool is_cut = false;           // … because the run stops
  bool has_arguments = false;
  bool is_refused = false;       // the plugin said of it what cannot be: it fails, whatever else holds
  User* user = nullptr;
  Strand* strand = nullptr;      // of the user: whose step it is
  Shard* owner = nullptr;
  const BoundOperation* operation = nullptr;
  void* session = nullptr;
  const sq_call_events* events = nullptr;   // of a compiled task's call: who is told
  std::uint64_t reported_out = 0, reported_in = 0;  // by progress()
  std::uint64_t timeout_ns = 0;
  std::uint64_t limit_ns = 0;    // when it is cut short, as it stands now

  struct Ready : Deferred { Call* call = nullptr; } ready;
  // Armed at limit_ns or before: setting and clearing a timer for each call would cost more than the one
  // time in a call object's life that it fires too early and is armed again.
  struct Deadline : TimerNode { Call* call = nullptr; } deadline;
  CallMemory memory;             // of its arguments, when it has any
  SourcePool sources;
};

/// Thread: the shard's.
class CallPool {
 public:
  Call& take() {
    if (free_.empty()) {
      calls_.push_back(std::make_unique<Call>());
      return *calls_.back();
    }
    Call& call = *free_.back();
    free_.pop_back();
    return call;
  }
  void give(Call& call) {
    if (call.has_arguments) {
      call.memory.clear();
      call.sources.clear();
    }
    call.state = Call::State::free;
    free_.push_back(&call);
  }
  template <typename Function>
  void for_each(Function function) {
    for (auto& call : calls_) function(*call);
  }
  std::size_t in_flight() const { return calls_.size() - free_.size(); }

 private:
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> free_;
};

}  // namespace squall
