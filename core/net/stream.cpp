#include "net/stream.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "net/shard_parts.hpp"
#include "net/tls.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {

Stream::Stream(ShardNet::Parts& parts) : parts_(parts) {
  timer_.stream = later_.stream = waiter_.stream = this;
  timer_.fire = on_timer;
  later_.run = on_deferred;
  waiter_.answered = on_addresses;
}

Stream::~Stream() = default;

void Stream::on_ready(void* context, int fd, std::uint32_t events) noexcept {
  static_cast<Stream*>(context)->ready(fd, events);
}
bool Stream::on_ahead(void* context) noexcept { return static_cast<Stream*>(context)->receive_ahead(); }
void Stream::on_timer(TimerNode& node) noexcept { static_cast<Timer&>(node).stream->timer_fired(); }
void Stream::on_deferred(Deferred& node) noexcept { static_cast<Later&>(node).stream->run_deferred(); }
void Stream::on_addresses(AddressWaiter& waiter, const Failure& failure) noexcept {
  static_cast<Waiter&>(waiter).stream->resolved(failure);
}

void Stream::ready(int fd, std::uint32_t events) {
  if (state_ == kConnecting) return attempt_finished(fd);
  if (state_ == kHandshaking) return continue_handshake();
  if (state_ != kOpen) return;
  if (events & SQ_FD_READ) {
    // Interest outlives read_enable(0) by one event: a plugin that pauses after every delivery
    // would otherwise pay two system calls for each.
    if (is_reading_ && !has_peer_finished_) {
      receive();
    } else {
      keep_ahead();
      set_interest(watch_->events() & ~std::uint32_t{SQ_FD_READ});
    }
  }
  if (state_ == kOpen && (events & SQ_FD_WRITE)) {
    if (std::exchange(read_wants_write_, false) && is_reading_) receive();
    if (state_ != kOpen) return;
    if (queue_.is_empty() || pace_ns_ != 0) set_interest(watch_->events() & ~std::uint32_t{SQ_FD_WRITE});
    else send_pending();
  }
}

void Stream::set_interest(std::uint32_t events) {
  if (!watch_ || parts_.reactor.modify(*watch_, events)) return;
  end(failure_of(errno, SQ_K_RECEIVE));
}

void Stream::arm_timer() {
  const std::uint64_t at_ns = pace_ns_ == 0    ? flush_ns_
                              : flush_ns_ == 0 ? pace_ns_
                                               : std::min(pace_ns_, flush_ns_);
  if (at_ns == 0) parts_.environment.disarm(timer_);
  else if (!timer_.armed || timer_.at_ns != at_ns) parts_.environment.arm(timer_, at_ns);
}

void Stream::timer_fired() {
  switch (state_) {
    case kResolving: return end({SQ_E_TIMEOUT, SQ_K_RESOLVE, "timed out"});
    case kConnecting:
      parts_.addresses.distrust(*target_);
      return end({SQ_E_TIMEOUT, SQ_K_CONNECT, "timed out"});
    case kHandshaking: return end({SQ_E_TIMEOUT, SQ_K_TLS, "timed out"});
    case kEnded: return;
    case kOpen: break;
  }
  const std::uint64_t now_ns = parts_.environment.now_ns();
  if (pace_ns_ != 0 && now_ns >= pace_ns_) {
    pace_ns_ = 0;
    send_pending();
  }
  if (state_ == kOpen && flush_ns_ != 0 && now_ns >= flush_ns_) check_flushes();
  if (state_ == kOpen) arm_timer();
}

void Stream::read_enable(bool on) noexcept {
  if (is_reading_ == on) return;
  is_reading_ = on;
  if (!on || state_ != kOpen) return;
  if (!has_peer_finished_) set_interest(watch_->events() | SQ_FD_READ);
  // What was left before the pause is shown again at once: the peer may be waiting for an answer
  // to it, and then nothing more would ever arrive.
  show_rest_ = rest_end_ > rest_begin_;
  read_again_ = show_rest_ || is_send_broken_ || (tls_ && tls_->has_pending());
  if (read_again_) schedule();
}

