// The tables that a plugin gets from the host of fake_host.hpp.
// Included by fake_host.hpp alone; it is apart so that the other file reads as the interface.
#pragma once

namespace squall::fake {

struct Tables {
  /// What is tagged [shard] is for the thread that made the host.
  static void on_shard(const char* function) {
    check(the_host->thread == std::this_thread::get_id(), std::string(function) + "() is for the shard's thread alone");
  }

  // ---- squall.calls/1 ----
  static void complete(sq_call* base) noexcept {
    const Scope host_runs(false);
    on_shard("complete");
    Call* call = static_cast<Call*>(base);
    check(++call->completions == 1, "a call was completed twice");
    check(!call->released, "a released call was completed");
    call->completed_at_ns = the_host->now_ns;
    if (!call->end_ns) call->end_ns = the_host->now_ns;
    check(call->outcome <= SQ_OUT_CANCELLED, "an outcome that abi.h does not have");
    check(call->kind <= SQ_K_OFF_LIST, "a kind of failure that abi.h does not have");
    the_host->later([call] {
      call->completed = true;
      call->lent.close();
    });
  }
  static void progress(sq_call* base, uint64_t out, uint64_t in) noexcept {
    on_shard("progress");
    static_cast<Call*>(base)->progress_out += out;
    static_cast<Call*>(base)->progress_in += in;
  }

  // ---- squall.loop/1 ----
  static void done(sq_done* done, sq_status status, sq_str detail) noexcept {
    const Scope host_runs(false);
    on_shard("done");
    check(!done->ended, "done() twice");
    done->ended = true;
    ++done->done;
    done->status = status;
    done->detail = std::string(view(detail));
    if (done->on_end) done->on_end();
  }
  static void written(sq_done* done, const sq_delivery* delivery) noexcept {
    const Scope host_runs(false);
    check(!done->ended, "written() twice");
    done->tell(*delivery);
  }
  static uint64_t now(sq_shard*) noexcept { return the_host->now_ns; }
  static uint32_t index(sq_shard* shard) noexcept { return shard->index; }
  static sq_status post(sq_shard*, sq_post* post) noexcept {
    const Scope host_runs(false);
    if (!the_host) return SQ_E_CLOSED;
    std::lock_guard lock(the_host->posts_mutex_);
    the_host->posts_.push_back(post);
    return SQ_OK;
  }
  static sq_timer* timer_new(sq_shard*, void (*fn)(void*) SQ_NOEXCEPT, void* ctx) noexcept {
    const Scope host_runs(false);
    on_shard("timer_new");
    check(fn, "timer_new() without a function");
    return &the_host->timers_.emplace_back(sq_timer{fn, ctx});
  }
  static void timer_set(sq_timer* timer, uint64_t at_ns) noexcept {
    on_shard("timer_set");
    check(!timer->is_freed, "timer_set() on a timer that was freed");
    timer->at_ns = at_ns;
  }
  static void timer_free(sq_timer* timer) noexcept {
    const Scope host_runs(false);
    if (!timer) return;
    check(Host::retire(the_host->timers_, the_host->freed_timers_, timer), "timer_free() on a timer that was freed");
    timer->is_freed = true;
  }

  // ---- squall.fdwatch/1 ----
  static sq_watch* watch(sq_shard*, const sq_target* peer, int fd, uint32_t events,
                         void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT, void* ctx) noexcept {
    const Scope host_runs(false);
    on_shard("fdwatch.watch");
    return &the_host->watches_.emplace_back(sq_watch{fd, events, fn, ctx, peer});
  }
  static sq_status modify(sq_watch* watch, uint32_t events) noexcept {
    check(!watch->is_ended, "modify() of a watch that has ended");
    watch->events = events;
    return SQ_OK;
  }
  static void unwatch(sq_watch* watch) noexcept {
    const Scope host_runs(false);
    if (!watch) return;
    check(Host::retire(the_host->watches_, the_host->ended_watches_, watch), "unwatch() of a watch that has ended");
    watch->is_ended = true;
  }

