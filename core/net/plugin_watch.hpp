// A plugin's interest in a descriptor of its own (sq_watch).  Over a plain Watch it adds the
// allow-list: a socket is watched with its target, and it may carry nothing before its far end is
// known to be an address of that target.
#pragma once

#include <memory>
#include <vector>

#include "net/handles.hpp"
#include "net/reactor.hpp"
#include "net/target.hpp"

namespace squall {

class Environment;
class PluginWatches;
struct Plugin;

class PluginWatch : public ::sq_watch {
 public:
  /// Of one that is watched no more: SQ_E_STATE; and unwatch() does nothing.
  sq_status modify(std::uint32_t events);
  void unwatch();
  bool is_watched() const { return watch_ != nullptr; }

 private:
  friend class PluginWatches;
  static void on_ready(void* context, int fd, std::uint32_t events) noexcept;

  PluginWatches* owner_ = nullptr;
  Watch* watch_ = nullptr;
  const Target* unverified_ = nullptr;   // still connecting when it was given to us
  Watch::Handler handler_ = nullptr;
  void* context_ = nullptr;
  const Plugin* plugin_ = nullptr;       // whose it is
  PluginWatch* next_free_ = nullptr;
};

/// All of one shard.
class PluginWatches {
 public:
  explicit PluginWatches(Reactor& reactor) : reactor_(reactor) {}

  /// `peer` null: no network descriptor.  Null result: the kernel refuses the descriptor, it is no
  /// socket although a peer is given, or it is connected to an address off the list.
  PluginWatch* watch(const Target* peer, int fd, std::uint32_t events, Watch::Handler handler, void* context);
  /// At the shard's end: what plugins still watch is a fault, and watched no more.
  void give_up(Environment& environment);

 private:
  friend class PluginWatch;
  Reactor& reactor_;
  std::vector<std::unique_ptr<PluginWatch[]>> blocks_;
  PluginWatch* free_ = nullptr;
};

}  // namespace squall
