#include "net/datagram.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/shard_parts.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr unsigned kBatch = 64;                       // packets per system call
constexpr std::size_t kPacketBytesMax = 65536;        // of UDP: 65,507
constexpr int kSocketBufferBytes = 4 << 20;           // bursts must not be lost on our side
constexpr unsigned kBatchesPerTurn = 8;

/// As large as the system allows; the FORCE variants work for root alone.
void enlarge_buffers(int fd) {
  const int bytes = kSocketBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

}  // namespace

DatagramSocket::DatagramSocket(ShardNet::Parts& parts, const Target& target, std::uint64_t session,
                               const sq_dgram_events* events, void* context)
    : parts_(parts), target_(target), session_(session), events_(events), context_(context), plugin_(PluginTurn::now().plugin) {
  later_.socket = waiter_.socket = this;
  later_.run = [](Deferred& node) noexcept { static_cast<Later&>(node).socket->run_deferred(); };
  waiter_.answered = [](AddressWaiter& waiter, const Failure& failure) noexcept {
    DatagramSocket& self = *static_cast<Waiter&>(waiter).socket;
    const auto* addresses = self.parts_.addresses.known(self.target_);
    if (failure.kind != SQ_K_NONE || !addresses) return self.report_later(EHOSTUNREACH);
    const sq_status status = self.open_socket(addresses->front());
    if (status != SQ_OK) self.report_later(status == SQ_E_LIMIT ? EMFILE : EHOSTUNREACH);
  };
  parts_.link(*this);
}

DatagramSocket::~DatagramSocket() { parts_.unlink(*this); }

TargetCounters& DatagramSocket::counters() { return parts_.counters[target_.index()]; }

sq_status DatagramSocket::open() {
  if (const auto* addresses = parts_.addresses.known(target_)) return open_socket(addresses->front());
  if (!parts_.resolver) return SQ_E_IO;
  parts_.addresses.wait(target_, waiter_);
  return SQ_OK;
}

sq_status DatagramSocket::open_socket(const Address& address) {
  if (address.is_forbidden()) return SQ_E_INVALID;
  fd_ = ::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd_ < 0) return errno == EMFILE || errno == ENFILE ? SQ_E_LIMIT : SQ_E_IO;
  enlarge_buffers(fd_);
  const Address* source = target_.source(session_);
  if ((source && ::bind(fd_, source->data(), source->size()) != 0) ||
      ::connect(fd_, address.data(), address.size()) != 0 ||
      !(watch_ = parts_.reactor.watch(
            fd_, SQ_FD_READ,
            [](void* context, int, std::uint32_t events) noexcept {
              static_cast<DatagramSocket*>(context)->ready(events);
            },
            this))) {
    ::close(std::exchange(fd_, -1));
    ++counters().failed;
    return SQ_E_IO;
  }
  ++counters().opened;
  is_open_untold_ = true;
  if (!later_.queued) parts_.environment.defer(later_);
  return SQ_OK;
}

std::int32_t DatagramSocket::send(const sq_buf* packets, std::uint32_t count) {
  if (is_closed_) return SQ_E_CLOSED;
  if (fd_ < 0) return 0;
  std::uint32_t taken = 0;
  bool has_refused = false;
  while (taken < count) {
    mmsghdr headers[kBatch];
    iovec pieces[kBatch];
    const unsigned size = std::min(kBatch, count - taken);
    for (unsigned i = 0; i < size; ++i) {
      const sq_buf& packet = packets[taken + i];
      pieces[i] = {const_cast<void*>(packet.ptr), packet.len};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &pieces[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = ::sendmmsg(fd_, headers, size, MSG_NOSIGNAL);
    if (sent > 0) {
      TargetCounters& counts = counters();
      counts.packets_sent += static_cast<unsigned>(sent);
      for (int i = 0; i < sent; ++i) {
        counts.sent_bytes += headers[i].msg_len;
        counts.wire_sent_bytes += headers[i].msg_len;
      }
      if (parts_.observer) [[unlikely]] {
        for (int i = 0; i < sent; ++i) parts_.observer->sent(target_, {&pieces[i], 1});
      }
      taken += static_cast<unsigned>(sent);
      has_refused = false;
      continue;                      // a short count: the next call says why
    }
    if (errno == EINTR) continue;
    // An ICMP answer to an earlier packet is reported by the next call, which has sent nothing:
    // the packets are still good.
    if (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH) {
      ++counters().icmp_errors;
      report_later(errno);
      if (std::exchange(has_refused, true)) break;
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) break;
    if (taken > 0) break;
    const bool is_ours = errno == EMSGSIZE || errno == EINVAL;
    report_later(errno);
    return is_ours ? SQ_E_INVALID : SQ_E_IO;
  }
  return static_cast<std::int32_t>(taken);
}

void DatagramSocket::ready(std::uint32_t events) {
  if (events & SQ_FD_ERROR) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
      ++counters().icmp_errors;
      tell_error(error);
    }
    if (is_closed_) return;
  }
  if (events & SQ_FD_READ) receive();
}