  // ---- squall.stream/1 ----
  static sq_status connect(sq_shard*, const sq_target* target, const sq_connect_opts* opts,
                           const sq_stream_events* events, void* ctx, sq_stream** out) noexcept {
    const Scope host_runs(false);
    on_shard("stream.connect");
    Host& host = *the_host;
    if (host.network.refuse_now != SQ_OK) return host.network.refuse_now;
    check(target, "a connect without a target");
    if (!target || target->scheme == "udp") return SQ_E_INVALID;
    check(events && SQ_HAS(events, on_closed), "a connect whose sq_stream_events have no or too small a struct_size");
    check(!opts || SQ_HAS(opts, alpn), "a connect whose sq_connect_opts have no or too small a struct_size");
    check(!events->flags && (!opts || !(opts->flags & ~uint32_t{SQ_S_NODELAY | SQ_S_DIRECT})), "a connect with flags that do not exist");
    auto& stream = *host.streams_.emplace_back(std::make_unique<sq_stream>());
    stream.target = target;
    stream.session = opts ? opts->session : 0;
    stream.connect_timeout_ns = opts ? opts->connect_timeout_ns : 0;
    stream.alpn = opts ? std::string(view(opts->alpn)) : "";
    stream.events = events;
    stream.ctx = ctx;
    stream.hold_writes = host.network.hold_writes;
    stream.keep_sent = host.network.keep_sent;
    stream.takes_bytes = host.network.takes_bytes;
    *out = &stream;
    const Network net = host.network;
    const uint64_t after = net.resolve_ns + net.connect_ns + net.tls_ns;
    host.later(
        [&stream, net] {
          if (stream.is_closed || stream.close_called) return;
          if (!net.open) return finish_stream(stream, net.why, net.kind, net.detail);
          stream.is_open = true;
          const sq_stream_info info{sizeof info,          0,          net.resolve_ns,
                                    net.connect_ns,       net.tls_ns, str(stream.info_alpn),
                                    str(stream.info_peer)};
          const Scope plugin_runs(true);
          if (stream.events->on_open) stream.events->on_open(stream.ctx, &stream, &info);
        },
        after);
    return SQ_OK;
  }
  static void finish_stream(sq_stream& stream, sq_status why, uint32_t kind,
                            std::string_view detail) {
    if (std::exchange(stream.is_closed, true)) return;
    stream.is_open = false;
    stream.pending.clear();
    const Scope plugin_runs(true);
    stream.events->on_closed(stream.ctx, &stream, why, kind, str(detail));
  }
  static sq_status usable(sq_stream* stream) {
    on_shard("stream.write");
    check(!stream->is_closed, "a dead stream handle was used");
    return stream->is_open && !stream->close_called && !stream->shut_down ? SQ_OK : SQ_E_CLOSED;
  }
  static void queue_write(sq_stream* stream, sq_stream::Write write) {
    stream->pending.push_back(std::move(write));
    the_host->later([stream] {
      if (!stream->hold_writes) the_host->push_writes(stream);
    });
  }
  static sq_status write(sq_stream* stream, const sq_buf* bufs, uint32_t n, void* tag) noexcept {
    const Scope host_runs(false);
    if (usable(stream) != SQ_OK) return SQ_E_CLOSED;
    check(n <= 64, "more than 64 pieces in one write");
    sq_stream::Write one;
    one.bufs.assign(bufs, bufs + n);
    one.tag = tag;
    queue_write(stream, std::move(one));
    return SQ_OK;
  }
  static sq_status send_file(sq_stream* stream, int fd, uint64_t offset, uint64_t length,
                             void* tag) noexcept {
    const Scope host_runs(false);
    if (usable(stream) != SQ_OK) return SQ_E_CLOSED;
    sq_stream::Write one;
    one.fd = fd;
    one.offset = offset;
    one.length = length;
    one.tag = tag;
    queue_write(stream, std::move(one));
    return SQ_OK;
  }
  static sq_status flush(sq_stream* stream, void* tag) noexcept {
    const Scope host_runs(false);
    if (usable(stream) != SQ_OK) return SQ_E_CLOSED;
    sq_stream::Write one;
    one.tag = tag;
    one.is_flush = true;
    queue_write(stream, std::move(one));
    return SQ_OK;
  }
  static void read_enable(sq_stream* stream, uint32_t on) noexcept {
    const Scope host_runs(false);
    check(!stream->is_closed, "a dead stream handle was used");
    const bool was = std::exchange(stream->reading, on != 0);
    if (!was && on) the_host->deliver(stream);
  }
  static void shutdown(sq_stream* stream) noexcept {
    check(!stream->is_closed, "a dead stream handle was used");
    stream->shut_down = true;
  }
  static void close(sq_stream* stream) noexcept {
    const Scope host_runs(false);
    check(!stream->is_closed, "a dead stream handle was used");
    if (std::exchange(stream->close_called, true)) return;
    the_host->later([stream] { finish_stream(*stream, SQ_OK, SQ_K_NONE, ""); });
  }
  static void pace(sq_stream* stream, uint64_t bytes_per_s) noexcept {
    stream->pace_bytes_per_s = bytes_per_s;
  }

