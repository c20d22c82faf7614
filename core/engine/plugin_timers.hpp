// Timers of plugins (sq_timer), of one loop. Their memory stays the loop's until it ends, so that one that is used
// after timer_free() is a fault and no broken heap; and what a plugin never frees is found when its shard closes.
#pragma once

#include <squall/abi.h>

#include <deque>

#include "net/environment.hpp"

namespace squall {
class PluginTimers;
struct Plugin;
}  // namespace squall

struct sq_timer : squall::TimerNode {
  squall::PluginTimers* owner = nullptr;
  const squall::Plugin* plugin = nullptr;   // who made it
  void (*callback)(void*) noexcept = nullptr;
  void* context = nullptr;
  sq_timer* next_free = nullptr;
  bool is_free = false;
};

namespace squall {

/// Thread: the loop's; a call from another is a fault and does nothing.
class PluginTimers {
 public:
  explicit PluginTimers(Environment& environment) : environment_(environment) {}
  PluginTimers(const PluginTimers&) = delete;
  PluginTimers& operator=(const PluginTimers&) = delete;

  /// nullptr: no memory, or a fault.
  sq_timer* make(void (*callback)(void*) noexcept, void* context) noexcept;
  static void set(sq_timer& timer, std::uint64_t at_ns) noexcept;   // 0: disarms
  static void free(sq_timer& timer) noexcept;
  /// All plugins have closed their shards: what is left is a fault each, and fires no more.
  void give_up() noexcept;

 private:
  bool may_be_used(sq_timer& timer, const char* function) noexcept;
  void put_back(sq_timer& timer) noexcept;

  Environment& environment_;
  std::deque<sq_timer> timers_;   // never moves them
  sq_timer* free_ = nullptr;
};

}  // namespace squall
