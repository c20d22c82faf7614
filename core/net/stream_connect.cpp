// How a stream comes to be: addresses, a socket for each until one connects, TLS.
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/shard_parts.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

/// A connect to a free port of this machine may be given that very port as its source and then
/// shake hands with itself; to the user that is a refused connection.
bool is_connected_to_itself(int fd, const Address& address) {
  if (!address.is_loopback()) return false;
  sockaddr_storage local;
  socklen_t length = sizeof local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) return false;
  const auto own = Address::from(reinterpret_cast<sockaddr*>(&local), length);
  return own && *own == address;
}

}  // namespace

void Stream::connect(const Target& target, const ConnectOptions& options, const sq_stream_events* events,
                     void* context) noexcept {
  target_ = &target;
  counters_ = &parts_.counters[target.index()];
  events_ = events;
  context_ = context;
  plugin_ = PluginTurn::now().plugin;
  is_lent_ = true;
  session_ = options.session;
  alpn_.assign(options.alpn);
  no_delay_ = options.no_delay;
  is_direct_ = options.is_direct;
  state_ = kResolving;
  is_reading_ = true;
  has_peer_finished_ = has_finished_ = is_shutdown_asked_ = was_opened_ = false;
  read_again_ = show_rest_ = read_wants_write_ = is_send_broken_ = is_closed_by_plugin_ = false;
  is_racing_ = has_tried_ = false;
  failure_ = {};
  bucket_ = {};
  pace_ns_ = flush_ns_ = flush_since_ns_ = wire_sent_ = 0;
  budget_turn_ = budget_used_ = 0;
  resolve_ns_ = connect_ns_ = tls_ns_ = 0;

  const std::uint64_t limit = target.options().max_connections;
  is_counted_ = true;
  if (target.open_connections().fetch_add(1, std::memory_order_relaxed) >= limit && limit != 0)
    return end({SQ_E_LIMIT, SQ_K_LIMIT, "max_connections"});

  phase_start_ns_ = parts_.environment.now_ns();
  const std::uint64_t timeout_ns = options.timeout_ns ? options.timeout_ns : target.options().connect_timeout_ns;
  if (timeout_ns) parts_.environment.arm(timer_, phase_start_ns_ + timeout_ns);
  if (parts_.addresses.known(target)) return begin_connecting();
  if (!parts_.resolver) return end({SQ_E_IO, SQ_K_RESOLVE, "no resolver"});
  parts_.addresses.wait(target, waiter_);
}

void Stream::resolved(const Failure& failure) {
  const std::uint64_t now_ns = parts_.environment.now_ns();
  resolve_ns_ = now_ns - phase_start_ns_;
  phase_start_ns_ = now_ns;
  if (failure.kind != SQ_K_NONE) return end(failure);
  begin_connecting();
}

void Stream::begin_connecting() {
  state_ = kConnecting;
  failure_ = {SQ_E_IO, SQ_K_RESOLVE, "no address"};
  const std::vector<Address>& addresses = parts_.addresses.current(*target_);
  is_racing_ = addresses.size() > 1;
  if (is_racing_) {
    if (!race_) {
      race_ = std::make_unique<ConnectRace>();
      race_->timer.stream = this;
      race_->timer.fire = [](TimerNode& node) noexcept {
        static_cast<ConnectRace::Timer&>(node).stream->try_next_address();
      };
    }
    race_->addresses = addresses;   // others that connect may put the list into another order
    race_->next = 0;
  }
  try_next_address();
}

const Address* Stream::next_address() {
  if (is_racing_) return race_->next < race_->addresses.size() ? &race_->addresses[race_->next++] : nullptr;
  const std::vector<Address>& addresses = parts_.addresses.current(*target_);
  return std::exchange(has_tried_, true) || addresses.empty() ? nullptr : &addresses.front();
}

int Stream::open_socket(const Address& address, Failure& failure) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) {
    failure = failure_of(errno, SQ_K_CONNECT);
    return -1;
  }
  const int on = 1;
  if (no_delay_) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string& congestion = target_->options().congestion;
  if (!congestion.empty() &&
      setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion.data(), static_cast<socklen_t>(congestion.size())) != 0) {
    failure = {SQ_E_IO, SQ_K_CONNECT, "congestion control not available"};
    ::close(fd);
    return -1;
  }
  if (const Address* source = target_->source(session_)) {
    // The port is chosen at connect, so that one source port can serve several destinations.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd, source->data(), source->size()) != 0) {
      failure = failure_of(errno, SQ_K_CONNECT);
      ::close(fd);
      return -1;
    }
  }
  return fd;
}

/// A socket that is on its way there, or -1.
int Stream::begin_attempt(const Address& address, Failure& failure) {
  if (address.is_forbidden()) {
    failure = {SQ_E_IO, SQ_K_OFF_LIST, "forbidden address"};
    return -1;
  }
  const Address* const source = target_->source(session_);
  if (source && source->family() != address.family()) {
    failure = {SQ_E_IO, SQ_K_CONNECT, "source is of another IP version"};
    return -1;
  }
  const int fd = open_socket(address, failure);
  if (fd < 0) return -1;
  // A connect that succeeds at once is seen by epoll like one that takes its time.
  if (::connect(fd, address.data(), address.size()) == 0 || errno == EINPROGRESS) return fd;
  failure = failure_of(errno, SQ_K_CONNECT);
  ::close(fd);
  return -1;
}

