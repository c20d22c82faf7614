// Whose code runs on this thread: the plugin that the host has called, and as what. It is set around every call from
// the host into a plugin, so that a broken rule, a crash or a thread that stands still can be told with both names.
// Costs four stores a call: the words stand in the thread's own memory.
#pragma once

namespace squall {

struct Plugin;

/// Not copied, not moved; ends before the turn around it does. Safe to read in a signal handler of the same thread.
class PluginTurn {
 public:
  struct Words {
    const Plugin* plugin;     // nullptr: not known, as in tests
    const char* function;     // "start", "a timer's callback" …; nullptr: no plugin has been called
  };

  PluginTurn(const Plugin* plugin, const char* function) noexcept : before_(now_) { now_ = {plugin, function}; }
  ~PluginTurn() { now_ = before_; }
  PluginTurn(const PluginTurn&) = delete;
  PluginTurn& operator=(const PluginTurn&) = delete;

  static const Words& now() noexcept { return now_; }

 private:
  static inline constinit thread_local Words now_{nullptr, nullptr};
  Words before_;
};

}  // namespace squall
