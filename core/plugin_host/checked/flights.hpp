// Calls between start() and release(): what their arguments are lent as, and what operation they are of. [any]
#pragma once

#include <squall/abi.h>
#include <squall/testing/lent_memory.hpp>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "plugin_host/plugin_turn.hpp"

namespace squall::checked {

class Flights {
 public:
  struct Flight {
    const Plugin* plugin = nullptr;   // whose call it is
    const sq_op* op = nullptr;
    lent::Memory args{"complete"};
  };

  /// One never ends in the eyes of its plugin when it answers no cancel; its call object is not used again then.
  Flight& begin(const sq_call* call, const sq_op* op) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Flight>& flight = flights_[call];
    if (!flight) flight = std::make_unique<Flight>();
    flight->args.close();
    flight->plugin = PluginTurn::now().plugin;
    flight->op = op;
    return *flight;
  }

  /// By its own plugin: what another says of a call has no effect on it.
  void completed(const sq_call* call) {
    if (Flight* flight = find(call); flight && flight->plugin == PluginTurn::now().plugin) flight->args.close();
  }

  const sq_op* operation(const sq_call* call) {
    const Flight* const flight = find(call);
    return flight ? flight->op : nullptr;
  }

  void end(const sq_call* call) {
    const std::lock_guard lock(mutex_);
    flights_.erase(call);
  }

 private:
  Flight* find(const sq_call* call) {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(call);
    return found == flights_.end() ? nullptr : found->second.get();
  }

  std::mutex mutex_;
  std::unordered_map<const sq_call*, std::unique_ptr<Flight>> flights_;
};

inline Flights& flights() {
  static auto& all = *new Flights;   // a thread that was given up may use it while the process ends
  return all;
}

}  // namespace squall::checked
