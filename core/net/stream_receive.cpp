// From the socket to the plugin's on_data, and what becomes of bytes that it does not consume.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/shard_parts.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr std::size_t kRestRoom = 4096;        // at least so much is offered to recv
constexpr std::size_t kFullRecord = 16384;     // of TLS: more are likely to follow
constexpr std::size_t kAheadBytes = 8192;      // of an answer that is received together with others
constexpr std::uint8_t kSmallReadsWanted = 4;  // a large answer may end in some

}  // namespace

Transfer Stream::receive_some(void* data, std::size_t size) {
  if (tls_) return tls_->read(data, size);
  for (;;) {
    const ssize_t count = ::recv(fd_, data, size, 0);
    if (count > 0) {
      counters().wire_received_bytes += static_cast<std::uint64_t>(count);
      return {Transfer::kMoved, false, static_cast<std::size_t>(count), {}};
    }
    if (count == 0) return {Transfer::kEnd, false, 0, {}};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Transfer::kBlocked, false, 0, {}};
    if (errno != EINTR) return {Transfer::kFailed, false, 0, failure_of(errno, SQ_K_RECEIVE)};
  }
}

void Stream::count_received(std::span<const std::uint8_t> data) {
  counters().received_bytes += data.size();
  if (parts_.observer) [[unlikely]] parts_.observer->received(*target_, data.data(), data.size());
}

bool Stream::receive_ahead() {
  const bool is_usual = state_ == kOpen && is_reading_ && !tls_ && !rest_.data && !has_peer_finished_ && !is_send_broken_;
  if (!is_usual || small_reads_ < kSmallReadsWanted) return false;
  __builtin_prefetch(context_);
  Buffer ahead = parts_.buffers.take(kAheadBytes);
  const Transfer got = receive_some(ahead.data.get(), kAheadBytes);
  if (got.outcome != Transfer::kMoved) {
    parts_.buffers.put(std::move(ahead));
    if (got.outcome == Transfer::kFailed) end(got.failure);   // the kernel tells it once
    return false;                                             // an end is found again
  }
  rest_ = std::move(ahead);
  ahead_bytes_ = static_cast<std::uint16_t>(got.bytes);
  count_received({rest_.data.get(), got.bytes});
  return true;
}

/// Reading was paused by another stream's callback: what was taken is shown when it goes on.
void Stream::keep_ahead() { rest_end_ += std::exchange(ahead_bytes_, std::uint16_t{0}); }

void Stream::receive() {
  __builtin_prefetch(context_);   // the plugin's state, while the kernel copies
  if (ahead_bytes_ > 0) {
    const std::size_t bytes = std::exchange(ahead_bytes_, std::uint16_t{0});
    if (!deliver(bytes, true) || bytes < kAheadBytes) return;
    small_reads_ = 0;
  }
  std::uint64_t received = 0;
  while (state_ == kOpen && is_reading_) {
    const bool has_rest = rest_end_ > rest_begin_;
    if (rest_end_ - rest_begin_ >= kUnconsumedBytesMax) return end({SQ_E_LIMIT, SQ_K_LIMIT, "unconsumed data"});
    const auto space =
        has_rest ? rest_space() : std::span(parts_.receive_buffer.get(), ShardNet::Parts::kReceiveBytes);
    const Transfer got = receive_some(space.data(), space.size());
    switch (got.outcome) {
      case Transfer::kBlocked:
        if (is_send_broken_) return end(failure_);
        if (got.wants_other) {
          read_wants_write_ = true;
          set_interest(watch_->events() | SQ_FD_WRITE);
        }
        return;
      case Transfer::kFailed: return end(is_send_broken_ ? failure_ : got.failure);
      case Transfer::kEnd: return is_send_broken_ ? end(failure_) : peer_finished();
      case Transfer::kMoved: break;
    }
    count_received(space.first(got.bytes));
    received += got.bytes;
    if (got.bytes >= kAheadBytes) small_reads_ = 0;
    else if (small_reads_ < kSmallReadsWanted) ++small_reads_;
    if (!deliver(got.bytes, has_rest)) return;
    const bool is_more_likely = is_send_broken_ || (tls_ ? tls_->has_pending() || got.bytes >= kFullRecord
                                                         : got.bytes == space.size());
    if (!is_more_likely) return;
    if (received < kTurnBytes) continue;
    // Enough for this turn.  epoll comes back for the socket, but not for what TLS has buffered.
    if (is_send_broken_ || (tls_ && tls_->has_pending())) {
      read_again_ = true;
      schedule();
    }
    return;
  }
}

