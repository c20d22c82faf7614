// The shard's event loop: one level-triggered epoll whose sleep ends on a nanosecond deadline, so
// that pacing needs no timer file descriptor and no second system call (docs/decisions.md has the
// figures).  Watches are objects, not descriptors: a library may close fd 7 and open another fd 7
// inside a callback, watch one fd twice, or unwatch anything at any time.
// It knows no timers, posts or sockets: the shard runs those between two calls of wait().
//
//   while (!stopped) { run posts; run due timers; run deferred;  reactor.wait(until_next_timer); }
//
// The kernel is asked for thousands of events at once, and they are handled some hundred a turn: the
// shard's timers come between, and how long an event has waited is known without guessing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <squall/abi.h>

struct epoll_event;

namespace squall {

inline constexpr std::uint64_t kForever = UINT64_MAX;

/// One interest in one descriptor.  Owned by the reactor, dead after unwatch().
class Watch {
 public:
  using Handler = void (*)(void* context, int fd, std::uint32_t events) noexcept;
  /// Takes from the kernel now what the handler, which runs soon after, will want. False: nothing was taken.
  using Ahead = bool (*)(void* context) noexcept;
  void set_ahead(Ahead ahead) { ahead_ = ahead; }
  int fd() const { return fd_; }
  std::uint32_t events() const { return events_; }

 private:
  friend class Reactor;
  Handler handler_ = nullptr;
  Ahead ahead_ = nullptr;
  void* context_ = nullptr;
  Watch* next_ = nullptr;          // in the list of its fd, or in the free list
  Watch* next_retired_ = nullptr;
  int fd_ = -1;
  std::uint32_t events_ = 0;       // SQ_FD_READ | SQ_FD_WRITE
  std::uint32_t registration_ = 0; // which life of the fd it belongs to
  bool alive_ = false;
};

/// The times of the last look at the kernel: what the loop-turn figure is made of.  Something that
/// became ready while the loop was busy did so between `previous_return_ns` and `enter_ns`; if the
/// call slept, it was at `return_ns`.
struct Turn {
  std::uint64_t number = 0;        // of the wait(); several may handle the events of one look
  std::uint64_t previous_return_ns = 0, enter_ns = 0, return_ns = 0;
  bool slept = false;              // nothing was ready when the call began
};

class Reactor {
 public:
  Reactor();                       // throws std::system_error: out of descriptors, no epoll
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Once, on the thread that will run the loop: timer slack of 1 ns (else the kernel adds 50 µs
  /// to every sleep) and SIGPIPE blocked (sendfile has no flag for it).
  static void prepare_thread();

  /// Runs the handlers of what is ready, a few hundred at most, after sleeping for at most
  /// `timeout_ns` (0: only looks) when nothing is left of the last look.
  /// `now_ns`: the clock as the caller has just read it; 0: it is read here.
  /// Returns how many handlers ran.
  unsigned wait(std::uint64_t timeout_ns, std::uint64_t now_ns = 0);

  /// Ends the current sleep, or the next one if there is none. One write per sleep however many
  /// call it; none while the loop is awake. [any]
  void wake() noexcept;
  /// [any]
  bool is_asleep() const { return state_.load(std::memory_order_relaxed) == kAsleep; }

  /// `events` may be 0 (nothing is reported, not even errors, until modify).  Null with errno set
  /// when the kernel refuses the descriptor (EBADF; EPERM for a plain file).
  Watch* watch(int fd, std::uint32_t events, Watch::Handler handler, void* context);
  /// False with errno when the kernel refuses.
  bool modify(Watch& watch, std::uint32_t events);
  /// No callback after it, even if the event has been fetched already.
  void unwatch(Watch& watch);

  const Turn& turn() const { return turn_; }

  /// Called outside of any handler. Events are handled in groups: those that follow each other and take ahead
  /// are one of a few, any other is one by itself.
  struct Hooks {
    void* context = nullptr;
    /// Before a group is taken: what the last one deferred may run here, while all that it touched is in the cache.
    void (*between)(void* context) noexcept = nullptr;
    /// A group of `count` is there, its handlers come next: the clock may be read for all of them.
    void (*taken)(void* context, const Turn&, unsigned count) noexcept = nullptr;
  };
  void set_hooks(const Hooks& hooks) { hooks_ = hooks; }

  std::size_t watches() const { return live_watches_; }

 private:
  // All watches of one descriptor number share one kernel registration.
  struct Slot {
    Watch* first = nullptr;
    std::uint32_t registration = 0; // changes when the kernel's registration is made anew
    std::uint32_t mask = 0;         // what the kernel was told; 0: not registered
    std::uint64_t changed_look = 0; // when `registration` was given
  };
  int sleep(std::uint64_t timeout_ns);
  int poll(std::uint64_t timeout_ns);
  void look(std::uint64_t timeout_ns, std::uint64_t now_ns);
  void fetch_ahead(int event) const;
  const Watch* sole_reader(const epoll_event& event) const;
  int take_ahead(int end);
  unsigned dispatch(int fd, std::uint32_t registration, std::uint32_t kernel_events);
  bool register_anew(int fd, std::uint32_t mask);
  bool apply(int fd);
  void orphan_all(Slot& slot);
  void rebuild();
  Watch* take_watch();

  enum State : std::uint32_t { kAwake, kAsleep, kNotified };

  int epoll_ = -1;
  int wake_fd_ = -1;
  bool has_pwait2_ = true;
  bool rebuild_wanted_ = false;
  std::atomic<std::uint32_t> state_{kAwake};
  Turn turn_;
  Hooks hooks_;
  std::vector<Slot> slots_;         // by fd
  std::vector<std::unique_ptr<Watch[]>> blocks_;
  Watch* free_ = nullptr;
  Watch* retired_ = nullptr;        // not reused before the turn is over
  std::size_t live_watches_ = 0;
  std::uint32_t next_registration_ = 1;
  std::unique_ptr<epoll_event[]> ready_;   // of the last look: [ready_next_, ready_end_) are left
  int ready_next_ = 0, ready_end_ = 0;
  std::uint64_t look_ = 0;
};

}  // namespace squall
