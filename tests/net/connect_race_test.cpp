// A name with several addresses: a silent or refusing one costs a quarter of a second or nothing, all within
// the one connect time-out, and what has been started leaves nothing behind.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client.hpp"
#include "control.hpp"
#include "net/connect_race.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

/// Listens on 127.0.0.2 and takes no connection: its queue is full, so the kernel drops whatever asks.
class SilentAddress {
 public:
  explicit SilentAddress(std::uint16_t port) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.2", &address_.sin_addr);
    fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fds_[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(fds_[0], reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    EXPECT_EQ(::listen(fds_[0], 0), 0);
    for (int i = 0; i < 4; ++i) {
      fds_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(fds_.back(), reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    }
  }
  ~SilentAddress() {
    for (const int fd : fds_) ::close(fd);
  }
  SilentAddress(const SilentAddress&) = delete;
  SilentAddress& operator=(const SilentAddress&) = delete;

 private:
  sockaddr_in address_{};
  std::vector<int> fds_;
};

class ConnectRaceTest : public testing::Test {
 protected:
  const Target& name_for(std::initializer_list<const char*> addresses, TargetOptions options = {}) {
    const Resolution answer = found(addresses);
    resolver_ = std::make_unique<Resolver>(control_.context, [answer](const std::string&) { return answer; });
    shard.resolver = resolver_.get();
    const Target& target = shard.add("tcp://app.test:" + std::to_string(server.port()), std::move(options));
    shard.start();
    idle_watches = shard.loop.reactor.watches();
    return target;
  }
  std::string peer() const { return "127.0.0.1:" + std::to_string(server.port()); }

  Shard shard;
  Server server{[](Peer& peer) { peer.echo(); }};   // on 127.0.0.1 alone
  std::size_t idle_watches = 0;

 private:
  Control control_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ConnectRaceTest, ASilentAddressCostsAQuarterOfASecondOnce) {
  const SilentAddress silent(server.port());
  const Target& target = name_for({"127.0.0.2", "127.0.0.1"});
  Client first(shard);
  first.connect(target);
  ASSERT_TRUE(first.until_open()) << first.ending();
  EXPECT_EQ(first.peer, peer());
  EXPECT_GE(first.info.connect_ns, ConnectRace::kNextAttemptNs) << "the wait is part of the phase";
  EXPECT_EQ(shard.loop.reactor.watches(), idle_watches + 1) << "the loser is closed";
  first.write("works");
  ASSERT_TRUE(first.until_received(5));

  std::string order;   // what connected comes first from now on
  target_api()->resolve(&shard, &target, [](void* context, sq_status, sq_str text) noexcept {
    static_cast<std::string*>(context)->assign(text.ptr, text.len);
  }, &order);
  ASSERT_TRUE(shard.loop.until([&] { return !order.empty(); }));
  EXPECT_EQ(order, "127.0.0.1 127.0.0.2");
  const TargetCounters& counts = shard.net->counters()[0];
  EXPECT_EQ(counts.opened, 1u);
  EXPECT_EQ(counts.failed, 0u);
}

TEST_F(ConnectRaceTest, ARefusalStartsTheNextAtOnce) {
  const Target& target = name_for({"::1", "127.0.0.3", "127.0.0.4", "127.0.0.1"});
  Client client(shard);
  client.connect(target, {.connect_timeout_ns = 3 * ConnectRace::kNextAttemptNs - 20'000'000});
  ASSERT_TRUE(client.until_open()) << client.ending();   // waiting each time would be too late
  EXPECT_EQ(client.peer, peer());
}

TEST_F(ConnectRaceTest, AllThatRefuseAreOneFailure) {
  const Target& target = name_for({"127.0.0.3", "127.0.0.4", "127.0.0.5"});
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.ending(), std::to_string(SQ_K_CONNECT) + " refused");
  EXPECT_EQ(shard.loop.reactor.watches(), idle_watches);
  EXPECT_EQ(shard.net->counters()[0].failed, 1u);
}

TEST_F(ConnectRaceTest, OneTimeOutForAllAddresses) {
  const SilentAddress silent(server.port());
  const Target& target = name_for({"127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.3"});
  Client client(shard);
  client.connect(target, {.connect_timeout_ns = 2 * ConnectRace::kNextAttemptNs + ConnectRace::kNextAttemptNs / 2});
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.ending(), std::to_string(SQ_K_CONNECT) + " timed out");
  EXPECT_EQ(shard.loop.reactor.watches(), idle_watches);
  EXPECT_EQ(shard.loop.timer_count(), 0u);
}

TEST_F(ConnectRaceTest, CanBeClosedWhileSeveralAreOnTheirWay) {
  const SilentAddress silent(server.port());
  const Target& target = name_for({"127.0.0.2", "127.0.0.2", "127.0.0.1"});
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(shard.loop.until([&] { return shard.loop.reactor.watches() == idle_watches + 2; }));
  client.close();
  ASSERT_TRUE(client.until_closed());
  EXPECT_FALSE(client.is_open);
  EXPECT_EQ(shard.loop.reactor.watches(), idle_watches);
  Client next(shard);   // the same stream object, for a name that it races for anew
  next.connect(target);
  ASSERT_TRUE(next.until_open()) << next.ending();
  EXPECT_EQ(next.peer, peer());
}

TEST_F(ConnectRaceTest, ASourceAddressLeavesTheOtherIpVersionOut) {
  TargetOptions options;
  options.sources = {"127.0.0.7"};
  const Target& target = name_for({"::1", "127.0.0.1"}, options);
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_open()) << client.ending();
  EXPECT_EQ(client.peer, peer());
}

}  // namespace
}  // namespace squall::test
