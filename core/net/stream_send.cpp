// From the plugin's write to the socket: at once when it can, in order always, within the turn's
// budget and the pace.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/shard_parts.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace squall {
namespace {

constexpr std::size_t kRecordBytes = 16384;      // one TLS record
constexpr std::size_t kOwnRecordBytes = 4096;    // a piece so large is not copied to join others
// A flush asks the kernel again after 1/64 of the time it has waited: the answer is then 1.6 % late
// at most, for few questions.
constexpr std::uint64_t kFlushStepNsMin = 50'000, kFlushStepNsMax = 10'000'000;

}  // namespace

sq_status Stream::write(std::span<const iovec> buffers, void* tag) noexcept {
  if (is_over()) return SQ_E_CLOSED;
  if (is_shutdown_asked_) return SQ_E_STATE;
  if (is_send_broken_) return SQ_OK;             // on_closed is on its way
  if (parts_.observer) [[unlikely]] parts_.observer->sent(*target_, buffers);
  const bool was_empty = queue_.is_empty();
  if (was_empty && is_direct_ && state_ == kOpen && pace_ns_ == 0 && !bucket_.is_limited()) {
    return write_directly(buffers, tag);
  }
  queue_.push(parts_.items.take(buffers, tag));
  if (was_empty) send_pending();
  return SQ_OK;
}

/// The usual small write: it goes whole and at once, and needs no place in the queue.
sq_status Stream::write_directly(std::span<const iovec> buffers, void* tag) {
  std::uint64_t size = 0;
  for (const iovec& buffer : buffers) size += buffer.iov_len;
  Transfer sent{Transfer::kBlocked, false, 0, {}};
  if (size > 0 && size <= turn_budget()) sent = send_some(buffers);
  if (sent.outcome == Transfer::kFailed) {
    send_failed(sent.failure);
    return SQ_OK;                                // on_closed is on its way
  }
  if (sent.bytes > 0) count_sent(sent.bytes);
  if (sent.bytes == size && size > 0) return SQ_DONE;
  WriteItem* const item = parts_.items.take(buffers, tag);
  advance(*item, sent.bytes);
  queue_.push(item);
  send_pending();
  return SQ_OK;
}

sq_status Stream::send_file(int fd, std::uint64_t offset, std::uint64_t length, void* tag) noexcept {
  if (is_over()) return SQ_E_CLOSED;
  if (is_shutdown_asked_) return SQ_E_STATE;
  if (is_send_broken_) return SQ_OK;
  if (parts_.observer) [[unlikely]] parts_.observer->sent_file(*target_, fd, offset, length);
  const bool was_empty = queue_.is_empty();
  WriteItem* const item = parts_.items.take(WriteItem::kFile, tag);
  item->file = fd;
  item->offset = static_cast<off_t>(offset);
  item->left = length;
  queue_.push(item);
  if (was_empty) send_pending();
  return SQ_OK;
}

sq_status Stream::flush(void* tag) noexcept {
  if (is_over()) return SQ_E_CLOSED;
  if (is_send_broken_) return SQ_OK;
  const bool was_empty = queue_.is_empty();
  queue_.push(parts_.items.take(WriteItem::kFlush, tag));
  if (was_empty) send_pending();
  return SQ_OK;
}

void Stream::shutdown() noexcept {
  if (is_over() || is_shutdown_asked_ || is_send_broken_) return;
  is_shutdown_asked_ = true;
  const bool was_empty = queue_.is_empty();
  queue_.push(parts_.items.take(WriteItem::kShutdown, nullptr));
  if (was_empty) send_pending();
}

void Stream::pace(std::uint64_t bytes_per_s) noexcept {
  if (is_over()) return;
  bucket_.set_rate(bytes_per_s, parts_.environment.now_ns());
  if (state_ != kOpen || pace_ns_ == 0) return;
  pace_ns_ = 0;                                  // what waits, waits for the new rate
  arm_timer();
  send_pending();
}

std::uint64_t Stream::turn_budget() const {
  if (budget_turn_ != parts_.reactor.turn().number) return kTurnBytes;
  return kTurnBytes - std::min(kTurnBytes, budget_used_);
}

void Stream::count_sent(std::uint64_t bytes) {
  counters().sent_bytes += bytes;
  const std::uint64_t turn = parts_.reactor.turn().number;
  if (budget_turn_ != turn) {
    budget_turn_ = turn;
    budget_used_ = 0;
  }
  budget_used_ += bytes;
  if (bucket_.is_limited()) bucket_.spend(bytes);
}

std::uint64_t Stream::wire_sent() const { return tls_ ? tls_->wire_sent() : wire_sent_; }

void Stream::send_pending() {
  if (state_ != kOpen || is_send_broken_ || pace_ns_ != 0) return;
  while (!queue_.is_empty()) {
    WriteItem& item = *queue_.first();
    if (item.kind == WriteItem::kFlush) {
      queue_.pop();
      item.position = wire_sent();
      flushing_.push(&item);
      flush_since_ns_ = parts_.environment.now_ns();
      check_flushes();
      if (is_over() || is_send_broken_) return;
      continue;
    }
    if (item.kind == WriteItem::kShutdown) {
      parts_.items.put(queue_.pop());
      return finish_sending();                   // nothing can stand behind it but flushes
    }
    if (item.left == 0) {
      item_done();
      continue;
    }
    std::uint64_t limit = turn_budget();
    if (limit == 0) break;
    if (bucket_.is_limited()) {
      limit = std::min(limit, bucket_.allowance(parts_.environment.now_ns(), item.left));
      if (limit == 0) {
        pace_ns_ = bucket_.ready_ns(item.left);
        return arm_timer();                      // ready() drops the interest in writing if it fires
      }
    }
    const bool can_go_on = item.kind == WriteItem::kFile ? send_file_range(limit) : send_buffers(limit);
    if (is_over() || is_send_broken_) return;
    if (!can_go_on) break;
  }
  // The interest is dropped lazily, by ready(): a bulk writer empties its queue again and again.
  if (!queue_.is_empty()) set_interest(watch_->events() | SQ_FD_WRITE);
}

