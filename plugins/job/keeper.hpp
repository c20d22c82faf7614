// The thread that starts a run's programs, ends them and sees them off. None of that is for a
// shard's thread: fork and exec take half a millisecond, a signal to a group of thousands and the
// reaping of them as long, and what escaped is looked for in /proc.
//
//   a program | what runs                          | goes on by
//   ----------+------------------------------------+----------------------------------------------
//   waiting   | nothing yet                        | its turn; or stop(), and it never starts
//   running   | the leader, perhaps asked to stop  | its exit (pidfd); SIGKILL when grace is over
//   settling  | nothing that may: the rest is dead | no member of the group, no marked child left
//
// Who is killed, and why that is safe. The leader stays unreaped until its group has got SIGKILL,
// so the number cannot have become somebody else's. What left the group (setsid, double fork)
// carries the run's mark (launch.hpp) and, since this process is a child subreaper, becomes its
// child when its parent dies; marked children are killed until a look finds none. Those that die
// while their job goes on are reaped ten times a second, so that a job which leaves orphans cannot
// fill the table of processes with zombies.
#pragma once
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "launch.hpp"
#include "program.hpp"

namespace squall::job {

/// One program to run, and how it ended. The shard fills in the order and hands it to a keeper;
/// until `on_ended` it is the keeper's and must stay where it is.
struct Errand {
  // The order.
  const Program* program = nullptr;
  std::vector<std::string> argv, environment;
  std::string_view input;  // standard input, if there is one
  bool has_input = false;
  Descriptor output;  // becomes 1 and 2 of the program; the keeper closes it
  uint64_t grace_ns = 0;
  sq_shard* shard = nullptr;
  void (*on_ended)(void* owner) SQ_NOEXCEPT = nullptr;  // [shard], once, when nothing is left of it
  void* owner = nullptr;

  // The result.
  std::string failure;  // why there is no exit code: it could not start, or does not go; else empty
  int error = 0;        // errno of that, or 0
  bool is_withdrawn = false;  // the failure is that it was stopped before its turn came
  int exit_code = -1, signal = 0;
  uint64_t launched_ns = 0, ended_ns = 0;  // the shard's clock; launched 0: it never ran

 private:
  friend class Keeper;
  uint64_t mark_ = 0;  // 0: not running
  sq_post post_{};
};

class Keeper {
 public:
  /// Starts the thread. Throws Refusal when the kernel lacks what it needs.
  Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  /// Kills what runs, waits for its end, at most some seconds, and joins the thread. Nobody is
  /// told.
  ~Keeper();

  /// `on_ended` follows, whatever happens; until then the errand is not the caller's. [any]
  void start(Errand& errand) { send({&errand, What::kStart}); }
  /// SIGTERM to the group now, SIGKILL after the grace time; a program that waits for its turn is
  /// not started. Between start() and on_ended. [any]
  void stop(Errand& errand) { send({&errand, What::kStop}); }
  /// The same with SIGKILL now. Between start() and on_ended. [any]
  void kill(Errand& errand) { send({&errand, What::kKill}); }

 private:
  enum class What { kStart, kStop, kKill };
  struct Message {
    Errand* errand;
    What what;
  };
  struct Child {
    Errand* errand;  // nullptr: given up, nobody asks for its end any more
    pid_t group;
    uint64_t mark;
    Descriptor exit_fd;
    bool is_killed = false, is_settling = false;
    bool is_gone = false;  // as far as the look that goes on has seen
    uint64_t give_up_at_ns = 0;
    int exit_code = -1, signal = 0;
  };

  void send(Message message);
  void wake();

  // All of the following: the keeper's thread.
  void work();
  void wait_for_events();
  void take_messages();
  void stop_child(Errand& errand, bool at_once);
  void launch_next();
  void launch_program(Errand& errand);
  void leader_exited(Child& child);
  void do_what_is_due();
  void kill_group(Child& child);
  void look_for_the_rest();
  void read_orphans();
  void kill_all();
  void answer(Errand& errand);
  void fail(Errand& errand, std::string failure, int error);

  Descriptor null_, orphans_, events_, wake_;
  std::atomic<bool> is_ending_{false};
  std::mutex mutex_;
  std::vector<Message>
      inbox_;  // under the mutex, which nobody holds for longer than a push or a swap

  std::vector<Message> messages_;
  std::deque<Errand*> waiting_;
  std::unordered_map<uint64_t, Child> children_;  // by mark; an element stays where it is
  std::vector<Child*> settling_;
  std::multimap<uint64_t, uint64_t>
      due_;  // time -> mark of whom to kill or to give up; some are gone by then
  uint64_t look_at_ns_ = 0, pause_ns_ = 0;
  std::string list_;
  std::vector<pid_t> pids_;  // of the last list
  std::thread thread_;
};

/// "ENOENT (No such file or directory)".
std::string error_words(int error);
/// The same descriptor with a number above 2, where dup2() in a child cannot meet it.
Descriptor above_standard(Descriptor fd);

}  // namespace squall::job
