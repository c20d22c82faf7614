// The functions behind fake_host.hpp: the tables that a plugin gets, and the event queue.
// Included by fake_host.hpp alone; it is apart so that the other file reads as the interface.
#pragma once

namespace fake {

struct Tables {
  // ---- squall.calls/1 ----
  static void complete(sq_call* base) noexcept {
    const Scope host_runs(false);
    Call* call = static_cast<Call*>(base);
    EXPECT_EQ(++call->completions, 1) << "a call was completed twice";
    EXPECT_FALSE(call->released) << "a released call was completed";
    call->completed_at_ns = the_host->now_ns;
    if (!call->end_ns) call->end_ns = the_host->now_ns;
    EXPECT_LE(call->outcome, uint32_t{SQ_OUT_CANCELLED});
    EXPECT_LE(call->kind, uint32_t{SQ_K_OFF_LIST});
    the_host->later([call] { call->completed = true; });
  }
  static void progress(sq_call* base, uint64_t out, uint64_t in) noexcept {
    static_cast<Call*>(base)->progress_out += out;
    static_cast<Call*>(base)->progress_in += in;
  }

  // ---- squall.loop/1 ----
  static void done(sq_done* done, sq_status status, sq_str detail) noexcept {
    const Scope host_runs(false);
    EXPECT_FALSE(done->ended) << "done() twice";
    done->ended = true;
    done->status = status;
    done->detail = std::string(view(detail));
  }
  static void written(sq_done* done, const sq_delivery*) noexcept { done->ended = true; }
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
    return &the_host->timers_.emplace_back(sq_timer{fn, ctx});
  }
  static void timer_set(sq_timer* timer, uint64_t at_ns) noexcept { timer->at_ns = at_ns; }
  static void timer_free(sq_timer* timer) noexcept {
    const Scope host_runs(false);
    the_host->timers_.remove_if([timer](const sq_timer& one) { return &one == timer; });
  }

  // ---- squall.fdwatch/1 ----
  static sq_watch* watch(sq_shard*, const sq_target* peer, int fd, uint32_t events,
                         void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT, void* ctx) noexcept {
    const Scope host_runs(false);
    return &the_host->watches_.emplace_back(sq_watch{fd, events, fn, ctx, peer});
  }
  static sq_status modify(sq_watch* watch, uint32_t events) noexcept {
    watch->events = events;
    return SQ_OK;
  }
  static void unwatch(sq_watch* watch) noexcept {
    const Scope host_runs(false);
    the_host->watches_.remove_if([watch](const sq_watch& one) { return &one == watch; });
  }

  // ---- squall.stream/1 ----
  static sq_status connect(sq_shard*, const sq_target* target, const sq_connect_opts* opts,
                           const sq_stream_events* events, void* ctx, sq_stream** out) noexcept {
    const Scope host_runs(false);
    Host& host = *the_host;
    if (host.network.refuse_now != SQ_OK) return host.network.refuse_now;
    EXPECT_NE(target, nullptr);
    auto& stream = *host.streams_.emplace_back(std::make_unique<sq_stream>());
    stream.target = target;
    stream.session = opts ? opts->session : 0;
    stream.connect_timeout_ns = opts ? opts->connect_timeout_ns : 0;
    stream.alpn = opts ? std::string(view(opts->alpn)) : "";
    stream.events = events;
    stream.ctx = ctx;
    stream.hold_writes = host.network.hold_writes;
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
          stream.events->on_open(stream.ctx, &stream, &info);
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
    EXPECT_FALSE(stream->is_closed) << "a dead stream handle was used";
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
    EXPECT_LE(n, 64u);
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
    EXPECT_FALSE(stream->is_closed) << "a dead stream handle was used";
    const bool was = std::exchange(stream->reading, on != 0);
    if (!was && on) the_host->deliver(stream);
  }
  static void shutdown(sq_stream* stream) noexcept {
    EXPECT_FALSE(stream->is_closed) << "a dead stream handle was used";
    stream->shut_down = true;
  }
  static void close(sq_stream* stream) noexcept {
    const Scope host_runs(false);
    EXPECT_FALSE(stream->is_closed) << "a dead stream handle was used";
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
    ASSERT_LE(what, uint32_t{SQ_CN_CLOSED_BY_PEER});
    ++target->noted[what];
  }