/// Shows `fresh` new bytes, after the rest if there is one.  False when reading must stop.
bool Stream::deliver(std::size_t fresh, bool is_in_rest) {
  // The plugin may close the stream while it looks at the bytes, so the buffer is held here.
  Buffer held;
  std::uint8_t* data = parts_.receive_buffer.get();
  std::size_t size = fresh;
  std::size_t begin = 0;
  if (is_in_rest) {
    held = std::exchange(rest_, {});
    begin = std::exchange(rest_begin_, 0);
    size = std::exchange(rest_end_, 0) - begin + fresh;
    data = held.data.get() + begin;
  }
  const PluginTurn turn(plugin_, "on_data");
  std::uint64_t consumed = events_->on_data(context_, this, data, size);
  if (consumed > size) {
    // What else it says about these bytes is not to be believed either.
    parts_.environment.plugin_fault("consumed more bytes than it was shown");
    consumed = size;
    end({SQ_E_INTERNAL, SQ_K_PLUGIN, "on_data consumed too much"});
  }
  if (state_ != kOpen || consumed == size) {
    if (held.data) parts_.buffers.put(std::move(held));
  } else if (held.data) {
    rest_ = std::move(held);
    rest_begin_ = begin + consumed;
    rest_end_ = begin + size;
  } else {
    keep_rest(data + consumed, size - consumed);
  }
  return state_ == kOpen && is_reading_;
}

/// Where recv may append to the rest: grown to twice its size when it is full.
std::span<std::uint8_t> Stream::rest_space() {
  const std::size_t size = rest_end_ - rest_begin_;
  if (rest_.capacity - rest_end_ < kRestRoom) {
    if (size + kRestRoom <= rest_.capacity / 2) {
      std::memmove(rest_.data.get(), rest_.data.get() + rest_begin_, size);
    } else {
      Buffer larger = parts_.buffers.take(std::max(size + kRestRoom, rest_.capacity * 2));
      std::memcpy(larger.data.get(), rest_.data.get() + rest_begin_, size);
      parts_.buffers.put(std::exchange(rest_, std::move(larger)));
    }
    rest_begin_ = 0;
    rest_end_ = size;
  }
  return {rest_.data.get() + rest_end_, rest_.capacity - rest_end_};
}

void Stream::keep_rest(const std::uint8_t* data, std::size_t size) {
  rest_ = parts_.buffers.take(size + kRestRoom);
  std::memcpy(rest_.data.get(), data, size);
  rest_begin_ = 0;
  rest_end_ = size;
}

void Stream::release_rest() {
  if (rest_.data) parts_.buffers.put(std::exchange(rest_, {}));
  rest_begin_ = rest_end_ = 0;
  ahead_bytes_ = 0;
}

void Stream::peer_finished() {
  has_peer_finished_ = true;
  set_interest(watch_->events() & ~std::uint32_t{SQ_FD_READ});
  if (is_over()) return;
  {
    const PluginTurn turn(plugin_, "on_data");
    events_->on_data(context_, this, parts_.receive_buffer.get(), 0);
  }
  if (state_ == kOpen && has_finished_) end({SQ_OK, SQ_K_CLOSED, "eof"});
}

}  // namespace squall
