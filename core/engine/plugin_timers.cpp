#include "engine/plugin_timers.hpp"

#include <string>

#include "plugin_host/plugin_turn.hpp"

namespace squall {

sq_timer* PluginTimers::make(void (*callback)(void*) noexcept, void* context) noexcept {
  if (!environment_.is_own_thread("timer_new")) return nullptr;
  if (!callback) {
    environment_.plugin_fault("timer_new() without a function");
    return nullptr;
  }
  sq_timer* timer = free_;
  if (timer) {
    free_ = timer->next_free;
  } else {
    try {
      timer = &timers_.emplace_back();
    } catch (...) {
      return nullptr;
    }
    timer->owner = this;
    timer->fire = [](TimerNode& node) noexcept {
      auto& own = static_cast<sq_timer&>(node);
      const PluginTurn turn(own.plugin, "a timer's callback");
      own.callback(own.context);
    };
  }
  timer->is_free = false;
  timer->plugin = PluginTurn::now().plugin;
  timer->callback = callback;
  timer->context = context;
  return timer;
}

bool PluginTimers::may_be_used(sq_timer& timer, const char* function) noexcept {
  if (!environment_.is_own_thread(function, timer.plugin)) return false;
  if (!timer.is_free) [[likely]] return true;
  environment_.plugin_fault(std::string(function) + "() on a timer that was freed");
  return false;
}

void PluginTimers::set(sq_timer& timer, std::uint64_t at_ns) noexcept {
  if (!timer.owner->may_be_used(timer, "timer_set")) return;
  if (at_ns == 0) timer.owner->environment_.disarm(timer);
  else timer.owner->environment_.arm(timer, at_ns);
}

void PluginTimers::free(sq_timer& timer) noexcept {
  if (timer.owner->may_be_used(timer, "timer_free")) timer.owner->put_back(timer);
}

void PluginTimers::put_back(sq_timer& timer) noexcept {
  environment_.disarm(timer);
  timer.is_free = true;
  timer.next_free = free_;
  free_ = &timer;
}

void PluginTimers::give_up() noexcept {
  for (sq_timer& timer : timers_) {
    if (timer.is_free) continue;
    const PluginTurn turn(timer.plugin, "shard_close");
    environment_.plugin_fault("left a timer that was never freed");
    put_back(timer);
  }
}

}  // namespace squall
