// The host of fake_host.hpp at work: its targets, sources and event queue, and what a test lets streams and datagrams
// say. Included by fake_host.hpp alone; it is apart so that the other file reads as the interface.
#pragma once

namespace squall::fake {

inline const sq_host& Host::root() {
  static constexpr sq_host kRoot{sizeof kRoot, SQ_ABI_MAJOR,          SQ_ABI_MINOR, "fake",
                                 "0",          Tables::get_extension, Tables::log};
  return kRoot;
}
inline Host::Host() {
  check(!the_host, "one fake host at a time");
  the_host = this;
}
inline Host::~Host() {
  run();
  for (auto& stream : streams_) check(stream->is_closed, "a stream was never closed");
  for (auto& dgram : dgrams_) check(dgram->is_closed, "a datagram socket was never closed");
  check(timer_count() == 0, "a timer was never freed");
  check(watch_count() == 0, "a watch was never ended");
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
      check(false, "the loop never becomes idle");
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
      const size_t size = stream->unread.size();
#if defined(__SANITIZE_ADDRESS__)
      // A copy of exact size: it finds what reads past the end, too.
      const std::vector<char> shown(stream->unread.begin(), stream->unread.end());
      const char* const bytes = shown.data();
#else
      lent::Memory memory;
      const char* const bytes = memory.copy(stream->unread.data(), size);
#endif
      const uint64_t used = [&] {
        const Scope plugin_runs(true);
        return stream->events->on_data(stream->ctx, stream, reinterpret_cast<const uint8_t*>(bytes), size);
      }();
      check(used <= size, "more was consumed than was shown");
      stream->unread.erase(0, static_cast<size_t>(std::min<uint64_t>(used, size)));
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
    if (stream->sent_bytes >= stream->takes_bytes) return;
    const sq_stream::Write one = std::move(stream->pending.front());
    stream->pending.pop_front();
    for (const sq_buf& buf : one.bufs) {
      if (stream->keep_sent) stream->sent.append(view(buf));
      stream->sent_bytes += buf.len;
    }
    if (one.fd >= 0) stream->sent_bytes += one.length;
    if (one.fd >= 0 && stream->keep_sent) {
      std::string bytes(static_cast<size_t>(one.length), '\0');
      const ssize_t got = ::pread(one.fd, bytes.data(), bytes.size(), static_cast<off_t>(one.offset));
      check(got == static_cast<ssize_t>(bytes.size()), "the file to send is shorter than was said");
      stream->sent += bytes;
    }
    if (one.fd >= 0) stream->file_bytes += one.length;
    if (!one.is_flush) ++stream->writes;
    if (stream->events->on_written) {
      const Scope plugin_runs(true);
      stream->events->on_written(stream->ctx, stream, one.tag);
    }
    if (serve && !stream->is_closed && !stream->close_called) serve(*stream);
  }
}

}  // namespace squall::fake

inline void sq_stream::feed(std::string_view bytes) {
  unread += bytes;
  squall::fake::the_host->deliver(this);
}
inline void sq_stream::finish() {
  finish_pending = true;
  squall::fake::the_host->deliver(this);
}
inline void sq_stream::end(sq_status why, uint32_t kind, std::string_view detail) {
  squall::fake::the_host->later([this, why, kind, text = std::string(detail)] {
    squall::fake::Tables::finish_stream(*this, why, kind, text);
  });
}
inline void sq_stream::release_writes() {
  hold_writes = false;
  squall::fake::the_host->push_writes(this);
}
inline void sq_dgram::receive(std::vector<std::string> packets) {
  squall::fake::the_host->later([this, packets = std::move(packets)] {
    if (is_closed) return;
    squall::lent::Memory memory;
    std::vector<sq_buf> bufs;
    for (const std::string& packet : packets) bufs.push_back({memory.copy(packet.data(), packet.size()), packet.size()});
    events->on_receive(ctx, this, memory.copy(bufs.data(), bufs.size()), static_cast<uint32_t>(bufs.size()));
  });
}
inline void sq_dgram::error(int32_t sys_errno) {
  squall::fake::the_host->later([this, sys_errno] {
    if (!is_closed) events->on_error(ctx, this, sys_errno);
  });
}
