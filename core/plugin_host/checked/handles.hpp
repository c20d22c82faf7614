// Handles that are used once: numbers in the shape of pointers. What a plugin still holds of a thing that has ended is
// found out, however many like it have been made since; and nothing stands where such a handle points to.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "plugin_host/checked/rules.hpp"

namespace squall::checked {

/// No program has anything there.
inline std::uintptr_t next_handle() {
  constexpr std::uintptr_t kFirst = std::uintptr_t{1} << 55, kStep = 16;
  static std::atomic<std::uintptr_t> next{kFirst};
  return next.fetch_add(kStep, std::memory_order_relaxed);
}

/// [any]
template <typename Opaque, typename Thing>
class Handles {
 public:
  /// For what is told: "timer_set() on a timer that was freed" has the name "timer" and the end "that was freed".
  Handles(const char* name, const char* end) : name_(name), end_(end) {}

  Opaque* add(std::shared_ptr<Thing> thing) {
    auto* const handle = reinterpret_cast<Opaque*>(next_handle());
    const std::lock_guard lock(mutex_);
    things_.emplace(handle, Entry{std::move(thing), std::this_thread::get_id()});
    return handle;
  }

  /// nullptr, and told, when there is none, or none any more.
  std::shared_ptr<Thing> find(const Opaque* handle, const char* function) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = things_.find(handle);
      if (found != things_.end()) return found->second.thing;
    }
    tell(handle ? fmt::format("{}() on a {} {}", function, name_, end_) : fmt::format("{}() without a {}", function, name_));
    return nullptr;
  }

  /// By the thread that added it. On another nothing ends: what is asked for there is not done, and told as a fault.
  void end(const Opaque* handle) {
    const std::lock_guard lock(mutex_);
    const auto found = things_.find(handle);
    if (found != things_.end() && found->second.thread == std::this_thread::get_id()) things_.erase(found);
  }

 private:
  struct Entry {
    std::shared_ptr<Thing> thing;
    std::thread::id thread;
  };
  const char* const name_;
  const char* const end_;
  std::mutex mutex_;
  std::unordered_map<const Opaque*, Entry> things_;
};

}  // namespace squall::checked
