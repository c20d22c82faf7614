// Streams against real sockets on loopback: bytes in both directions, back-pressure, bulk, and the accounts.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>

#include <atomic>
#include <memory>

#include "client.hpp"
#include "net/shard_parts.hpp"
#include "server.hpp"
#include "stream_helpers.hpp"

namespace squall::test {
namespace {

int memory_file(std::string_view bytes) {
  const int fd = memfd_create("body", MFD_CLOEXEC);
  EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return fd;
}

class EchoOfSize : public testing::TestWithParam<std::size_t> {};

TEST_P(EchoOfSize, ComesBackWhole) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  const std::string sent = noise(GetParam());
  ASSERT_EQ(client.connect(target), SQ_OK);
  ASSERT_TRUE(client.until_open());
  ASSERT_EQ(client.write(sent, 7), SQ_OK);
  ASSERT_TRUE(client.until_received(sent.size()));
  EXPECT_EQ(client.received, sent);
  ASSERT_TRUE(client.until_written(1));
  EXPECT_EQ(client.written, std::vector<std::uintptr_t>{7});
  EXPECT_EQ(counts(shard).sent_bytes, sent.size());
  EXPECT_EQ(counts(shard).received_bytes, sent.size());
  EXPECT_EQ(counts(shard).wire_sent_bytes, sent.size());
  EXPECT_EQ(counts(shard).opened, 1u);
  client.close();
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.status, SQ_OK);
  EXPECT_EQ(counts(shard).closed, 1u);
  EXPECT_EQ(counts(shard).closed_by_peer, 0u);
  EXPECT_EQ(target.open_connections().load(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Sizes, EchoOfSize,
                         testing::Values(1, 2, 1000, 16384, 65536, 262144, 262145, 1'000'000, 10'000'000));

TEST(Stream, TellsPeerAndPhasesAtOpen) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.connect(target, {.flags = SQ_S_NODELAY});
  ASSERT_TRUE(client.until_open());
  EXPECT_EQ(client.peer, "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(client.info.resolve_ns, 0u);
  EXPECT_GT(client.info.connect_ns, 0u);
  EXPECT_EQ(client.info.tls_ns, 0u);
}

TEST(Stream, KeepsTheOrderOfManyGatheredWrites) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.connect(target);
  std::string all;
  std::vector<std::string> parts;
  for (unsigned i = 0; i < 64; ++i) parts.push_back(noise(i * 37 + (i % 3), i));
  std::vector<sq_buf> buffers;
  for (const std::string& part : parts) {
    buffers.push_back({part.data(), part.size()});
    all += part;
  }
  // Before it is open, too: writes wait for the connection.
  for (std::uintptr_t tag = 1; tag <= 5; ++tag) ASSERT_EQ(client.write(buffers, tag), SQ_OK);
  ASSERT_TRUE(client.until_received(5 * all.size()));
  EXPECT_EQ(client.received, all + all + all + all + all);
  ASSERT_TRUE(client.until_written(5));
  EXPECT_EQ(client.written, (std::vector<std::uintptr_t>{1, 2, 3, 4, 5}));
  buffers.resize(65);
  EXPECT_EQ(client.write(buffers), SQ_E_INVALID);
  EXPECT_EQ(client.write(std::vector<sq_buf>{}, 6), SQ_OK);
  ASSERT_TRUE(client.until_written(6));
}

TEST(Stream, ShowsWhatWasNotConsumedAgainWithMoreAppended) {
  const std::string sent = noise(300'000);
  Server server([&](Peer& peer) {
    for (std::size_t at = 0; at < sent.size(); at += 777) peer.send(sent.substr(at, 777));
    peer.read_all();
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  // Frames of 1,000 bytes: less is left alone.
  client.on_data = [&](std::string_view bytes) -> std::uint64_t {
    EXPECT_EQ(bytes, std::string_view(sent).substr(client.received.size(), bytes.size()));
    const std::size_t whole = bytes.size() / 1000 * 1000;
    client.received += bytes.substr(0, whole);
    return whole;
  };
  client.connect(target);
  ASSERT_TRUE(client.until_received(sent.size()));
  EXPECT_EQ(client.received, sent);
}

TEST(Stream, KeepsEverythingForAPluginThatWantsItWhole) {
  const std::string sent = noise(3'000'000);
  Server server([&](Peer& peer) {
    peer.send(sent);
    peer.read_all();
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  std::size_t last = 0;
  client.on_data = [&](std::string_view bytes) -> std::uint64_t {
    EXPECT_GT(bytes.size(), last);
    last = bytes.size();
    if (bytes.size() < sent.size()) return 0;
    client.received = bytes;
    return bytes.size();
  };
  client.connect(target);
  ASSERT_TRUE(client.until_received(sent.size()));
  EXPECT_TRUE(client.received == sent);
}

TEST(Stream, EndsAPluginThatNeverConsumes) {
  Server server([&](Peer& peer) {
    const std::string block(1 << 20, 'x');
    while (peer.send(block)) {}
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.on_data = [&](std::string_view) -> std::uint64_t { return 0; };
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_LIMIT);
  EXPECT_EQ(client.detail, "unconsumed data");
}

TEST(Stream, ReportsAPluginThatConsumesMoreThanItWasShown) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.on_data = [&](std::string_view bytes) { return client.received = bytes, bytes.size() + 1; };
  client.connect(target);
  client.write("abc");
  ASSERT_TRUE(client.until_received(3));
  EXPECT_EQ(shard.loop.faults.size(), 1u);
}

TEST(Stream, PausesReadingAndShowsTheRestWhenItGoesOn) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  int shown = 0;
  client.on_data = [&](std::string_view bytes) -> std::uint64_t {
    ++shown;
    client.received += bytes[0];      // one byte at a time, then a pause
    client.read_enable(false);
    return 1;
  };
  client.connect(target);
  client.write("abcdef");
  for (int i = 1; i <= 6; ++i) {
    ASSERT_TRUE(shard.loop.until([&] { return shown == i; }));
    for (int turn = 0; turn < 3; ++turn) shard.loop.turn(0);
    EXPECT_EQ(shown, i) << "shown while paused";
    client.read_enable(true);
  }
  EXPECT_EQ(client.received, "abcdef");
}

TEST(Stream, BackPressureReachesThePeer) {
  Gate stuck;
  std::atomic<std::size_t> sent{0};
  Server server([&](Peer& peer) {
    const std::string block(1 << 16, 'x');
    for (;;) {
      const ssize_t count = ::send(peer.fd, block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) sent += static_cast<std::size_t>(count);
      if (count < 0 && errno == EAGAIN) {
        stuck.open();
        pollfd p{peer.fd, POLLOUT, 0};
        ::poll(&p, 1, -1);
      } else if (count < 0) {
        return;
      }
    }
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.on_open = [&] { client.read_enable(false); };
  client.connect(target);
  ASSERT_TRUE(client.until_open());
  stuck.pass();
  for (int turn = 0; turn < 10; ++turn) shard.loop.turn(0);
  EXPECT_EQ(client.received.size(), 0u);
  client.read_enable(true);
  const std::size_t goal = sent + 1'000'000;
  ASSERT_TRUE(client.until_received(goal));
}

TEST(Stream, SendsAFileRangeBetweenWrites) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  const std::string body = noise(4'000'000);
  const int fd = memory_file(body);
  Client client(shard);
  client.connect(target);
  client.write("head", 1);
  client.send_file(fd, 1000, 3'000'000, 2);
  client.write("tail", 3);
  const std::string expected = "head" + body.substr(1000, 3'000'000) + "tail";
  ASSERT_TRUE(client.until_received(expected.size()));
  EXPECT_TRUE(client.received == expected);
  ASSERT_TRUE(client.until_written(3));
  EXPECT_EQ(client.written, (std::vector<std::uintptr_t>{1, 2, 3}));
  client.send_file(fd, 3'999'999, 2, 4);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.detail, "file is shorter than the range");
  ::close(fd);
}

TEST(Stream, FlushWaitsForTheAcknowledgementOfThePeer) {
  Gate read_now;
  constexpr std::size_t kSize = 8'000'000;       // more than both kernels hold together
  Server server([&](Peer& peer) {
    read_now.pass();
    peer.read_all();
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  const std::string body(kSize, 'x');
  client.connect(target);
  ASSERT_TRUE(client.until_open());
  client.flush(1);                               // nothing is on its way
  ASSERT_TRUE(client.until_written(1));
  client.write(body, 2);
  client.flush(3);
  for (int turn = 0; turn < 20; ++turn) shard.loop.turn(1'000'000);
  EXPECT_EQ(client.written.size(), 1u);
  read_now.open();
  ASSERT_TRUE(client.until_written(3));
  EXPECT_EQ(client.written, (std::vector<std::uintptr_t>{1, 2, 3}));
}

TEST(Stream, ServesOthersWhileOneWritesInBulk) {
  Server sink([](Peer& peer) {
    std::string buffer(1 << 20, '\0');
    while (::recv(peer.fd, buffer.data(), buffer.size(), 0) > 0) {}
  });
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& bulk_target = shard.add(sink.url());
  const Target& echo_target = shard.add(server.url());
  shard.start();
  Client bulk(shard);
  const std::string block(256 << 10, 'x');
  std::uint64_t in_turn = 0, turn = 0, most = 0;
  bulk.on_written = [&](void*) {
    if (turn != shard.loop.reactor.turn().number) in_turn = 0;
    turn = shard.loop.reactor.turn().number;
    in_turn += block.size();
    most = std::max(most, in_turn);
    bulk.write(block);
  };
  bulk.connect(bulk_target);
  bulk.write(block);
  Client client(shard);
  client.connect(echo_target);
  int rounds = 0;
  client.on_data = [&](std::string_view bytes) {
    if (++rounds < 200) client.write("ping");
    return bytes.size();
  };
  client.write("ping");
  ASSERT_TRUE(shard.loop.until([&] { return rounds >= 200; }));
  EXPECT_LE(most, kTurnBytes + block.size());
  bulk.close();
  ASSERT_TRUE(bulk.until_closed());
}

TEST(Stream, PacesLargeWrites) {
  Server sink([](Peer& peer) { peer.read_all(); });
  Shard shard;
  const Target& target = shard.add(sink.url());
  shard.start();
  // A clock of our own: each turn goes to the next timer, so the rate is exact by computation.
  std::uint64_t now = 1'000'000'000;
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_open());
  shard.loop.clock = [&] { return now; };
  constexpr std::uint64_t kRate = 10'000'000;
  client.pace(kRate);
  const std::string body(30'000'000, 'x');
  client.write(body, 1);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> history;   // time, bytes
  std::uint64_t wakes = 0;
  while (client.written.empty() && !client.is_closed) {
    history.emplace_back(now, counts(shard).sent_bytes);
    if (shard.loop.next_timer_ns() > now) {
      now = shard.loop.next_timer_ns() + 30'000;   // a late loop
      ASSERT_LT(++wakes, 10'000u);
    }
    shard.loop.turn(0);              // without a timer: the kernel is full, the clock stands
  }
  const double seconds = static_cast<double>(now - 1'000'000'000) / 1e9;
  EXPECT_NEAR(static_cast<double>(body.size()) / seconds, kRate, 0.01 * kRate);
  for (std::size_t first = 0, last = 0; last < history.size(); ++last) {
    while (history[last].first - history[first].first > 1'000'000'000) ++first;
    if (first == 0) continue;        // not yet a whole second
    const auto bytes = static_cast<double>(history[last].second - history[first - 1].second);
    const auto span = static_cast<double>(history[last].first - history[first - 1].first) / 1e9;
    EXPECT_NEAR(bytes / span, kRate, 0.01 * kRate) << history[last].first;
  }
  EXPECT_LE(wakes, 3 * 500u);
  EXPECT_EQ(client.written.size(), 1u);
}

TEST(Stream, ThousandsAtOnceShareBuffersAndAreAllAccountedFor) {
  constexpr int kCount = 5000;
  constexpr int kAtOnce = 500;
  // One thread that echoes one message each: 5,000 threads would measure the test machine.
  Listener listener(4096);
  std::thread server([&] {
    Reactor reactor;
    int served = 0;
    struct Context { Reactor* reactor; int* served; };
    Context context{&reactor, &served};
    std::vector<Watch*> watches(30'000);
    static std::vector<Watch*>* table;
    table = &watches;
    reactor.watch(listener.fd(), SQ_FD_READ, [](void* ctx, int fd, std::uint32_t) noexcept {
      auto& c = *static_cast<Context*>(ctx);
      const int peer = ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (peer < 0) return;
      (*table)[static_cast<std::size_t>(peer)] =
          c.reactor->watch(peer, SQ_FD_READ, [](void* inner, int fd, std::uint32_t) noexcept {
            auto& c = *static_cast<Context*>(inner);
            char buffer[256];
            const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
            if (count > 0) {
              [[maybe_unused]] const auto sent = ::send(fd, buffer, static_cast<std::size_t>(count), MSG_NOSIGNAL);
              return;
            }
            c.reactor->unwatch(*(*table)[static_cast<std::size_t>(fd)]);
            ::close(fd);
            ++*c.served;
          }, ctx);
    }, &context);
    while (served < kCount) reactor.wait(100'000'000);
  });
  {
    Shard shard;
    const Target& target = shard.add(listener.url());
    shard.start();
    std::vector<std::unique_ptr<Client>> clients;
    int started = 0, answered = 0;
    std::function<void()> start_one = [&] {
      if (started == kCount) return;
      ++started;
      clients.push_back(std::make_unique<Client>(shard));
      Client& client = *clients.back();
      client.on_open = [&client] { client.write("hello"); };
      client.on_data = [&, c = &client](std::string_view bytes) {
        c->received += bytes;
        ++answered;
        start_one();
        return bytes.size();
      };
      client.connect(target);
    };
    for (int i = 0; i < kAtOnce; ++i) start_one();
    ASSERT_TRUE(shard.loop.until([&] { return answered == kCount; })) << answered;
    EXPECT_EQ(shard.net->open_streams(), static_cast<std::size_t>(kCount));
    for (const auto& client : clients) EXPECT_EQ(client->received, "hello");
    for (const auto& client : clients) client->close();
    ASSERT_TRUE(shard.loop.until([&] { return shard.net->is_idle(); }));
    EXPECT_EQ(counts(shard).opened, static_cast<std::uint64_t>(kCount));
    EXPECT_EQ(counts(shard).closed, static_cast<std::uint64_t>(kCount));
    EXPECT_EQ(counts(shard).closed_by_peer, 0u);
    EXPECT_EQ(counts(shard).sent_bytes, 5u * kCount);
    EXPECT_EQ(counts(shard).received_bytes, 5u * kCount);
    EXPECT_EQ(target.open_connections().load(), 0u);
  }
  server.join();
}

TEST(Stream, AnIdleOneIsSmall) { EXPECT_LE(sizeof(Stream), 768u); }

}  // namespace
}  // namespace squall::test
