// The event loop of one shard: clock, timers, ready queue, posts from other threads, and the reactor
// that sleeps on its sockets. In virtual time it has no reactor: the clock jumps to the next timer, so
// that the whole engine runs in tests without a socket, a sleep, or a tolerance.
//
// One turn: posts, timers that are due, ready calls until there are none; then sleep. What a group
// of events made ready runs before the next group is taken up.
#pragma once

#include <squall/abi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/plugin_timers.hpp"
#include "engine/timer_wheel.hpp"
#include "net/environment.hpp"
#include "net/reactor.hpp"

namespace squall {

/// CLOCK_MONOTONIC, now. The only place besides the reactor where the engine reads it.
std::uint64_t monotonic_ns() noexcept;

class Loop final : public Environment {
 public:
  enum class Time : std::uint8_t { real, virtual_time };

  Loop(Time time, std::uint64_t start_ns);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Environment
  std::uint64_t now_ns() const noexcept override;
  std::uint64_t read_ns() noexcept override { return recent_ns_ = now_ns(); }
  void arm(TimerNode& node, std::uint64_t at_ns) noexcept override { wheel_.arm(node, at_ns); }
  void disarm(TimerNode& node) noexcept override { wheel_.disarm(node); }
  void defer(Deferred& node) noexcept override;
  bool post(Deferred& node) noexcept override;
  void plugin_fault(std::string_view what) noexcept override;

  /// The time of this turn's reading: decisions of one turn cannot disagree about "now".
  std::uint64_t turn_ns() const { return turn_ns_; }
  /// The last reading of any: an event's, once its handler runs, or a later one by read_ns().
  std::uint64_t recent_ns() const { return recent_ns_; }

  /// A plugin's post: no lock, no allocation. SQ_E_CLOSED after close(). [any]
  sq_status post(sq_post& node) noexcept;
  /// Control messages of the run (rare, may allocate). False after close(). [any]
  bool post(std::function<void()> message);

  /// From now on this thread is the loop's, and what it does first can be watched like a turn.
  void enter() noexcept;
  /// One turn in real time; sleeps until the next timer at most.
  void turn();
  /// The turn that the loop is in, from 1; 0: it sleeps, or will not turn again. [any]
  std::uint64_t busy_turn() const;
  /// Virtual time: runs everything that is due at `now_ns`, which becomes the loop's time.
  void advance_to(std::uint64_t now_ns);
  /// When there is something to do next: now with posts or ready calls, else at the next timer.
  std::uint64_t next_event_ns();
  /// Turns until stop() was called (from any thread).
  void run();
  void stop();

  /// No post is accepted from now on; those that wait are dropped. [shard]
  void close();

  /// Timers may fire this late, so that several share one wake; 0: as exactly as the kernel allows.
  void set_slack(std::uint64_t slack_ns) { slack_ns_ = slack_ns; }
  /// The loop looks instead of sleeping when a timer is due within `ns`: a sleep ends later than asked.
  void set_busy_poll(std::uint64_t ns) { busy_poll_ns_ = ns; }
  /// The time in which it looked and found nothing: no work, though the thread had a CPU for it. [shard]
  std::uint64_t looked_ns() const { return looked_ns_; }

  /// The time of each of `events` between being ready and being taken up, by the turn's own figures.
  using WaitObserver = void (*)(void* context, std::uint64_t waited_ns, unsigned events) noexcept;
  void observe_waits(WaitObserver observer, void* context) { wait_observer_ = observer; wait_context_ = context; }

  Reactor* reactor() { return reactor_.get(); }  // nullptr in virtual time
  PluginTimers& plugin_timers() { return plugin_timers_; }

  /// Rules that plugins broke: each text once. [shard]
  struct Fault {
    std::string text;
    std::uint64_t count = 0;
  };
  const std::vector<Fault>& faults() const { return faults_; }
  std::uint64_t fault_count() const { return fault_count_; }

 private:
  void add_fault(std::string text) noexcept;
  void taken(const Turn& turn, unsigned events);
  void drain_posts();
  void drain_ready();
  bool waits_for_more(std::uint64_t first_ns) const;
  void sleep_until(std::uint64_t at_ns);

  TimerWheel wheel_;
  std::unique_ptr<Reactor> reactor_;
  std::uint64_t turn_ns_;
  std::uint64_t recent_ns_;
  WaitObserver wait_observer_ = nullptr;
  void* wait_context_ = nullptr;
  std::atomic<std::uint64_t> turns_{0};   // written by the shard alone
  std::uint64_t slack_ns_ = 0;
  std::uint64_t busy_poll_ns_ = 0;
  std::uint64_t looks_since_ns_ = 0;   // the last look, when it found nothing; else 0
  std::uint64_t looked_ns_ = 0;
  std::uint64_t oversleep_ns_ = 0;   // how late the kernel wakes us, lately
  Deferred* ready_first_ = nullptr;
  Deferred* ready_last_ = nullptr;

  // From any thread. Three stacks, pushed without a lock and turned around when drained.
  std::atomic<Deferred*> posted_{nullptr};
  std::atomic<sq_post*> plugin_posts_{nullptr};
  std::mutex message_mutex_;
  std::vector<std::function<void()>> messages_;
  std::atomic<bool> has_messages_{false};
  std::atomic<bool> closed_{false};
  std::atomic<bool> stopping_{false};

  PluginTimers plugin_timers_{*this};
  std::vector<Fault> faults_;
  std::uint64_t fault_count_ = 0;
};

}  // namespace squall
