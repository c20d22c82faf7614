#include "net/net_api.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "net/address_lookup.hpp"
#include "net/datagram.hpp"
#include "net/handles.hpp"
#include "net/shard_parts.hpp"
#include "net/stream.hpp"
#include "net/target.hpp"

namespace squall {
namespace {

static_assert(sizeof(sq_buf) == sizeof(iovec) && offsetof(sq_buf, len) == offsetof(iovec, iov_len));

std::string_view view(sq_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }
const Target& target_of(const sq_target* target) { return static_cast<const Target&>(*target); }
Stream& stream_of(sq_stream* stream) { return static_cast<Stream&>(*stream); }

/// Targets come from the plugin: one of another table (a second run) has no place in the counters.
/// False, and a fault, on any thread but the shard's.
bool is_own_thread(sq_shard* shard, const char* function) { return shard->net->environment().is_own_thread(function); }

bool is_listed(const ShardNet& net, const Target& target) { return &target.table() == &net.targets(); }

// ---- squall.stream/1 ----------------------------------------------------------------------------

sq_status stream_connect(sq_shard* shard, const sq_target* target, const sq_connect_opts* opts,
                         const sq_stream_events* events, void* ctx, sq_stream** out) noexcept {
  if (!shard || !shard->net || !target || !events || !SQ_HAS(events, on_closed) || events->flags || !events->on_data || !events->on_closed || !out)
    return SQ_E_INVALID;
  // The plugin's structs: all of 1.0, read no further (R3), and no flag that has no meaning yet (R8).
  if (opts && (!SQ_HAS(opts, alpn) || (opts->flags & ~std::uint32_t{SQ_S_NODELAY | SQ_S_DIRECT}))) return SQ_E_INVALID;
  if (!is_own_thread(shard, "stream.connect")) return SQ_E_STATE;
  const Target& to = target_of(target);
  if (!is_listed(*shard->net, to) || to.url().is_datagram()) return SQ_E_INVALID;
  Stream::ConnectOptions options;
  if (opts) {
    options.timeout_ns = opts->connect_timeout_ns;
    options.session = opts->session;
    options.alpn = view(opts->alpn);
    options.no_delay = opts->flags & SQ_S_NODELAY;
    options.is_direct = opts->flags & SQ_S_DIRECT;
  }
  Stream& stream = shard->net->parts().take_stream();
  *out = &stream;
  stream.connect(to, options, events, ctx);
  return SQ_OK;
}

sq_status stream_write(sq_stream* stream, const sq_buf* bufs, std::uint32_t n, void* tag) noexcept {
  if (!stream || n > kWriteBuffersMax || (n != 0 && !bufs)) return SQ_E_INVALID;
  if (!stream_of(stream).may_be_used("stream.write")) return SQ_E_STATE;
  iovec buffers[kWriteBuffersMax];
  if (n != 0) std::memcpy(static_cast<void*>(buffers), bufs, n * sizeof(iovec));
  return stream_of(stream).write({buffers, n}, tag);
}

void stream_read_enable(sq_stream* stream, std::uint32_t on) noexcept {
  if (stream_of(stream).may_be_used("stream.read_enable")) stream_of(stream).read_enable(on != 0);
}
void stream_shutdown(sq_stream* stream) noexcept {
  if (stream_of(stream).may_be_used("stream.shutdown")) stream_of(stream).shutdown();
}
void stream_close(sq_stream* stream) noexcept {
  if (stream_of(stream).may_be_used("stream.close")) stream_of(stream).close();
}

sq_status stream_send_file(sq_stream* stream, int fd, std::uint64_t offset, std::uint64_t len, void* tag) noexcept {
  if (!stream || fd < 0 || offset > INT64_MAX || len > INT64_MAX - offset) return SQ_E_INVALID;
  if (!stream_of(stream).may_be_used("stream.send_file")) return SQ_E_STATE;
  return stream_of(stream).send_file(fd, offset, len, tag);
}

void stream_pace(sq_stream* stream, std::uint64_t bytes_per_s) noexcept {
  if (stream_of(stream).may_be_used("stream.pace")) stream_of(stream).pace(bytes_per_s);
}
sq_status stream_flush(sq_stream* stream, void* tag) noexcept {
  if (!stream) return SQ_E_INVALID;
  return stream_of(stream).may_be_used("stream.flush") ? stream_of(stream).flush(tag) : SQ_E_STATE;
}

constexpr sq_stream_api kStreamApi{sizeof(sq_stream_api), 0, stream_connect, stream_write, stream_read_enable,
                                   stream_shutdown, stream_close, stream_send_file, stream_pace, stream_flush};

// ---- squall.datagram/1 --------------------------------------------------------------------------

sq_status datagram_open(sq_shard* shard, const sq_target* target, std::uint64_t session, const sq_dgram_events* events, void* ctx,
                        sq_dgram** out) noexcept {
  if (!shard || !shard->net || !target || !events || !SQ_HAS(events, on_error) || events->flags || !events->on_receive || !out) return SQ_E_INVALID;
  if (!is_own_thread(shard, "datagram.open")) return SQ_E_STATE;
  const Target& to = target_of(target);
  if (!is_listed(*shard->net, to) || !to.url().is_datagram()) return SQ_E_INVALID;
  auto* socket = new DatagramSocket(shard->net->parts(), to, session, events, ctx);
  if (const sq_status status = socket->open(); status != SQ_OK) {
    delete socket;
    return status;
  }
  *out = socket;
  return SQ_OK;
}

std::int32_t datagram_send(sq_dgram* socket, const sq_buf* packets, std::uint32_t n) noexcept {
  if (!socket || (n != 0 && !packets)) return SQ_E_INVALID;
  auto& own = static_cast<DatagramSocket&>(*socket);
  return own.may_be_used("datagram.send") ? own.send(packets, n) : SQ_E_STATE;
}

void datagram_close(sq_dgram* socket) noexcept {
  auto& own = static_cast<DatagramSocket&>(*socket);
  if (own.may_be_used("datagram.close")) own.close();
}

constexpr sq_dgram_api kDatagramApi{sizeof(sq_dgram_api), 0, datagram_open, datagram_send, datagram_close};

// ---- squall.fdwatch/1 ---------------------------------------------------------------------------

sq_watch* fd_watch(sq_shard* shard, const sq_target* peer, int fd, std::uint32_t events, Watch::Handler fn,
                   void* ctx) noexcept {
  if (!shard || !shard->net || !fn || !is_own_thread(shard, "fdwatch.watch")) return nullptr;
  if (peer && !is_listed(*shard->net, target_of(peer))) return nullptr;
  return shard->net->parts().watches.watch(peer ? &target_of(peer) : nullptr, fd, events, fn, ctx);
}

sq_status fd_modify(sq_watch* watch, std::uint32_t events) noexcept {
  return watch ? static_cast<PluginWatch*>(watch)->modify(events) : SQ_E_INVALID;
}

void fd_unwatch(sq_watch* watch) noexcept {
  if (watch) static_cast<PluginWatch*>(watch)->unwatch();
}

constexpr sq_fdwatch_api kFdwatchApi{sizeof(sq_fdwatch_api), 0, fd_watch, fd_modify, fd_unwatch};

// ---- squall.target/1 ----------------------------------------------------------------------------

std::atomic<const TargetTable*> process_targets{nullptr};

sq_str str(std::string_view text) { return {text.data(), text.size()}; }

const sq_target_info* target_info(const sq_target* target) noexcept { return target_of(target).info(); }

const sq_target* target_match(sq_str url) noexcept {
  const TargetTable* table = process_targets.load(std::memory_order_acquire);
  return table ? table->match(view(url)) : nullptr;
}

sq_status target_resolve(sq_shard* shard, const sq_target* target, AddressLookup::Answer fn, void* ctx) noexcept {
  if (!shard || !shard->net || !target || !fn || !is_listed(*shard->net, target_of(target))) return SQ_E_INVALID;
  if (!is_own_thread(shard, "target.resolve")) return SQ_E_STATE;
  AddressLookup::start(shard->net->parts(), target_of(target), fn, ctx);
  return SQ_OK;
}

const sq_tls_info* target_tls(const sq_target* target, std::uint64_t session) noexcept {
  thread_local sq_tls_info info;   // it and its texts live until the next call
  thread_local TlsOptions own;
  const Target& of = target_of(target);
  const TlsOptions* const options = of.table().tls(of, session, own);
  if (!options) return nullptr;
  const std::string& name = options->server_name.empty() ? of.url().host : options->server_name;
  info = {sizeof info, options->is_insecure ? std::uint32_t{SQ_TLS_INSECURE} : 0u,
          str(options->ca), str(options->cert), str(options->key), str(name)};
  return &info;
}

sq_str target_local_address(const sq_target* target, std::uint64_t session) noexcept {
  const std::string* text = target_of(target).source_text(session);
  return text ? str(*text) : sq_str{};
}

void target_note(sq_shard* shard, const sq_target* target, std::uint32_t what) noexcept {
  if (!shard || !shard->net || !target || !is_listed(*shard->net, target_of(target))) return;
  TargetCounters& counters = shard->net->parts().counters[target_of(target).index()];
  switch (what) {
    case SQ_CN_REUSED: ++counters.reused; break;
    case SQ_CN_OPENED: ++counters.opened; break;
    case SQ_CN_FAILED: ++counters.failed; break;
    case SQ_CN_CLOSED_BY_PEER: ++counters.closed_by_peer; break;
    default: shard->net->environment().plugin_fault("target.note: no such event");
  }
}

constexpr sq_target_api kTargetApi{sizeof(sq_target_api), 0, target_info, target_match, target_resolve,
                                   target_tls, target_local_address, target_note};

}  // namespace

const sq_stream_api* stream_api() { return &kStreamApi; }
const sq_fdwatch_api* fdwatch_api() { return &kFdwatchApi; }
const sq_dgram_api* datagram_api() { return &kDatagramApi; }
const sq_target_api* target_api() { return &kTargetApi; }

void set_process_targets(const TargetTable* targets) {
  process_targets.store(targets, std::memory_order_release);
}

const void* net_extension(const char* id, std::uint32_t min_size) {
  const std::string_view wanted = id;
  const auto table_for = [&](const auto& table, std::string_view name) -> const void* {
    return wanted == name && min_size <= table.struct_size ? &table : nullptr;
  };
  if (const void* table = table_for(kStreamApi, SQ_STREAM_V1)) return table;
  if (const void* table = table_for(kFdwatchApi, SQ_FDWATCH_V1)) return table;
  if (const void* table = table_for(kDatagramApi, SQ_DATAGRAM_V1)) return table;
  return table_for(kTargetApi, SQ_TARGET_V1);
}

}  // namespace squall
