// One job from start to the moment when the process and its whole group are gone.
//
//   state      | what runs                         | leaves by
//   -----------+-----------------------------------+------------------------------------------------
//   kIdle      | nothing; in the shard's pool       | start()
//   kRunning   | the leader, perhaps asked to stop  | the leader exits (pidfd), or grace is over:
//   SIGKILL kSettling  | nothing that may: the rest is dead | no member of the group, no marked
//   child is left kDone      | the result waits                   | release()
//
// Who is killed, and why that is safe.  The leader stays unreaped until its group has got SIGKILL,
// so the number cannot have become somebody else's.  What left the group (setsid, double fork)
// carries the run's mark (launch.hpp) and, since this process is a child subreaper, becomes our
// child when its parent dies; marked children are killed until a look finds none.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <squall/plugin.hpp>
#include <string>
#include <vector>

#include "launch.hpp"
#include "program.hpp"

namespace squall::job {

/// What a shard's runs share: descriptors and a buffer, opened once.
struct Workspace {
  explicit Workspace(sq_shard* shard);
  sq_shard* shard;
  Descriptor null;      // /dev/null, standard input of a job that is given none
  Descriptor children;  // /proc: the main thread's children, where orphans arrive
  std::vector<char> buffer;
};

struct Limits {
  uint64_t grace_ns;
  uint64_t output_bytes;
};

class Run {
 public:
  Run(Workspace& workspace, void (*idle)(void*, Run*), void* owner);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();

  struct Order {
    const Program* program;
    std::vector<std::string> argv, environment;
    std::string_view input;
    bool has_input, keep_output;
    Limits limits;
  };
  /// complete() follows, at once when nothing could be started.
  void start(const Order& order, sq_call* call);
  /// SIGTERM to the group now, SIGKILL after the grace time.  Idempotent.
  void cancel();
  /// The result is no longer needed; idle() follows when no process is left either.
  void release();
  /// Refuses before anything ran.
  void refuse(sq_call* call, uint32_t kind, int32_t code, std::string detail);

  int32_t exit_code() const { return exit_code_; }
  int32_t signal() const { return signal_; }
  bool is_truncated() const { return output_seen_ > limit_; }
  std::string_view output() const { return output_; }

 private:
  enum class State { kIdle, kRunning, kSettling, kDone };

  static void on_exit(void* self, int fd, uint32_t events) noexcept;
  static void on_output(void* self, int fd, uint32_t events) noexcept;
  static void on_timer(void* self) noexcept;
  void read_output(int most_reads);
  void leader_exited();
  void settle();
  bool reap_group();
  bool kill_marked_children();
  void close_descriptors();
  void finish();
  void give_up();
  void report(uint32_t kind, int32_t code, std::string detail);
  uint64_t now() const { return plugin::host.loop->now_ns(workspace_.shard); }

  Workspace& workspace_;
  void (*idle_)(void*, Run*);
  void* owner_;
  plugin::Timer timer_;

  State state_ = State::kIdle;
  sq_call* call_ = nullptr;  // until complete()
  bool is_released_ = false, is_cancelled_ = false, is_timeout_ = false, keep_output_ = false;
  pid_t group_ = -1;
  uint64_t mark_ = 0, grace_ns_ = 0, limit_ = 0, output_seen_ = 0;
  uint64_t kill_at_ns_ = 0, give_up_at_ns_ = 0, pause_ns_ = 0;
  Descriptor exit_fd_, output_fd_;
  plugin::Watch exit_watch_, output_watch_;
  plugin::PhaseClock phases_;
  int32_t exit_code_ = -1, signal_ = 0;
  std::string output_, detail_;
};

}  // namespace squall::job
