// squall.datagram/1, checked: packets are lent, and a socket that was closed is used no more.
#include <squall/testing/lent_memory.hpp>

#include "plugin_host/checked/handles.hpp"
#include "plugin_host/checked/host_tables.hpp"

namespace squall::checked {
namespace {

struct Socket {
  const sq_dgram_events* events;
  void* context;
  sq_dgram* handle = nullptr;   // what the plugin has of it
  sq_dgram* real = nullptr;
};

Handles<sq_dgram, Socket>& sockets() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_dgram, Socket>("socket", "that was closed");
  return all;
}

// The plugin may close the socket in these, and then there is no Socket any more.

void on_receive(void* context, sq_dgram*, const sq_buf* packets, std::uint32_t n) noexcept {
  const auto& own = *static_cast<const Socket*>(context);
  lent::Memory loan("on_receive");
  sq_buf* const lent = loan.copy(packets, n);
  for (std::uint32_t i = 0; i < n; ++i) lent[i].ptr = loan.copy(static_cast<const char*>(packets[i].ptr), packets[i].len);
  own.events->on_receive(own.context, own.handle, lent, n);
}

void on_error(void* context, sq_dgram*, std::int32_t sys_errno) noexcept {
  const auto& own = *static_cast<const Socket*>(context);
  if (own.events->on_error) own.events->on_error(own.context, own.handle, sys_errno);
}

void on_open(void* context, sq_dgram*) noexcept {
  const auto& own = *static_cast<const Socket*>(context);
  if (own.events->on_open) own.events->on_open(own.context, own.handle);
}

constexpr sq_dgram_events kEvents{sizeof(sq_dgram_events), 0, on_open, on_receive, on_error};

bool are_sound(const sq_dgram_events* events) {
  return must(events, "datagram.open() without events") &&
         must(SQ_HAS(events, on_error), "datagram.open(): the struct_size of its events is too small") &&
         must(events->flags == 0, "datagram.open(): events with flags") &&
         must(events->on_receive, "datagram.open(): events without on_receive");
}

sq_status open(sq_shard* shard, const sq_target* target, std::uint64_t session, const sq_dgram_events* events, void* context,
               sq_dgram** out) noexcept {
  if (!must(shard, "datagram.open() without a shard") || !must(target, "datagram.open() without a target") ||
      !must(out, "datagram.open() without room for its socket") || !are_sound(events)) {
    return SQ_E_INVALID;
  }
  const auto own = std::make_shared<Socket>(Socket{events, context});
  own->handle = sockets().add(own);
  const sq_status status = host.datagrams->open(shard, target, session, &kEvents, own.get(), &own->real);
  if (status == SQ_OK) *out = own->handle;
  else sockets().end(own->handle);
  return status;
}

std::int32_t send(sq_dgram* socket, const sq_buf* packets, std::uint32_t n) noexcept {
  const auto own = sockets().find(socket, "datagram.send");
  if (!own) return SQ_E_STATE;
  if (!must(is_view(packets, n), "datagram.send(): NULL for its packets")) return SQ_E_INVALID;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!must(is_view(packets[i].ptr, packets[i].len), "datagram.send(): a packet of NULL with a length")) return SQ_E_INVALID;
  }
  return host.datagrams->send(own->real, packets, n);
}

void close(sq_dgram* socket) noexcept {
  const auto own = sockets().find(socket, "datagram.close");
  if (!own) return;
  host.datagrams->close(own->real);
  sockets().end(socket);
}

}  // namespace

constinit const sq_dgram_api kDatagrams{sizeof(sq_dgram_api), 0, open, send, close};

}  // namespace squall::checked