  // ---- squall.target/1 ----
  static const sq_target_info* target_info(const sq_target* target) noexcept {
    return &target->info;
  }
  static const sq_target* match(sq_str url) noexcept {
    for (const sq_target& target : the_host->targets_) {
      const std::string_view text = view(url);
      if (!text.starts_with(target.url)) continue;
      if (text.size() == target.url.size() ||
          std::string_view("/?#").find(text[target.url.size()]) != std::string_view::npos)
        return &target;
    }
    return nullptr;
  }
  static sq_status resolve(sq_shard*, const sq_target* target,
                           void (*fn)(void*, sq_status, sq_str) SQ_NOEXCEPT, void* ctx) noexcept {
    const Scope host_runs(false);
    the_host->later([=] {
      fn(ctx, target->resolve_status,
         str(target->resolve_status == SQ_OK ? target->resolves_to : ""));
    });
    return SQ_OK;
  }
  static const sq_tls_info* tls(const sq_target* target, uint64_t) noexcept { return &target->tls; }
  static sq_str local_address(const sq_target*, uint64_t) noexcept { return {}; }
  static void note(sq_shard*, const sq_target* target, uint32_t what) noexcept {
    check(what <= SQ_CN_CLOSED_BY_PEER, "a note that abi.h does not have");
    if (what <= SQ_CN_CLOSED_BY_PEER) ++target->noted[what];
  }

  // ---- squall.datagram/1 ----
  static sq_status dgram_open(sq_shard*, const sq_target* target, uint64_t session, const sq_dgram_events* events,
                              void* ctx, sq_dgram** out) noexcept {
    const Scope host_runs(false);
    if (the_host->network.refuse_now != SQ_OK) return the_host->network.refuse_now;
    check(target, "a datagram socket without a target");
    if (!target || target->scheme != "udp") return SQ_E_INVALID;
    auto& dgram = *the_host->dgrams_.emplace_back(std::make_unique<sq_dgram>());
    dgram.target = target;
    dgram.events = events;
    dgram.ctx = ctx;
    dgram.send_limit = the_host->network.dgram_send_limit;
    dgram.session = session;
    *out = &dgram;
    // A name is being looked up; refused names are all that can go wrong before there is a socket.
    const Network net = the_host->network;
    the_host->later(
        [&dgram, net] {
          if (dgram.is_closed) return;
          const Scope plugin_runs(true);
          dgram.is_open = net.open || net.kind != SQ_K_RESOLVE;
          if (!dgram.is_open) return dgram.events->on_error(dgram.ctx, &dgram, EHOSTUNREACH);
          if (dgram.events->on_open) dgram.events->on_open(dgram.ctx, &dgram);
        },
        net.resolve_ns);
    return SQ_OK;
  }
  static int32_t dgram_send(sq_dgram* dgram, const sq_buf* packets, uint32_t n) noexcept {
    const Scope host_runs(false);
    check(!dgram->is_closed, "a dead datagram handle was used");
    if (!dgram->is_open) return 0;
    if (dgram->send_limit < 0) return dgram->send_limit;
    const uint32_t taken = std::min(n, static_cast<uint32_t>(dgram->send_limit));
    for (uint32_t i = 0; i < taken && the_host->network.keep_sent; ++i) dgram->sent.emplace_back(view(packets[i]));
    return static_cast<int32_t>(taken);
  }
  static void dgram_close(sq_dgram* dgram) noexcept {
    check(!dgram->is_closed, "a datagram handle was closed twice");
    dgram->is_closed = true;
  }

  // ---- squall.source/1 ----
  static uint64_t source_size(sq_source* source) noexcept {
    return source->size_known ? source->size() + source->declared_more : UINT64_MAX;
  }
  static sq_status source_next(sq_source* source, uint64_t max, sq_chunk* out) noexcept {
    if (source->next_status != SQ_OK) return source->next_status;
    const uint64_t length = std::min({max, source->piece, source->size() - source->at});
    *out = sq_chunk{{nullptr, 0}, source->fd, 0, source->at, length};
    if (source->fd < 0) out->mem = {source->text.data() + source->at, length};
    source->at += length;
    return SQ_OK;
  }
  static sq_status source_rewind(sq_source* source) noexcept {
    source->at = 0;
    ++source->rewinds;
    return SQ_OK;
  }

