// Datagrams on loopback: counts, sizes, refusals.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "loop.hpp"
#include "net/net_api.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

/// A bound UDP socket of the test's own.
struct Station {
  Station() {
    fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int bytes = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
  }
  ~Station() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::string url() const { return "udp://127.0.0.1:" + std::to_string(port); }
  /// Sends everything back that has come; returns how much.
  unsigned echo() {
    unsigned count = 0;
    std::vector<char> buffer(65536);
    sockaddr_in from{};
    for (;; ++count) {
      socklen_t length = sizeof from;
      const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (size < 0) return count;
      ::sendto(fd, buffer.data(), static_cast<std::size_t>(size), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }
  int fd = -1;
  std::uint16_t port = 0;
};

struct Socket {
  explicit Socket(Shard& shard, const Target& target) {
    static const sq_dgram_events events{
        sizeof(sq_dgram_events), 0,
        [](void* ctx, sq_dgram*) noexcept { ++static_cast<Socket*>(ctx)->opens; },
        [](void* ctx, sq_dgram*, const sq_buf* packets, std::uint32_t n) noexcept {
          auto& self = *static_cast<Socket*>(ctx);
          EXPECT_FALSE(self.is_closed);
          for (std::uint32_t i = 0; i < n; ++i)
            self.received.emplace_back(static_cast<const char*>(packets[i].ptr), packets[i].len);
        },
        [](void* ctx, sq_dgram*, std::int32_t error) noexcept {
          static_cast<Socket*>(ctx)->errors.push_back(error);
        }};
    status = datagram_api()->open(&shard, &target, 1, &events, this, &handle);
  }
  ~Socket() { close(); }
  void close() {
    if (status == SQ_OK && !std::exchange(is_closed, true)) datagram_api()->close(handle);
  }
  std::int32_t send(const std::vector<std::string>& packets) {
    std::vector<sq_buf> buffers;
    for (const std::string& packet : packets) buffers.push_back({packet.data(), packet.size()});
    return datagram_api()->send(handle, buffers.data(), static_cast<std::uint32_t>(buffers.size()));
  }
  sq_dgram* handle = nullptr;
  sq_status status;
  bool is_closed = false;
  int opens = 0;
  std::vector<std::string> received;
  std::vector<int> errors;
};

TEST(Datagram, EveryPacketOfABatchGoesOutAndComesBack) {
  Station station;
  Shard shard;
  const Target& target = shard.add(station.url());
  shard.start();
  Socket socket(shard, target);
  ASSERT_EQ(socket.status, SQ_OK);
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) sent.emplace_back(static_cast<std::size_t>(i) % 1200, static_cast<char>(i));
  sent.push_back("");
  sent.push_back(std::string(65507, 'y'));
  unsigned echoed = 0;
  for (std::size_t at = 0; at < sent.size();) {
    const auto end = std::min(sent.size(), at + 100);
    const std::int32_t taken = socket.send({sent.begin() + static_cast<long>(at), sent.begin() + static_cast<long>(end)});
    ASSERT_GE(taken, 0);
    at += static_cast<std::size_t>(taken);
    echoed += station.echo();
    shard.loop.turn(0);
  }
  ASSERT_TRUE(shard.loop.until([&] {
    echoed += station.echo();
    return socket.received.size() == sent.size();
  }));
  EXPECT_EQ(echoed, sent.size());
  EXPECT_EQ(std::multiset<std::string>(socket.received.begin(), socket.received.end()),
            std::multiset<std::string>(sent.begin(), sent.end()));
  const TargetCounters& counts = shard.net->counters()[0];
  EXPECT_EQ(counts.packets_sent, sent.size());
  EXPECT_EQ(counts.packets_received, sent.size());
  EXPECT_EQ(counts.sent_bytes, counts.received_bytes);
}

TEST(Datagram, APacketThatIsTooLargeIsTheCallersMistake) {
  Station station;
  Shard shard;
  const Target& target = shard.add(station.url());
  shard.start();
  Socket socket(shard, target);
  EXPECT_EQ(socket.send({std::string(70'000, 'x')}), SQ_E_INVALID);
  ASSERT_TRUE(shard.loop.until([&] { return !socket.errors.empty(); }));
  EXPECT_EQ(socket.errors[0], EMSGSIZE);
  EXPECT_EQ(socket.send({"a", std::string(70'000, 'x')}), 1);
}

TEST(Datagram, NobodyThereIsReportedByIcmp) {
  Station station;
  const std::string url = station.url();
  station.close();
  Shard shard;
  const Target& target = shard.add(url);
  shard.start();
  Socket socket(shard, target);
  EXPECT_EQ(socket.send({"anybody?"}), 1);
  ASSERT_TRUE(shard.loop.until([&] { return !socket.errors.empty(); }));
  EXPECT_EQ(socket.errors[0], ECONNREFUSED);
  // The error of the last batch does not cost the next one a packet.
  EXPECT_EQ(socket.send({"a"}), 1);
  EXPECT_EQ(socket.send({"b", "c"}), 2);
  EXPECT_EQ(socket.opens, 1);
  ASSERT_TRUE(shard.loop.until([&] { return shard.net->counters()[0].icmp_errors >= 2; }));
}

TEST(Datagram, IsToldThatItIsOpenAndNeverFromInside) {
  Station station;
  Shard shard;
  const Target& target = shard.add(station.url());
  shard.start();
  Socket socket(shard, target);
  EXPECT_EQ(socket.opens, 0);
  ASSERT_TRUE(shard.loop.until([&] { return socket.opens > 0; }));
  Socket left(shard, target);
  left.close();
  ASSERT_TRUE(shard.loop.until([&] { return shard.net->counters()[0].closed == 1; }));
  shard.loop.turn(0);
  EXPECT_EQ(left.opens, 0);
  EXPECT_EQ(socket.opens, 1);
}

TEST(Datagram, NothingComesAfterClose) {
  Station station;
  Shard shard;
  const Target& target = shard.add(station.url());
  shard.start();
  Socket socket(shard, target);
  socket.send({"a"});
  while (station.echo() == 0) {}
  socket.close();
  ASSERT_TRUE(shard.loop.until([&] { return shard.net->is_idle(); }));
  EXPECT_TRUE(socket.received.empty());
}

TEST(Datagram, StreamsAndDatagramsDoNotMix) {
  Station station;
  Shard shard;
  const Target& udp = shard.add(station.url());
  const Target& tcp = shard.add("tcp://127.0.0.1:9");
  shard.start();
  Socket socket(shard, tcp);
  EXPECT_EQ(socket.status, SQ_E_INVALID);
  sq_stream* stream = nullptr;
  static const sq_stream_events events{sizeof events, 0, nullptr,
                                       [](void*, sq_stream*, const std::uint8_t*, std::uint64_t n) noexcept { return n; },
                                       nullptr, [](void*, sq_stream*, sq_status, std::uint32_t, sq_str) noexcept {}};
  EXPECT_EQ(stream_api()->connect(&shard, &udp, nullptr, &events, nullptr, &stream), SQ_E_INVALID);
}

}  // namespace
}  // namespace squall::test