  // ---- squall.datagram/1 ----
  static sq_status dgram_open(sq_shard*, const sq_target* target, const sq_dgram_events* events,
                              void* ctx, sq_dgram** out) noexcept {
    const Scope host_runs(false);
    if (the_host->network.refuse_now != SQ_OK) return the_host->network.refuse_now;
    auto& dgram = *the_host->dgrams_.emplace_back(std::make_unique<sq_dgram>());
    dgram.target = target;
    dgram.events = events;
    dgram.ctx = ctx;
    dgram.send_limit = the_host->network.dgram_send_limit;
    *out = &dgram;
    return SQ_OK;
  }
  static int32_t dgram_send(sq_dgram* dgram, const sq_buf* packets, uint32_t n) noexcept {
    const Scope host_runs(false);
    EXPECT_FALSE(dgram->is_closed) << "a dead datagram handle was used";
    if (dgram->send_limit < 0) return dgram->send_limit;
    const uint32_t taken = std::min(n, static_cast<uint32_t>(dgram->send_limit));
    for (uint32_t i = 0; i < taken; ++i) dgram->sent.emplace_back(view(packets[i]));
    return static_cast<int32_t>(taken);
  }
  static void dgram_close(sq_dgram* dgram) noexcept {
    EXPECT_FALSE(dgram->is_closed) << "a datagram handle was closed twice";
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
    for (sq_series& one : the_host->series_)
      if (one.operation == view(operation) && one.name == view(name)) return &one;
    return &the_host->series_.emplace_back(
        sq_series{std::string(view(operation)), std::string(view(name))});
  }
  static void record(sq_shard*, uint64_t session, sq_series* series, uint64_t due_ns,
                     uint64_t end_ns, uint32_t outcome, uint32_t kind, uint64_t bytes) noexcept {
    const Scope host_runs(false);
    the_host->samples.push_back({series, session, due_ns, end_ns, outcome, kind, bytes, 0});
  }
  static void count(sq_shard*, uint64_t session, sq_series* series, uint64_t n) noexcept {
    const Scope host_runs(false);
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
    static constexpr Row kRows[] = {
        {SQ_CALLS_V1, &kCalls, sizeof kCalls},    {SQ_LOOP_V1, &kLoop, sizeof kLoop},
        {SQ_FDWATCH_V1, &kWatch, sizeof kWatch},  {SQ_STREAM_V1, &kStream, sizeof kStream},
        {SQ_TARGET_V1, &kTarget, sizeof kTarget}, {SQ_DATAGRAM_V1, &kDgram, sizeof kDgram},
        {SQ_SOURCE_V1, &kSource, sizeof kSource}, {SQ_SAMPLES_V1, &kSamples, sizeof kSamples}};
    for (const Row& row : kRows)
      if (std::string_view(id) == row.id) return row.size >= min_size ? row.table : nullptr;
    return nullptr;
  }
  static void log(const sq_host*, uint32_t, sq_str line) noexcept {
    const Scope host_runs(false);
    if (the_host) the_host->log_lines.emplace_back(view(line));
  }
};

// ---- Host
// ----------------------------------------------------------------------------------------

inline const sq_host& Host::root() {
  static constexpr sq_host kRoot{sizeof kRoot, SQ_ABI_MAJOR,          SQ_ABI_MINOR, "fake",
                                 "0",          Tables::get_extension, Tables::log};
  return kRoot;
}
inline Host::Host() {
  EXPECT_EQ(the_host, nullptr) << "one fake host at a time";
  the_host = this;
}
inline Host::~Host() {
  run();
  for (auto& stream : streams_) EXPECT_TRUE(stream->is_closed) << "a stream was never closed";
  for (auto& dgram : dgrams_) EXPECT_TRUE(dgram->is_closed) << "a datagram socket was never closed";
  EXPECT_TRUE(timers_.empty()) << "a timer was never freed";
  EXPECT_TRUE(watches_.empty()) << "a watch was never ended";
  the_host = nullptr;
}

inline const sq_target* Host::add_target(std::string name, std::string url) {
  sq_target& target = targets_.emplace_back();
  target.name = std::move(name);
  target.url = url;
  std::string_view rest = url;
  const size_t scheme_end = rest.find("://");
  target.scheme = std::string(rest.substr(0, scheme_end));
  rest.remove_prefix(scheme_end + 3);
  const size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) target.path = std::string(rest.substr(slash));
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.back() != ']';
  target.host = std::string(authority.substr(0, has_port ? colon : authority.size()));
  const std::set<std::string> encrypted = {"https", "mqtts", "tls", "wss"};
  const std::map<std::string, uint32_t> ports = {
      {"http", 80}, {"https", 443}, {"mqtt", 1883}, {"mqtts", 8883}};
  const auto port = ports.find(target.scheme);
  target.resolves_to = "127.0.0.1";
  target.info.struct_size = sizeof target.info;
  target.info.flags = encrypted.contains(target.scheme) ? uint32_t{SQ_TG_TLS} : 0u;
  target.info.name = str(target.name);
  target.info.scheme = str(target.scheme);
  target.info.host = str(target.host);
  target.info.path = str(target.path);
  target.info.port =
      has_port ? static_cast<uint32_t>(std::stoul(std::string(authority.substr(colon + 1))))
      : port != ports.end() ? port->second
                            : 0;
  target.tls.struct_size = sizeof target.tls;
  return &target;
}

