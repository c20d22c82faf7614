// One call of job.run on its shard: hands its program to the keeper, reads what it writes, and
// completes when the keeper says that nothing of it is left. Processes are the keeper's.
#pragma once
#include <cstdint>
#include <squall/plugin.hpp>
#include <string>
#include <vector>

#include "keeper.hpp"
#include "launch.hpp"
#include "program.hpp"

namespace squall::job {

/// What a shard's runs share.
struct Workspace {
  Workspace(Keeper& keeper, sq_shard* shard);
  Keeper& keeper;
  sq_shard* shard;
  Descriptor null;  // /dev/null, where output goes that nobody keeps
  std::vector<char> buffer;
};

class Run {
 public:
  Run(Workspace& workspace, void (*idle)(void*, Run*), void* owner);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  struct Order {
    const Program* program;
    std::vector<std::string> argv, environment;
    std::string_view input;  // until complete()
    bool has_input, keep_output;
    uint64_t grace_ns, output_bytes;
  };
  /// complete() follows, at once when nothing could be started.
  void start(Order order, sq_call* call);
  /// SIGTERM to the group now, SIGKILL after the grace time.  Idempotent.
  void cancel();
  /// The result is no longer needed: idle() follows, at once unless the shard ends before the
  /// program.
  void release();
  /// The shard ends; nobody waits for the call any more, but the keeper still has it.
  void abandon();
  /// Refuses before anything ran.
  void refuse(sq_call* call, uint32_t kind, int32_t code, std::string detail);

  bool is_running() const { return is_running_; }
  int32_t exit_code() const { return exit_code_; }
  int32_t signal() const { return errand_.signal; }
  bool is_truncated() const { return output_seen_ > limit_; }
  std::string_view output() const { return output_; }

 private:
  static void on_output(void* self, int fd, uint32_t events) noexcept;
  static void on_ended(void* self) noexcept;
  void begin(sq_call* call, uint64_t output_bytes);
  void read_output(int most_reads);
  int64_t take_output();
  void stop_reading();
  void finish();
  void report(uint32_t kind, int32_t code, std::string detail);
  uint64_t now() const { return plugin::host.loop->now_ns(workspace_.shard); }

  Workspace& workspace_;
  void (*idle_)(void*, Run*);
  void* owner_;
  Errand errand_;  // the keeper's while is_running_

  sq_call* call_ = nullptr;  // until complete()
  bool is_running_ = false, is_cancelled_ = false, is_timeout_ = false, keep_output_ = false;
  uint64_t limit_ = 0, output_seen_ = 0;
  Descriptor output_fd_;
  plugin::Watch output_watch_;
  int32_t exit_code_ = -1;
  std::string output_, detail_;
};

}  // namespace squall::job