void DatagramSocket::receive() {
  std::uint8_t* const memory = parts_.datagram_memory(kBatch * kPacketBytesMax);
  for (unsigned round = 0; round < kBatchesPerTurn; ++round) {
    mmsghdr headers[kBatch];
    iovec pieces[kBatch];
    for (unsigned i = 0; i < kBatch; ++i) {
      pieces[i] = {memory + i * kPacketBytesMax, kPacketBytesMax};
      headers[i] = {};
      headers[i].msg_hdr.msg_iov = &pieces[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = ::recvmmsg(fd_, headers, kBatch, MSG_DONTWAIT, nullptr);
    if (count <= 0) {
      if (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        const int error = errno;
        ++counters().icmp_errors;
        tell_error(error);
      }
      return;
    }
    sq_buf packets[kBatch];
    TargetCounters& counts = counters();
    counts.packets_received += static_cast<unsigned>(count);
    for (int i = 0; i < count; ++i) {
      packets[i] = {pieces[i].iov_base, headers[i].msg_len};
      counts.received_bytes += headers[i].msg_len;
      counts.wire_received_bytes += headers[i].msg_len;
      if (parts_.observer) [[unlikely]] parts_.observer->received(target_, pieces[i].iov_base, headers[i].msg_len);
    }
    {
      const PluginTurn turn(plugin_, "on_receive");
      events_->on_receive(context_, this, packets, static_cast<std::uint32_t>(count));
    }
    if (is_closed_ || static_cast<unsigned>(count) < kBatch) return;
  }
}

void DatagramSocket::report_later(int sys_errno) {
  error_ = sys_errno;
  if (!later_.queued) parts_.environment.defer(later_);
}

void DatagramSocket::run_deferred() {
  if (is_closed_) {
    delete this;
    return;
  }
  if (std::exchange(is_open_untold_, false)) tell_open();
  if (is_closed_) return;   // by what it was told; it is deferred again, and ends then
  if (const int error = std::exchange(error_, 0); error != 0) tell_error(error);
}

void DatagramSocket::tell_open() {
  if (!events_->on_open) return;
  const PluginTurn turn(plugin_, "on_open");
  events_->on_open(context_, this);
}

void DatagramSocket::tell_error(int sys_errno) {
  if (!events_->on_error) return;
  const PluginTurn turn(plugin_, "on_error");
  events_->on_error(context_, this, sys_errno);
}

bool DatagramSocket::may_be_used(const char* function) noexcept { return parts_.environment.is_own_thread(function, plugin_); }

void DatagramSocket::give_up() {
  if (is_closed_) return;
  const PluginTurn turn(plugin_, "shard_close");
  parts_.environment.plugin_fault("left a datagram socket open");
  close();
}

void DatagramSocket::close() {
  if (is_closed_) return;
  is_closed_ = true;
  parts_.addresses.cancel(waiter_);
  if (watch_) parts_.reactor.unwatch(*std::exchange(watch_, nullptr));
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
    ++counters().closed;
  }
  if (!later_.queued) parts_.environment.defer(later_);
}

}  // namespace squall