inline bool Host::run_one(uint64_t limit_ns) {
  for (;;) {
    sq_post* post = nullptr;
    {
      std::lock_guard lock(posts_mutex_);
      if (!posts_.empty()) {
        post = posts_.front();
        posts_.pop_front();
      }
    }
    if (!post) break;
    post->fn(post->ctx);
  }
  sq_timer* due = nullptr;
  for (sq_timer& timer : timers_)
    if (timer.at_ns && timer.at_ns <= limit_ns && (!due || timer.at_ns < due->at_ns)) due = &timer;
  const auto event = events_.begin();
  const bool has_event = event != events_.end() && event->first.first <= limit_ns;
  if (has_event && (!due || event->first.first <= due->at_ns)) {
    now_ns = std::max(now_ns.load(), event->first.first);
    const auto what = std::move(event->second);
    events_.erase(event);
    what();
    return true;
  }
  if (!due) return false;
  now_ns = std::max(now_ns.load(), due->at_ns);
  due->at_ns = 0;
  due->fn(due->ctx);
  return true;
}
inline void Host::run() {
  int turns = 0;
  while (run_one(now_ns)) {
    if (++turns > 10'000'000) {
      ADD_FAILURE() << "the loop never becomes idle";
      return;
    }
  }
}
inline void Host::advance(uint64_t ns) {
  const uint64_t until = now_ns + ns;
  while (run_one(until)) {
  }
  now_ns = until;
}
inline bool Host::poll_once(int timeout_ms) {
  run();
  std::vector<pollfd> fds;
  for (const sq_watch& watch : watches_) {
    const int events =
        (watch.events & SQ_FD_READ ? POLLIN : 0) | (watch.events & SQ_FD_WRITE ? POLLOUT : 0);
    fds.push_back({watch.fd, static_cast<short>(events), 0});
  }
  if (::poll(fds.data(), fds.size(), timeout_ms) <= 0) {
    run();
    return false;
  }
  for (const pollfd& fd : fds) {
    if (!fd.revents) continue;
    const uint32_t events = (fd.revents & (POLLIN | POLLHUP) ? SQ_FD_READ : 0) |
                            (fd.revents & POLLOUT ? SQ_FD_WRITE : 0) |
                            (fd.revents & (POLLERR | POLLNVAL) ? SQ_FD_ERROR : 0);
    for (const sq_watch& watch : watches_)
      if (watch.fd == fd.fd) {
        watch.fn(watch.ctx, watch.fd, events);
        break;
      }
  }
  run();
  return true;
}
inline bool Host::poll_until(const std::function<bool()>& done, int limit_ms) {
  for (int idle_ms = 0; !done();) {
    if (poll_once(5)) continue;
    idle_ms += 5;
    if (idle_ms > limit_ms) return false;
  }
  return true;
}
inline size_t Host::open_streams() const {
  size_t count = 0;
  for (const auto& stream : streams_) count += !stream->is_closed && !stream->close_called;
  return count;
}
inline sq_source* Host::make_source(std::string text) {
  sq_source& source = sources_.emplace_back();
  source.text = std::move(text);
  return &source;
}
inline sq_source* Host::make_file_source(int fd, uint64_t size) {
  sq_source& source = sources_.emplace_back();
  source.fd = fd;
  source.file_size = size;
  return &source;
}