  // ---- squall.samples/1 ----
  static sq_series* series(sq_str operation, sq_str name) noexcept {
    const Scope host_runs(false);
    static std::mutex mutex;
    static std::list<sq_series> all;  // until fini(): longer than a host of a test
    const std::lock_guard lock(mutex);
    for (sq_series& one : all)
      if (one.operation == view(operation) && one.name == view(name)) return &one;
    return &all.emplace_back(sq_series{std::string(view(operation)), std::string(view(name))});
  }
  static void record(sq_shard*, uint64_t session, sq_series* series, uint64_t due_ns,
                     uint64_t end_ns, uint32_t outcome, uint32_t kind, uint64_t bytes) noexcept {
    const Scope host_runs(false);
    check(series && the_host->sessions.contains(session), "samples.record() of an unknown session or series");
    check(outcome <= SQ_OUT_CANCELLED && kind <= SQ_K_OFF_LIST, "samples.record() of an unknown outcome or kind");
    check(end_ns <= the_host->now_ns && bytes >> 50 == 0, "samples.record() of times or bytes that cannot be");
    the_host->samples.push_back({series, session, due_ns, end_ns, outcome, kind, bytes, 0});
  }
  static void count(sq_shard*, uint64_t session, sq_series* series, uint64_t n) noexcept {
    const Scope host_runs(false);
    check(series && the_host->sessions.contains(session) && n >> 50 == 0, "samples.count() of an unknown session or series, or of more than can be");
    the_host->samples.push_back({series, session, 0, 0, 0, 0, 0, n});
  }

  // ---- root ----
  static const void* get_extension(const sq_host*, const char* id, uint32_t min_size) noexcept {
    static constexpr sq_calls_api kCalls{sizeof kCalls, 0, complete, progress};
    static constexpr sq_loop_api kLoop{sizeof kLoop, 0,     done, written,   now,       now,
                                       index,        post, timer_new, timer_set, timer_free};
    static constexpr sq_fdwatch_api kWatch{sizeof kWatch, 0, watch, modify, unwatch};
    static constexpr sq_stream_api kStream{sizeof kStream, 0,     connect,   write, read_enable,
                                           shutdown,       close, send_file, pace,  flush};
    static constexpr sq_target_api kTarget{sizeof kTarget, 0,   target_info,  match,
                                           resolve,        tls, local_address, note};
    static constexpr sq_dgram_api kDgram{sizeof kDgram, 0, dgram_open, dgram_send, dgram_close};
    static constexpr sq_source_api kSource{sizeof kSource, 0, source_size, source_next,
                                           source_rewind};
    static constexpr sq_samples_api kSamples{sizeof kSamples, 0, series, record, count};
    struct Row {
      const char* id;
      const void* table;
      uint32_t size;
    };
    static const Row kRows[] = {
        {SQ_CALLS_V1, &kCalls, sizeof kCalls},    {SQ_LOOP_V1, &kLoop, sizeof kLoop},
        {SQ_FDWATCH_V1, &kWatch, sizeof kWatch},  {SQ_STREAM_V1, &kStream, sizeof kStream},
        {SQ_TARGET_V1, &kTarget, sizeof kTarget}, {SQ_DATAGRAM_V1, &kDgram, sizeof kDgram},
        {SQ_SOURCE_V1, &kSource, sizeof kSource}, {SQ_SAMPLES_V1, &kSamples, sizeof kSamples},
        {SQ_USERS_V1, Host::users(), sizeof(sq_users_api)}, {SQ_RECORDS_V1, Host::records(), sizeof(sq_records_api)}};
    for (const Row& row : kRows)
      if (std::string_view(id) == row.id) return row.size >= min_size ? row.table : nullptr;
    return nullptr;
  }
  static void log(const sq_host*, uint32_t, sq_str line) noexcept {
    const Scope host_runs(false);
    check(line.ptr || !line.len, "log() of a text of NULL with a length");
    if (the_host && line.ptr) the_host->log_lines.emplace_back(view(line));
  }
};

}  // namespace squall::fake
