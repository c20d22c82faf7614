#include "udp_port.hpp"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "listener.hpp"

namespace squall::city {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMaxDatagram = 65'536;
constexpr int kReceiveBuffer = 32 << 20;

}  // namespace

struct UdpPort::Batch {
  mmsghdr headers[kBatch];
  iovec parts[kBatch];
  sockaddr_storage peers[kBatch];
  char bytes[kBatch][kMaxDatagram];

  void arm() {
    std::memset(headers, 0, sizeof headers);
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes[i], kMaxDatagram};
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &peers[i];
      headers[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
  }
};

UdpPort::UdpPort(Worker& worker, Kind kind)
    : worker_(worker), kind_(kind), socket_(worker.executor()), batch_(new Batch) {}

UdpPort::~UdpPort() = default;

unsigned short UdpPort::listen(const asio::ip::udp::endpoint& address) {
  socket_.open(address.protocol());
  const int wanted = kReceiveBuffer;
  // The forced option passes net.core.rmem_max and needs CAP_NET_ADMIN; else as much as is allowed.
  if (setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) !=
      0) {
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  socket_.bind(address);
  socket_.non_blocking(true);
  asio::co_spawn(worker_.executor(), serve(), asio::detached);
  return socket_.local_endpoint().port();
}

Task<void> UdpPort::serve() {
  for (;;) {
    const auto [error] = co_await socket_.async_wait(asio::socket_base::wait_read, kAwait);
    if (error == asio::error::operation_aborted) co_return;
    // A frozen echo leaves datagrams in the kernel's buffer and answers them right after. The sink
    // has no answers to freeze.
    if (kind_ == Kind::kEcho && worker_.behaviour.stall.is_set()) co_await worker_.wait_for_thaw();
    // A few batches at a time, so that the worker's other ports have their turn in a flood.
    for (int round = 0; round < 16 && take_batch(); ++round) {
    }
  }
}

/// Reads up to one batch. True when it was full, so there may be more.
bool UdpPort::take_batch() {
  batch_->arm();
  const int got = recvmmsg(socket_.native_handle(), batch_->headers, kBatch, MSG_DONTWAIT, nullptr);
  if (got <= 0) return false;
  for (int i = 0; i < got; ++i) {
    const std::string_view datagram(batch_->bytes[i], batch_->headers[i].msg_len);
    ++counters_.datagrams;
    counters_.bytes += datagram.size();
    counters_.by_class.at(class_of_payload(datagram, "udp")) += Tally{1, datagram.size()};
    batch_->parts[i].iov_len = datagram.size();
  }
  if (kind_ == Kind::kEcho) {
    counters_.answered += static_cast<std::uint64_t>(got);
    int sent = 0;
    while (sent < got) {
      const int now = sendmmsg(socket_.native_handle(), batch_->headers + sent,
                               static_cast<unsigned>(got - sent), 0);
      if (now <= 0) {
        // One peer that cannot be answered must not silence the others.
        --counters_.answered;
        ++sent;
        continue;
      }
      sent += now;
    }
  }
  return got == static_cast<int>(kBatch);
}

std::uint64_t UdpPort::kernel_drops() const {
  std::uint32_t info[SK_MEMINFO_VARS] = {};
  socklen_t size = sizeof info;
  const int fd = const_cast<UdpPort*>(this)->socket_.native_handle();
  return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

UdpCounters UdpPort::counters() {
  return worker_.ask([this] {
    if (!socket_.is_open()) return counters_;
    if (kind_ == Kind::kSink) {
      for (int round = 0; round < 4096 && take_batch(); ++round) {
      }
    }
    counters_.dropped = kernel_drops() - drops_before_;
    int size = 0;
    socklen_t length = sizeof size;
    getsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &size, &length);
    counters_.receive_buffer_bytes = static_cast<std::uint64_t>(size);
    return counters_;
  });
}

void UdpPort::reset() {
  worker_.ask([this] {
    if (!socket_.is_open()) return;
    while (take_batch()) {
    }
    counters_ = {};
    drops_before_ = kernel_drops();
  });
}

}  // namespace squall::city