inline void Host::deliver(sq_stream* stream) {
  if (std::exchange(stream->delivery_queued, true)) return;
  later([stream] {
    stream->delivery_queued = false;
    if (stream->is_closed || stream->close_called || !stream->is_open || !stream->reading) return;
    if (!stream->unread.empty()) {
      // A copy of exact size: reading past it, or keeping it, is what a sanitizer then finds.
      const std::vector<uint8_t> shown(stream->unread.begin(), stream->unread.end());
      const uint64_t used = [&] {
        const Scope plugin_runs(true);
        return stream->events->on_data(stream->ctx, stream, shown.data(), shown.size());
      }();
      EXPECT_LE(used, shown.size()) << "more was consumed than was shown";
      stream->unread.erase(0, static_cast<size_t>(std::min<uint64_t>(used, shown.size())));
      if (stream->is_closed || stream->close_called) return;
    }
    if (stream->finish_pending && stream->reading && !std::exchange(stream->peer_finished, true)) {
      const Scope plugin_runs(true);
      stream->events->on_data(stream->ctx, stream, nullptr, 0);
    }
  });
}
inline void Host::push_writes(sq_stream* stream) {
  while (!stream->pending.empty() && !stream->is_closed && !stream->close_called) {
    const sq_stream::Write one = std::move(stream->pending.front());
    stream->pending.pop_front();
    for (const sq_buf& buf : one.bufs) stream->sent.append(view(buf));
    if (one.fd >= 0) {
      std::string bytes(static_cast<size_t>(one.length), '\0');
      EXPECT_EQ(::pread(one.fd, bytes.data(), bytes.size(), static_cast<off_t>(one.offset)),
                static_cast<ssize_t>(bytes.size()));
      stream->sent += bytes;
      stream->file_bytes += one.length;
    }
    if (!one.is_flush) ++stream->writes;
    {
      const Scope plugin_runs(true);
      stream->events->on_written(stream->ctx, stream, one.tag);
    }
    if (serve && !stream->is_closed && !stream->close_called) serve(*stream);
  }
}

// ---- Call, Bindings, Protocol, Session
// -----------------------------------------------------------

inline uint64_t Call::phases() const {
  uint64_t sum = 0;
  for (uint64_t phase : phase_ns) sum += phase;
  return sum;
}
inline sq_status Call::output(std::string_view name, std::string_view key, sq_value* out) {
  return protocol->table->output(session, this, protocol->output_index(op, name), str(key), out);
}
inline std::string Call::text(std::string_view name, std::string_view key) {
  sq_value value{};
  if (output(name, key, &value) != SQ_OK) return {};
  std::string result;
  squall::plugin::append_text(result, value);
  return result;
}
inline int64_t Call::number(std::string_view name, std::string_view key) {
  sq_value value{};
  return output(name, key, &value) == SQ_OK ? squall::plugin::as_int(value) : INT64_MIN;
}

inline uint32_t Bindings::index(std::string_view name) const {
  for (uint32_t i = 0; op_.params[i]; ++i)
    if (name == op_.params[i]->name) return i;
  ADD_FAILURE() << op_.name << " has no parameter " << name;
  return 0;
}
inline Bindings& Bindings::map(std::string_view name,
                               const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<sq_pair> items;
  for (const auto& [key, text] : pairs)
    items.push_back({str(key), squall::plugin::text_value(text)});
  sq_value value = squall::plugin::make_value(SQ_T_MAP);
  value.u.map.ptr = items.data();
  value.u.map.len = items.size();
  return set(name, value);
}
inline Bindings& Bindings::list(std::string_view name, const std::vector<sq_value>& items) {
  sq_value value = squall::plugin::make_value(SQ_T_LIST);
  value.u.list.ptr = items.data();
  value.u.list.len = items.size();
  return set(name, value);
}

