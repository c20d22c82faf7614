// What the sockets of one shard need from the shard that owns them: a clock, timers, a way to call
// back "later, from the loop" (rule R6 of the ABI), and a way in from other threads.
// The engine implements it on its timer wheel and ready queue; the tests on a heap.  It is an
// interface because both exist.  It holds no state and decides nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace squall {

struct Plugin;

/// A timer embedded in its owner, so that arming one never allocates.
/// `fire` is set by the owner; the other members belong to the implementer while `armed`.
struct TimerNode {
  void (*fire)(TimerNode&) noexcept = nullptr;
  std::uint64_t at_ns = 0;
  bool armed = false;
  TimerNode* previous = nullptr;  // free for the implementer: list links …
  TimerNode* next = nullptr;
  std::uint64_t place = 0;        // … and a slot or heap index
  std::uint64_t order = 0;        // the turn among timers of the same time
};

/// One pending call from the loop, embedded in its owner.  `queued` is true from defer()/post()
/// until just before `run`, so an owner may be destroyed only while it is false.
struct Deferred {
  void (*run)(Deferred&) noexcept = nullptr;
  Deferred* next = nullptr;       // free for the implementer while queued
  bool queued = false;
  bool is_own = false;            // nobody holds it: a loop that closes runs it, dropped, so that it can go
  bool is_dropped = false;
};

class Environment {
 public:
  /// CLOCK_MONOTONIC, read now (not the time of the turn): phases are measured with it. [any]
  virtual std::uint64_t now_ns() const noexcept = 0;

  /// The same, and plugins see it as the recent reading: for events that do not come from the reactor.
  virtual std::uint64_t read_ns() noexcept { return now_ns(); }

  /// Runs node.fire from the loop at `at_ns` or as soon after it as it can.  Re-arms an armed one.
  virtual void arm(TimerNode& node, std::uint64_t at_ns) noexcept = 0;
  /// No call after it.  Nothing happens when it is not armed.
  virtual void disarm(TimerNode& node) noexcept = 0;

  /// Runs node.run from the loop after the current callback has returned, in the order of the
  /// calls, and before the loop sleeps.  REQUIRES: not queued.
  virtual void defer(Deferred& node) noexcept = 0;

  /// The same from any thread.  False once the shard has stopped: run will not be called.
  /// The environment outlives everybody who may post to it. [any]
  virtual bool post(Deferred& node) noexcept = 0;

  /// A plugin broke a rule of the ABI (consumed more than it was shown …). Who it was is asked of PluginTurn. [any]
  virtual void plugin_fault(std::string_view what) noexcept = 0;

  /// Whose loop this thread runs; nullptr: none, as on a plugin's own thread.
  static inline constinit thread_local Environment* running = nullptr;
  /// False, and a fault, when a function that is for the loop's thread alone is called on another. `whose`: the
  /// plugin whose object it is about, when that is known.
  bool is_own_thread(const char* function, const Plugin* whose = nullptr) noexcept {
    if (running == this) [[likely]] return true;
    tell_foreign_thread(function, whose);
    return false;
  }

 protected:
  ~Environment() = default;

 private:
  void tell_foreign_thread(const char* function, const Plugin* whose) noexcept;
};

}  // namespace squall