void Stream::try_next_address() {
  while (const Address* const address = next_address()) {
    const int fd = begin_attempt(*address, failure_);
    Watch* const watch = fd < 0 ? nullptr : parts_.reactor.watch(fd, SQ_FD_WRITE, on_ready, this);
    if (watch) {
      if (fd_ >= 0) race_->others.push_back({fd_, watch_});
      fd_ = fd;
      watch_ = watch;
      if (is_racing_ && race_->next < race_->addresses.size())
        parts_.environment.arm(race_->timer, parts_.environment.now_ns() + ConnectRace::kNextAttemptNs);
      return;
    }
    if (fd >= 0) {
      failure_ = failure_of(errno, SQ_K_CONNECT);
      ::close(fd);
    }
    // Another address would need the same.
    if (failure_.kind == SQ_K_LOCAL_RESOURCE && is_racing_) race_->next = race_->addresses.size();
  }
  if (fd_ >= 0) return;   // what has begun may still connect
  if (failure_.kind == SQ_K_CONNECT) parts_.addresses.distrust(*target_);
  end(failure_);
}

void Stream::attempt_finished(int fd) {
  if (fd != fd_) {   // an older one: it changes places with the newest
    const auto older = std::ranges::find(race_->others, fd, &ConnectRace::Attempt::fd);
    std::swap(older->fd, fd_);
    std::swap(older->watch, watch_);
  }
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  const auto peer = error == 0 ? Address::peer_of(fd_) : std::nullopt;
  if (error == 0) {
    if (!peer) error = errno == ENOTCONN ? ECONNREFUSED : errno;
    else if (is_connected_to_itself(fd_, *peer)) error = ECONNREFUSED;
  }
  if (error != 0) {
    failure_ = failure_of(error, SQ_K_CONNECT);
    parts_.reactor.unwatch(*std::exchange(watch_, nullptr));
    ::close(std::exchange(fd_, -1));
    if (is_racing_ && !race_->others.empty()) {
      fd_ = race_->others.back().fd;
      watch_ = race_->others.back().watch;
      race_->others.pop_back();
    }
    if (failure_.kind == SQ_K_LOCAL_RESOURCE) {
      if (fd_ < 0) return end(failure_);
      race_->next = race_->addresses.size();
    }
    return try_next_address();
  }
  if (is_racing_) {
    leave_race();
    if (!(*peer == race_->addresses.front())) parts_.addresses.prefer(*target_, *peer);
  }
  const std::uint64_t now_ns = parts_.environment.now_ns();
  connect_ns_ = now_ns - phase_start_ns_;
  phase_start_ns_ = now_ns;
  target_->url().is_tls ? start_tls() : opened();
}

void Stream::leave_race() {
  is_racing_ = false;
  parts_.environment.disarm(race_->timer);
  for (const ConnectRace::Attempt& attempt : race_->others) {
    parts_.reactor.unwatch(*attempt.watch);
    ::close(attempt.fd);
  }
  race_->others.clear();
}

void Stream::start_tls() {
  state_ = kHandshaking;
  Failure failure;
  tls_ = parts_.tls->open(*target_, session_, alpn_, fd_, failure);
  tls_ ? continue_handshake() : end(failure);
}

void Stream::continue_handshake() {
  const Transfer step = tls_->handshake();
  if (step.outcome == Transfer::kFailed) return end(step.failure);
  if (step.outcome == Transfer::kBlocked)
    return set_interest(step.wants_other ? SQ_FD_WRITE : SQ_FD_READ);
  tls_ns_ = parts_.environment.now_ns() - phase_start_ns_;
  opened();
}

void Stream::opened() {
  state_ = kOpen;
  was_opened_ = true;
  ++counters().opened;
  ++parts_.open_stream_count;
  parts_.environment.disarm(timer_);
  set_interest(SQ_FD_READ);
  if (is_over()) return;
  small_reads_ = 0;
  watch_->set_ahead(on_ahead);
  const auto peer = Address::peer_of(fd_);
  const std::string peer_text = peer ? peer->text() : std::string{};
  const std::string_view alpn = tls_ ? tls_->alpn() : std::string_view{};
  const sq_stream_info info{sizeof info, 0, resolve_ns_, connect_ns_, tls_ns_,
                            {alpn.data(), alpn.size()}, {peer_text.data(), peer_text.size()}};
  if (parts_.observer) [[unlikely]] parts_.observer->connected(*target_, peer_text);
  if (!events_->on_open) return;
  const PluginTurn turn(plugin_, "on_open");
  events_->on_open(context_, this, &info);
  if (state_ == kOpen && !queue_.is_empty()) send_pending();
  if (state_ == kOpen && tls_ && tls_->has_pending()) {   // data came with the last handshake record
    read_again_ = true;
    schedule();
  }
}

}  // namespace squall
