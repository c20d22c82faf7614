// squall.fdwatch/1, checked: known events, and a watch that has ended is used no more.
#include "plugin_host/checked/handles.hpp"
#include "plugin_host/checked/host_tables.hpp"

namespace squall::checked {
namespace {

constexpr std::uint32_t kKnown = SQ_FD_READ | SQ_FD_WRITE | SQ_FD_ERROR;

struct Watched {
  sq_watch* real;
};
Handles<sq_watch, Watched>& watches() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_watch, Watched>("watch", "that has ended");
  return all;
}

sq_watch* watch(sq_shard* shard, const sq_target* peer, int fd, std::uint32_t events, void (*fn)(void*, int, std::uint32_t) noexcept,
                void* context) noexcept {
  if (!must(shard, "fdwatch.watch() without a shard") || !must(fn, "fdwatch.watch() without a function") ||
      !must(fd >= 0, "fdwatch.watch() without a descriptor") || !must((events & ~kKnown) == 0, "fdwatch.watch() for unknown events")) {
    return nullptr;
  }
  sq_watch* const real = host.watches->watch(shard, peer, fd, events, fn, context);
  return real ? watches().add(std::make_shared<Watched>(real)) : nullptr;
}

sq_status modify(sq_watch* watch, std::uint32_t events) noexcept {
  const auto own = watches().find(watch, "fdwatch.modify");
  if (!own || !must((events & ~kKnown) == 0, "fdwatch.modify() to unknown events")) return SQ_E_INVALID;
  return host.watches->modify(own->real, events);
}

void unwatch(sq_watch* watch) noexcept {
  const auto own = watches().find(watch, "fdwatch.unwatch");
  if (!own) return;
  host.watches->unwatch(own->real);
  watches().end(watch);
}

}  // namespace

constinit const sq_fdwatch_api kWatches{sizeof(sq_fdwatch_api), 0, watch, modify, unwatch};

}  // namespace squall::checked