/// False: the kernel takes no more now (or the stream has ended).
bool Stream::send_buffers(std::uint64_t limit) {
  iovec pieces[kWriteBuffersMax];
  std::uint64_t offered = 0;
  const unsigned count = gather(queue_, limit, pieces, offered);
  const Transfer sent = send_some({pieces, count});
  if (sent.outcome == Transfer::kFailed) {
    send_failed(sent.failure);
    return false;
  }
  if (sent.outcome == Transfer::kBlocked) return false;
  count_sent(sent.bytes);
  for (std::uint64_t left = sent.bytes; !queue_.is_empty() && queue_.first()->kind == WriteItem::kBuffers;) {
    left -= advance(*queue_.first(), left);
    if (queue_.first()->left > 0) break;
    item_done();
  }
  // A short count of a plain socket means that its buffer is full; asking again would only cost.
  return tls_ || sent.bytes == offered;
}

Transfer Stream::send_some(std::span<const iovec> pieces) {
  if (tls_) {
    if (pieces.size() == 1 || pieces[0].iov_len >= kOwnRecordBytes)
      return tls_->write(pieces[0].iov_base, pieces[0].iov_len);
    std::uint8_t record[kRecordBytes];
    std::size_t size = 0;
    for (const iovec& piece : pieces) {
      const auto step = std::min<std::size_t>(piece.iov_len, kRecordBytes - size);
      std::memcpy(record + size, piece.iov_base, step);
      size += step;
      if (size == kRecordBytes) break;
    }
    return tls_->write(record, size);
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  for (;;) {
    // One piece is the usual case, and send() the cheaper call for it.
    const ssize_t count = pieces.size() == 1 ? ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                                             : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (count >= 0) {
      wire_sent_ += static_cast<std::uint64_t>(count);
      counters().wire_sent_bytes += static_cast<std::uint64_t>(count);
      return {Transfer::kMoved, false, static_cast<std::size_t>(count), {}};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Transfer::kBlocked, false, 0, {}};
    if (errno != EINTR) return {Transfer::kFailed, false, 0, failure_of(errno, SQ_K_SEND)};
  }
}

bool Stream::send_file_range(std::uint64_t limit) {
  WriteItem& item = *queue_.first();
  const std::size_t wanted = std::min(item.left, limit);
  ssize_t count = 0;
  if (tls_) {
    std::uint8_t record[kRecordBytes];
    count = ::pread(item.file, record, std::min(wanted, kRecordBytes), item.offset);
    if (count > 0) {
      const Transfer sent = tls_->write(record, static_cast<std::size_t>(count));
      if (sent.outcome == Transfer::kFailed) send_failed(sent.failure);
      if (sent.outcome != Transfer::kMoved) return false;
      count = static_cast<ssize_t>(sent.bytes);
      item.offset += count;
    }
  } else {
    count = ::sendfile(fd_, item.file, &item.offset, wanted);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (count > 0) {
      wire_sent_ += static_cast<std::uint64_t>(count);
      counters().wire_sent_bytes += static_cast<std::uint64_t>(count);
    }
  }
  if (count < 0) {
    if (errno == EINTR) return true;
    send_failed(failure_of(errno, SQ_K_SEND));
    return false;
  }
  if (count == 0) {
    end({SQ_E_IO, SQ_K_SEND, "file is shorter than the range"});
    return false;
  }
  item.left -= static_cast<std::uint64_t>(count);
  count_sent(static_cast<std::uint64_t>(count));
  if (item.left == 0) item_done();
  return true;
}

void Stream::item_done() {
  written_.push(queue_.pop());
  schedule();
}

void Stream::finish_sending() {
  has_finished_ = true;
  if (tls_) tls_->send_close_notify();
  ::shutdown(fd_, SHUT_WR);
  if (has_peer_finished_) return end({SQ_OK, SQ_K_CLOSED, "eof"});
  send_pending();
}

/// The kernel's send queue holds what is not acknowledged; everything before it has arrived.
void Stream::check_flushes() {
  flush_ns_ = 0;
  if (flushing_.is_empty()) return;
  int queued = 0;
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == 0 && ::ioctl(fd_, SIOCOUTQ, &queued) != 0) error = errno;
  if (error != 0) return send_failed(failure_of(error, SQ_K_SEND));
  const std::uint64_t acknowledged = wire_sent() - std::min<std::uint64_t>(wire_sent(), static_cast<unsigned>(queued));
  while (!flushing_.is_empty() && flushing_.first()->position <= acknowledged) {
    written_.push(flushing_.pop());
    schedule();
  }
  if (flushing_.is_empty()) return;
  const std::uint64_t now_ns = parts_.environment.now_ns();
  flush_ns_ = now_ns + std::clamp((now_ns - flush_since_ns_) / 64, kFlushStepNsMin, kFlushStepNsMax);
  arm_timer();
}

/// A reset answers our bytes, but the peer may have said why before it (an HTTP 413, an MQTT
/// reason): what it sent is shown first, then the stream ends.
void Stream::send_failed(const Failure& failure) {
  if (failure.kind != SQ_K_CLOSED || !is_reading_ || has_peer_finished_) return end(failure);
  is_send_broken_ = true;
  failure_ = failure;
  parts_.items.put_all(queue_);
  parts_.items.put_all(flushing_);
  read_again_ = true;
  schedule();
}

}  // namespace squall
