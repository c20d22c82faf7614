// squall.stream/1, checked: what is shown is lent, and shown in pieces.
#include <squall/testing/lent_memory.hpp>

#include "plugin_host/checked/handles.hpp"
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/pieces.hpp"

namespace squall::checked {
namespace {

constexpr std::uint32_t kBuffersMax = 64;   // of one write

struct Stream {
  const sq_stream_events* events;
  void* context;
  Pieces pieces;
  sq_stream* handle = nullptr;      // what the plugin has of it
  sq_stream* real = nullptr;
  std::uint64_t kept = 0;           // bytes that it was shown and has left
  bool is_reading = true, is_closing = false;
};

Handles<sq_stream, Stream>& streams() {
  // A thread that was given up may use it while the process ends.
  static auto& all = *new Handles<sq_stream, Stream>("stream", "after its on_closed");
  return all;
}

// ---- from the host to the plugin ----

void on_open(void* context, sq_stream*, const sq_stream_info* info) noexcept {
  const auto& own = *static_cast<const Stream*>(context);
  if (!own.events->on_open) return;
  lent::Memory loan("on_open");
  sq_stream_info* const lent = loan.copy(info, 1);
  lent->alpn = loan.copy(info->alpn);
  lent->peer = loan.copy(info->peer);
  own.events->on_open(own.context, own.handle, lent);
}

/// The same bytes in the same order, and each call as a host may make it: what was left, with more appended.
std::uint64_t on_data(void* context, sq_stream*, const std::uint8_t* data, std::uint64_t length) noexcept {
  auto& own = *static_cast<Stream*>(context);
  std::uint64_t consumed = 0;
  own.pieces.begin();
  do {   // also with nothing new: the end, and what was left when reading goes on
    const std::uint64_t kept = std::min(own.kept, length);
    const std::uint64_t shown = kept + own.pieces.next(kept, length - consumed - kept);
    lent::Memory loan("on_data");
    const std::uint64_t taken = own.events->on_data(own.context, own.handle, loan.copy(data + consumed, shown), shown);
    if (taken > shown) return length + 1;   // which the host finds out
    consumed += taken;
    own.kept = shown - taken;
  } while (consumed + own.kept < length && own.is_reading && !own.is_closing);
  return consumed;
}

void on_written(void* context, sq_stream*, void* tag) noexcept {
  const auto& own = *static_cast<const Stream*>(context);
  if (own.events->on_written) own.events->on_written(own.context, own.handle, tag);
}

/// The handle is dead before the plugin hears of it.
void on_closed(void* context, sq_stream*, sq_status why, std::uint32_t kind, sq_str detail) noexcept {
  const auto own = streams().find(static_cast<Stream*>(context)->handle, "on_closed");
  streams().end(own->handle);
  lent::Memory loan("on_closed");
  own->events->on_closed(own->context, own->handle, why, kind, loan.copy(detail));
}

constexpr sq_stream_events kEvents{sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

// ---- from the plugin to the host ----

bool are_sound(const sq_stream_events* events) {
  return must(events, "stream.connect() without events") &&
         must(SQ_HAS(events, on_closed), "stream.connect(): the struct_size of its events is too small") &&
         must(events->flags == 0, "stream.connect(): events with flags") &&
         must(events->on_data && events->on_closed, "stream.connect(): events without on_data or on_closed");
}

bool are_sound(const sq_connect_opts& opts) {
  return must(SQ_HAS(&opts, alpn), "stream.connect(): the struct_size of its options is too small") &&
         must((opts.flags & ~std::uint32_t{SQ_S_NODELAY | SQ_S_DIRECT}) == 0, "stream.connect(): options with unknown flags") &&
         must(is_view(opts.alpn), "stream.connect(): an alpn of NULL with a length");
}

sq_status connect(sq_shard* shard, const sq_target* target, const sq_connect_opts* opts, const sq_stream_events* events,
                  void* context, sq_stream** out) noexcept {
  if (!must(shard, "stream.connect() without a shard") || !must(target, "stream.connect() without a target") ||
      !must(out, "stream.connect() without room for its stream") || !are_sound(events) || (opts && !are_sound(*opts))) {
    return SQ_E_INVALID;
  }
  static thread_local std::uint64_t count = 0;
  const std::uint64_t seed = (std::uint64_t{host.loop->index(shard)} << 32) + count++;
  const auto own = std::make_shared<Stream>(Stream{events, context, Pieces(seed)});
  own->handle = streams().add(own);
  const sq_status status = host.streams->connect(shard, target, opts, &kEvents, own.get(), &own->real);
  if (status == SQ_OK) *out = own->handle;
  else streams().end(own->handle);
  return status;
}

sq_status write(sq_stream* stream, const sq_buf* bufs, std::uint32_t n, void* tag) noexcept {
  const auto own = streams().find(stream, "stream.write");
  if (!own) return SQ_E_STATE;
  if (!must(n <= kBuffersMax, "stream.write() of more than 64 buffers") || !must(is_view(bufs, n), "stream.write(): NULL for its buffers")) {
    return SQ_E_INVALID;
  }
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!must(is_view(bufs[i].ptr, bufs[i].len), "stream.write(): a buffer of NULL with a length")) return SQ_E_INVALID;
  }
  return host.streams->write(own->real, bufs, n, tag);
}

void read_enable(sq_stream* stream, std::uint32_t on) noexcept {
  const auto own = streams().find(stream, "stream.read_enable");
  if (!own) return;
  own->is_reading = on != 0;
  host.streams->read_enable(own->real, on);
}

void shutdown(sq_stream* stream) noexcept {
  if (const auto own = streams().find(stream, "stream.shutdown")) host.streams->shutdown(own->real);
}

void close(sq_stream* stream) noexcept {
  const auto own = streams().find(stream, "stream.close");
  if (!own) return;
  own->is_closing = true;
  host.streams->close(own->real);
}

sq_status send_file(sq_stream* stream, int fd, std::uint64_t offset, std::uint64_t len, void* tag) noexcept {
  const auto own = streams().find(stream, "stream.send_file");
  if (!own) return SQ_E_STATE;
  if (!must(fd >= 0, "stream.send_file() without a descriptor") ||
      !must(offset <= INT64_MAX && len <= INT64_MAX - offset, "stream.send_file() beyond what a file can have")) {
    return SQ_E_INVALID;
  }
  return host.streams->send_file(own->real, fd, offset, len, tag);
}

void pace(sq_stream* stream, std::uint64_t bytes_per_s) noexcept {
  if (const auto own = streams().find(stream, "stream.pace")) host.streams->pace(own->real, bytes_per_s);
}

sq_status flush(sq_stream* stream, void* tag) noexcept {
  const auto own = streams().find(stream, "stream.flush");
  return own ? host.streams->flush(own->real, tag) : SQ_E_STATE;
}

}  // namespace

constinit const sq_stream_api kStreams{sizeof(sq_stream_api), 0, connect, write, read_enable, shutdown, close, send_file, pace, flush};

}  // namespace squall::checked