inline const sq_plugin* Protocol::load(const std::string& plugin) {
  static std::map<std::string, const sq_plugin*> loaded;
  static auto* libraries = new std::list<boost::dll::shared_library>;  // never unloaded
  if (const auto known = loaded.find(plugin); known != loaded.end()) return known->second;
  auto& library = libraries->emplace_back(std::string(SQUALL_PLUGIN_DIR) + "/lib" + plugin + ".so",
                                          boost::dll::load_mode::rtld_now);
  const sq_plugin* root = library.get<const sq_plugin*()>(SQ_ENTRY_SYMBOL)();
  sq_error error{};
  const sq_status status = root->init(&Host::root(), &error);
  EXPECT_EQ(status, SQ_OK) << error.text;
  return loaded[plugin] = root;
}
inline Protocol::Protocol(Host& owner, const std::string& plugin, const Options& options)
    : host(owner) {
  table = static_cast<const sq_protocol*>(load(plugin)->get_interface(SQ_PROTOCOL_V1));
  std::vector<sq_pair> pairs;
  for (const auto& [key, value] : options) pairs.push_back({str(key), value});
  sq_error error{};
  EXPECT_EQ(table->open(pairs.data(), pairs.size(), &instance, &error), SQ_OK) << error.text;
  EXPECT_EQ(table->shard_open(instance, &host.shard, &shard, &error), SQ_OK) << error.text;
}
inline Protocol::~Protocol() {
  sq_done done;
  table->shard_close(shard, &done);
  host.run();
  for (int i = 0; i < 1000 && !done.ended; ++i) host.poll_once(1);
  EXPECT_TRUE(done.ended) << "shard_close never ended";
  for (void* handle : prepared_) table->unprepare(handle);
  table->close(instance);
}
inline uint32_t Protocol::op_index(std::string_view name) const {
  for (uint32_t i = 0; table->ops[i]; ++i)
    if (name == table->ops[i]->name) return i;
  ADD_FAILURE() << "no operation " << name;
  return 0;
}
inline uint32_t Protocol::output_index(uint32_t op, std::string_view name) const {
  for (uint32_t i = 0; table->ops[op]->outputs[i]; ++i)
    if (name == table->ops[op]->outputs[i]->name) return i;
  ADD_FAILURE() << "no output " << name;
  return 0;
}
inline Prepared Protocol::prepare(std::string_view op, const Bindings& bindings, uint64_t outputs,
                                  uint64_t keep_bytes) {
  Prepared prepared;
  prepared.op = op_index(op);
  const sq_wants wants{sizeof wants, 0, outputs, keep_bytes};
  sq_error error{};
  EXPECT_EQ(table->prepare(instance, prepared.op, bindings.view().data(),
                           static_cast<uint32_t>(bindings.view().size()), &wants, &prepared.handle,
                           &error),
            SQ_OK)
      << error.text;
  if (prepared.handle) prepared_.push_back(prepared.handle);
  return prepared;
}
inline std::string Protocol::refusal(std::string_view op, const Bindings& bindings) {
  const sq_wants wants{sizeof wants, 0, 0, 0};
  sq_error error{};
  void* handle = nullptr;
  if (table->prepare(instance, op_index(op), bindings.view().data(),
                     static_cast<uint32_t>(bindings.view().size()), &wants, &handle,
                     &error) == SQ_OK) {
    table->unprepare(handle);
    return {};
  }
  return error.text;
}

inline Session::Session(Protocol& owner, uint64_t id) : protocol(owner) {
  sq_error error{};
  EXPECT_EQ(owner.table->session_open(owner.shard, id, &handle, &error), SQ_OK) << error.text;
}
inline Session::~Session() { close(); }
inline void Session::close() {
  if (!handle) return;
  for (Call& call : calls_) {
    if (!call.completions) cancel(call);
    protocol.host.run();
    for (int i = 0; i < 1000 && !call.completed; ++i) protocol.host.poll_once(1);
    EXPECT_TRUE(call.completed) << "a cancelled call never completed";
    release(call);
  }
  protocol.table->session_close(std::exchange(handle, nullptr));
  protocol.host.run();
}
inline Call& Session::start(const Prepared& prepared, std::vector<sq_value> args) {
  Call& call = calls_.emplace_back();
  static_cast<sq_call&>(call) = sq_call{};
  call.struct_size = sizeof(sq_call);
  call.due_ns = call.start_ns = protocol.host.now_ns;
  call.shard = &protocol.host.shard;
  call.protocol = &protocol;
  call.session = handle;
  call.op = prepared.op;
  call.args = std::move(args);
  const Scope plugin_runs(true);
  protocol.table->start(handle, prepared.handle, call.args.data(),
                        static_cast<uint32_t>(call.args.size()), &call);
  return call;
}
inline void Session::release(Call& call) {
  if (std::exchange(call.released, true)) return;
  const Scope plugin_runs(true);
  protocol.table->release(handle, &call);
}

}  // namespace fake

// ---- scripted handles
// ----------------------------------------------------------------------------

inline void sq_stream::feed(std::string_view bytes) {
  unread += bytes;
  fake::the_host->deliver(this);
}
inline void sq_stream::finish() {
  finish_pending = true;
  fake::the_host->deliver(this);
}
inline void sq_stream::end(sq_status why, uint32_t kind, std::string_view detail) {
  fake::the_host->later([this, why, kind, text = std::string(detail)] {
    fake::Tables::finish_stream(*this, why, kind, text);
  });
}
inline void sq_stream::release_writes() {
  hold_writes = false;
  fake::the_host->push_writes(this);
}
inline void sq_dgram::receive(std::vector<std::string> packets) {
  fake::the_host->later([this, packets = std::move(packets)] {
    if (is_closed) return;
    std::vector<sq_buf> bufs;
    for (const std::string& packet : packets) bufs.push_back(squall::plugin::buf(packet));
    events->on_receive(ctx, this, bufs.data(), static_cast<uint32_t>(bufs.size()));
  });
}
inline void sq_dgram::error(int32_t sys_errno) {
  fake::the_host->later([this, sys_errno] {
    if (!is_closed) events->on_error(ctx, this, sys_errno);
  });
}
