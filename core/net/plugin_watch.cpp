#include "net/plugin_watch.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "net/environment.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr int kWatchesPerBlock = 64;

enum class Peer { kAllowed, kOffList, kConnecting, kNoSocket };

Peer check_peer(const Target& target, int fd) {
  if (const auto peer = Address::peer_of(fd))
    return target.table().is_allowed(target, *peer) ? Peer::kAllowed : Peer::kOffList;
  return errno == ENOTCONN ? Peer::kConnecting : Peer::kNoSocket;
}

}  // namespace

PluginWatch* PluginWatches::watch(const Target* peer, int fd, std::uint32_t events, Watch::Handler handler,
                                  void* context) {
  const Peer checked = peer ? check_peer(*peer, fd) : Peer::kAllowed;
  if (checked == Peer::kOffList || checked == Peer::kNoSocket) return nullptr;
  if (!free_) {
    blocks_.push_back(std::make_unique<PluginWatch[]>(kWatchesPerBlock));
    for (int i = 0; i < kWatchesPerBlock; ++i) {
      blocks_.back()[i].owner_ = this;
      blocks_.back()[i].next_free_ = free_;
      free_ = &blocks_.back()[i];
    }
  }
  PluginWatch* const made = free_;
  made->watch_ = reactor_.watch(fd, events, PluginWatch::on_ready, made);
  if (!made->watch_) return nullptr;
  free_ = made->next_free_;
  made->unverified_ = checked == Peer::kConnecting ? peer : nullptr;
  made->handler_ = handler;
  made->context_ = context;
  made->plugin_ = PluginTurn::now().plugin;
  return made;
}

void PluginWatch::on_ready(void* context, int fd, std::uint32_t events) noexcept {
  PluginWatch& self = *static_cast<PluginWatch*>(context);
  if (self.unverified_) {
    const Peer checked = check_peer(*self.unverified_, fd);
    if (checked == Peer::kOffList) {
      // The plugin's library would send now.  It finds a dead socket instead.
      ::shutdown(fd, SHUT_RDWR);
      events = SQ_FD_ERROR | (events & self.watch_->events());
    }
    if (checked != Peer::kConnecting) self.unverified_ = nullptr;
  }
  const PluginTurn turn(self.plugin_, "a descriptor's callback");
  self.handler_(self.context_, fd, events);   // may unwatch: nothing of it may follow
}

sq_status PluginWatch::modify(std::uint32_t events) {
  if (!watch_) return SQ_E_STATE;
  return owner_->reactor_.modify(*watch_, events) ? SQ_OK : SQ_E_IO;
}

void PluginWatch::unwatch() {
  if (!watch_) return;
  owner_->reactor_.unwatch(*watch_);
  watch_ = nullptr;
  next_free_ = owner_->free_;
  owner_->free_ = this;
}

void PluginWatches::give_up(Environment& environment) {
  for (const auto& block : blocks_) {
    for (int i = 0; i < kWatchesPerBlock; ++i) {
      if (!block[i].is_watched()) continue;
      const PluginTurn turn(block[i].plugin_, "shard_close");
      environment.plugin_fault("left a descriptor watched");
      block[i].unwatch();
    }
  }
}

}  // namespace squall
