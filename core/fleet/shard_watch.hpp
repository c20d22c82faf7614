// Watches the threads of one process's shards, and says who holds up one that stands still: a plugin that
// blocks or computes makes every user of its shard late. Killing a thread is never tried.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/loop.hpp"
#include "engine/plan.hpp"
#include "fleet/turn_watch.hpp"

namespace squall {

class ShardWatch {
 public:
  static constexpr std::uint64_t kLookNs = 100'000'000;      // between two looks
  static constexpr std::uint64_t kStallNs = 100'000'000;     // it is told
  static constexpr std::uint64_t kFaultNs = 1'000'000'000;   // by a plugin: the run is invalid
  static constexpr std::uint64_t kHopelessNs = 30'000'000'000;   // results are written, and the process ends

  enum class Stage : std::uint8_t { moves, stall, fault, hopeless };
  /// A stage that a stall has come to.
  struct Finding {
    std::uint32_t shard = 0;
    Stage stage = Stage::moves;
    std::uint64_t lasted_ns = 0;
    bool is_plugin = false;   // else the thread has no CPU, or is in squall itself
    std::string where;        // "plugin 'http' (libhttp.so+0x2884f)"
  };

  explicit ShardWatch(const Plan& plan);

  /// In the order of shards. `thread_id` is 0 until the thread runs; all three outlive the last look().
  void add(const Loop& loop, pthread_t thread, const std::atomic<pid_t>& thread_id);
  /// Every kLookNs. Each stage of a stall once. Thread: control.
  std::vector<Finding> look(std::uint64_t now_ns);
  /// Whether a shard stood still so long at the last look.
  bool is_any_at(Stage stage) const;

 private:
  struct Watched {
    const Loop* loop;
    pthread_t thread;
    const std::atomic<pid_t>* thread_id;
    TurnWatch turns;
    std::uint64_t cpu_ns = 0;   // of the thread, when its turn was first seen
    Stage told = Stage::moves;
  };
  struct PluginPlace {
    std::string name;
    const void* base;   // of its library in memory
  };

  void locate(const Watched& shard, Finding& finding) const;

  std::vector<PluginPlace> plugins_;
  std::vector<Watched> shards_;
};

}  // namespace squall