void Stream::close(Failure why) noexcept {
  if (is_over()) return;
  is_closed_by_plugin_ = true;
  if (tls_ && state_ == kOpen && !has_finished_ && !is_send_broken_) tls_->send_close_notify();
  end(why);
}

void Stream::give_up() noexcept {
  static constexpr sq_stream_events kNobody = {
      sizeof(sq_stream_events), 0, nullptr, [](void*, sq_stream*, const std::uint8_t*, std::uint64_t size) noexcept { return size; },
      nullptr, [](void*, sq_stream*, sq_status, std::uint32_t, sq_str) noexcept {}};
  if (is_over()) return;
  const PluginTurn turn(plugin_, "shard_close");
  parts_.environment.plugin_fault("left a stream open");
  events_ = &kNobody;
  close({SQ_E_CLOSED, SQ_K_CLOSED, "shard ends"});
}

bool Stream::may_be_used(const char* function) noexcept {
  if (!parts_.environment.is_own_thread(function, plugin_)) return false;
  if (is_lent_ && plugin_ == PluginTurn::now().plugin) [[likely]] return true;
  parts_.environment.plugin_fault(std::string(function) + (is_lent_ ? "() on a stream of another plugin"
                                                                    : "() on a stream after its on_closed"));
  return false;
}

void Stream::end(const Failure& failure) {
  if (is_over()) return;
  if (was_opened_) {
    ++counters().closed;
    --parts_.open_stream_count;
    const bool by_peer = has_peer_finished_ || failure.kind == SQ_K_CLOSED;
    if (by_peer && !is_shutdown_asked_) ++counters().closed_by_peer;
  } else {
    ++counters().failed;
  }
  if (parts_.observer) [[unlikely]] parts_.observer->closed(*target_, failure);
  state_ = kEnded;
  failure_ = failure;
  parts_.addresses.cancel(waiter_);
  parts_.environment.disarm(timer_);
  if (is_racing_) leave_race();
  if (watch_) parts_.reactor.unwatch(*std::exchange(watch_, nullptr));
  if (tls_) {
    counters().wire_sent_bytes += tls_->wire_sent();
    counters().wire_received_bytes += tls_->wire_received();
    tls_.reset();
  }
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  parts_.items.put_all(queue_);
  parts_.items.put_all(flushing_);
  release_rest();
  if (std::exchange(is_counted_, false)) target_->open_connections().fetch_sub(1, std::memory_order_relaxed);
  schedule();
}

void Stream::schedule() {
  if (!later_.queued) parts_.environment.defer(later_);
}

void Stream::run_deferred() {
  WriteList written = std::exchange(written_, {});
  while (!written.is_empty()) {
    WriteItem* const item = written.pop();
    void* const tag = item->tag;
    parts_.items.put(item);
    if (is_closed_by_plugin_ || !events_->on_written) continue;
    const PluginTurn turn(plugin_, "on_written");
    events_->on_written(context_, this, tag);
  }
  if (std::exchange(read_again_, false) && state_ == kOpen) {
    parts_.environment.read_ns();
    const bool has_rest = std::exchange(show_rest_, false) && rest_end_ > rest_begin_;
    if (has_rest && is_reading_) deliver(0, true);
    if (state_ == kOpen && is_reading_ && (is_send_broken_ || (tls_ && tls_->has_pending()))) receive();
  }
  // end() has queued this call once more if it happened only just now.
  if (is_over() && !later_.queued) report_closed();
}

void Stream::report_closed() {
  const Failure failure = failure_;
  is_lent_ = false;
  const PluginTurn turn(plugin_, "on_closed");
  events_->on_closed(context_, this, failure.status, failure.kind,
                     {failure.detail.data(), failure.detail.size()});
  parts_.items.put_all(written_);
  parts_.put_stream(*this);
}

}  // namespace squall
