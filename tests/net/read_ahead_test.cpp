// Small answers that are ready together are received together and shown one after the other: what one
// callback does to another stream in between must hold for bytes that were already taken from the kernel.
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <string>

#include "client.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

constexpr std::size_t kStreams = 3;

struct ReadAhead : ::testing::Test {
  Listener listener;
  Shard shard;
  const Target& target = shard.add(listener.url());
  std::array<std::unique_ptr<Client>, kStreams> clients;
  std::array<std::unique_ptr<Peer>, kStreams> peers;

  void SetUp() override {
    shard.start();
    for (std::size_t i = 0; i < kStreams; ++i) {
      clients[i] = std::make_unique<Client>(shard);
      ASSERT_EQ(clients[i]->connect(target), SQ_OK);
      ASSERT_TRUE(clients[i]->until_open());
      peers[i] = std::make_unique<Peer>(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    // A stream reads ahead once its answers have been small for a while.
    for (int round = 0; round < 4; ++round) {
      send_to_all("-");
      for (auto& client : clients) ASSERT_TRUE(client->until_received(static_cast<std::size_t>(round) + 1));
    }
    for (auto& client : clients) client->received.clear();
  }
  void TearDown() override {
    for (auto& peer : peers) finish(*peer);
  }
  void send_to_all(std::string_view bytes) {
    for (auto& peer : peers) ASSERT_TRUE(peer->send(bytes));
  }
  /// The client's kernel has acknowledged, so all of it is ready there.
  void until_arrived() {
    for (auto& peer : peers) {
      int left = 1;
      while (left > 0) ASSERT_EQ(ioctl(peer->fd, SIOCOUTQ, &left), 0);
    }
  }
  static void finish(const Peer& peer) { ::shutdown(peer.fd, SHUT_RDWR); }
  std::uint64_t taken() const { return shard.net->counters()[0].wire_received_bytes; }
  std::uint64_t shown() const { return shard.net->counters()[0].received_bytes; }
};

TEST_F(ReadAhead, AllAreTakenBeforeTheFirstIsShown) {
  const std::uint64_t before = taken();
  std::vector<std::uint64_t> taken_when_shown;
  for (auto& client : clients) {
    client->on_data = [&, &c = *client](std::string_view bytes) {
      taken_when_shown.push_back(taken() - before);
      c.received += bytes;
      return bytes.size();
    };
  }
  for (std::size_t i = 0; i < kStreams; ++i) ASSERT_TRUE(peers[i]->send("answer " + std::to_string(i)));
  until_arrived();
  for (auto& client : clients) ASSERT_TRUE(client->until_received(8));
  for (std::size_t i = 0; i < kStreams; ++i) EXPECT_EQ(clients[i]->received, "answer " + std::to_string(i));
  EXPECT_EQ(taken_when_shown, (std::vector<std::uint64_t>(kStreams, 8 * kStreams)));
  EXPECT_EQ(shown(), taken());
}

TEST_F(ReadAhead, WhatIsNotConsumedIsShownAgainWithMoreBehindIt) {
  std::vector<std::string> seen;
  clients[1]->on_data = [&](std::string_view bytes) -> std::uint64_t {
    seen.emplace_back(bytes);
    return bytes.size() < 6 ? 0 : bytes.size();
  };
  send_to_all("abc");
  ASSERT_TRUE(shard.loop.until([&] { return seen.size() == 1; }));
  send_to_all("def");
  ASSERT_TRUE(shard.loop.until([&] { return seen.size() == 2; }));
  EXPECT_EQ(seen, (std::vector<std::string>{"abc", "abcdef"}));
}

TEST_F(ReadAhead, ACallbackMayCloseTheOthers) {
  int shown_count = 0;
  for (auto& client : clients) {
    client->on_data = [&, &c = *client](std::string_view bytes) {
      ++shown_count;
      for (auto& other : clients)
        if (other.get() != &c) other->close();
      return bytes.size();
    };
  }
  send_to_all("too late for two");
  ASSERT_TRUE(shard.loop.until([&] { return shown_count > 0 && shard.net->open_streams() == 1; }));
  for (int turn = 0; turn < 3; ++turn) shard.loop.turn(0);
  EXPECT_EQ(shown_count, 1);
}

TEST_F(ReadAhead, ACallbackMayPauseTheOthers) {
  Client* first = nullptr;
  for (auto& client : clients) {
    client->on_data = [&, &c = *client](std::string_view bytes) {
      c.received += bytes;
      if (first) return bytes.size();
      first = &c;
      for (auto& other : clients)
        if (other.get() != first) other->read_enable(false);
      return bytes.size();
    };
  }
  send_to_all("kept");
  ASSERT_TRUE(shard.loop.until([&] { return first != nullptr; }));
  for (int turn = 0; turn < 3; ++turn) shard.loop.turn(0);
  for (auto& client : clients) EXPECT_EQ(client->received, client.get() == first ? "kept" : "");
  send_to_all(" and more");
  for (auto& client : clients) client->read_enable(true);
  for (auto& client : clients) ASSERT_TRUE(client->until_received(13));
  for (auto& client : clients) EXPECT_EQ(client->received, "kept and more");
}

TEST_F(ReadAhead, ALargeAnswerComesWhole) {
  std::string large(100'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2'654'435'761u >> 24);
  for (int round = 1; round <= 3; ++round) {
    send_to_all(large);
    for (auto& client : clients) ASSERT_TRUE(client->until_received(large.size()));
    for (auto& client : clients) EXPECT_TRUE(std::exchange(client->received, {}) == large) << round;
  }
  EXPECT_EQ(shown(), taken());
}

TEST_F(ReadAhead, TheEndComesAfterTheLastBytes) {
  send_to_all("bye");
  ::shutdown(peers[0]->fd, SHUT_WR);
  for (auto& client : clients) ASSERT_TRUE(client->until_received(3));
  ASSERT_TRUE(shard.loop.until([&] { return clients[0]->has_eof; }));
  EXPECT_EQ(clients[0]->received, "bye");
  EXPECT_FALSE(clients[1]->has_eof);
}

TEST_F(ReadAhead, AllMayEndTogether) {
  for (auto& peer : peers) ::shutdown(peer->fd, SHUT_WR);
  ASSERT_TRUE(shard.loop.until([&] { return std::ranges::all_of(clients, [](auto& client) { return client->has_eof; }); }));
  for (auto& client : clients) EXPECT_EQ(client->received, "");
  EXPECT_EQ(shard.net->open_streams(), kStreams);   // their own side may go on
}

}  // namespace
}  // namespace squall::test
