// How streams end, against real sockets on loopback: half-closed, reset, refused, timed out, closed by us.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>

#include "client.hpp"
#include "server.hpp"
#include "stream_helpers.hpp"

namespace squall::test {
namespace {

TEST(Stream, HalfClosesAfterWhatIsQueued) {
  std::string got;
  Server server([&](Peer& peer) {
    got = peer.read_all();
    peer.send("thanks");
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  const std::string sent = noise(5'000'000);
  client.connect(target);
  client.write(sent, 1);
  client.shutdown();
  EXPECT_EQ(client.write("late"), SQ_E_STATE);
  ASSERT_TRUE(client.until_closed());      // both sides have finished
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(client.received, "thanks");
  EXPECT_TRUE(client.has_eof);
  EXPECT_EQ(client.status, SQ_OK);
  EXPECT_EQ(client.detail, "eof");
  EXPECT_EQ(counts(shard).closed_by_peer, 0u);
}

TEST(Stream, MayWriteAfterThePeerHasFinished) {
  Gate done;
  std::string got;
  Server server([&](Peer& peer) {
    ::shutdown(peer.fd, SHUT_WR);
    got = peer.read_all();
    done.open();
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(shard.loop.until([&] { return client.has_eof; }));
  client.write("still here", 1);
  ASSERT_TRUE(client.until_written(1));
  client.close();
  ASSERT_TRUE(client.until_closed());
  done.pass();
  EXPECT_EQ(got, "still here");
  EXPECT_EQ(counts(shard).closed_by_peer, 1u);
}

TEST(Stream, AResetIsClosedWithDetailReset) {
  Server server([&](Peer& peer) {
    peer.read(3);
    peer.reset_on_close();
  });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  client.connect(target);
  client.write("abc");
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_CLOSED);
  EXPECT_EQ(client.detail, "reset");
  EXPECT_EQ(client.status, SQ_E_CLOSED);
  EXPECT_EQ(counts(shard).closed_by_peer, 1u);
}

TEST(Stream, ShowsThePeersLastWordsBeforeAResetThatBreaksOurWrites) {
  // As a server that answers 413 and closes without reading the body.
  Server server([&](Peer& peer) {
    peer.read(10);
    peer.send("too large");
  });   // closing with unread data in the socket sends RST
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  const std::string body(20'000'000, 'x');
  client.connect(target);
  client.write(body, 1);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.received, "too large");
  EXPECT_EQ(client.detail, "reset");
  EXPECT_TRUE(client.written.empty());
}

TEST(Stream, ARefusedConnectSaysSo) {
  Shard shard;
  Listener listener;
  const Target& target = shard.add(listener.url());
  listener.close();
  shard.start();
  Client client(shard);
  ASSERT_EQ(client.connect(target), SQ_OK);
  ASSERT_TRUE(client.until_closed());
  EXPECT_FALSE(client.is_open);
  EXPECT_EQ(client.kind, SQ_K_CONNECT);
  EXPECT_EQ(client.detail, "refused");
  EXPECT_EQ(counts(shard).failed, 1u);
  EXPECT_EQ(counts(shard).opened, 0u);
}

TEST(Stream, AConnectThatGetsNoAnswerTimesOut) {
  Listener listener(0);              // a backlog of one: the next SYN is dropped
  Shard shard;
  const Target& target = shard.add(listener.url());
  shard.start();
  std::vector<std::unique_ptr<Client>> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(std::make_unique<Client>(shard));
    fillers.back()->connect(target, {.connect_timeout_ns = 60'000'000'000});
  }
  Client client(shard);
  client.connect(target, {.connect_timeout_ns = 100'000'000});
  const std::uint64_t begin = shard.loop.now_ns();
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_CONNECT);
  EXPECT_EQ(client.detail, "timed out");
  EXPECT_EQ(client.status, SQ_E_TIMEOUT);
  EXPECT_GE(shard.loop.now_ns() - begin, 100'000'000u);
  for (auto& filler : fillers) {
    filler->close();
    ASSERT_TRUE(filler->until_closed());
  }
}

TEST(Stream, CloseIsAnsweredOnceAndDropsWhatIsQueued) {
  Gate gate;
  Server server([&](Peer&) { gate.pass(); });   // never reads
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  const std::string body(50'000'000, 'x');
  client.connect(target);
  client.write(body, 1);
  ASSERT_TRUE(client.until_open());
  client.close();
  client.close();
  EXPECT_EQ(client.write("x"), SQ_E_CLOSED);
  EXPECT_FALSE(client.is_closed);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.status, SQ_OK);
  EXPECT_EQ(client.kind, SQ_K_NONE);
  EXPECT_TRUE(client.written.empty());
  EXPECT_TRUE(shard.net->is_idle());
  gate.open();
}

TEST(Stream, MayBeClosedFromEveryCallback) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  for (int where = 0; where < 3; ++where) {
    Client client(shard);
    if (where == 0) client.on_open = [&] { client.close(); };
    if (where == 1) client.on_data = [&](std::string_view) -> std::uint64_t { return client.close(), 0; };
    if (where == 2) client.on_written = [&](void*) { client.close(); };
    client.connect(target);
    client.write("abc", 1);
    client.write("def", 2);
    ASSERT_TRUE(client.until_closed()) << where;
    EXPECT_EQ(client.status, SQ_OK);
    EXPECT_LE(client.written.size(), where == 1 ? 2u : 1u);
  }
  // Between the call and the first event.
  Client early(shard);
  early.connect(target);
  early.close();
  ASSERT_TRUE(early.until_closed());
  EXPECT_FALSE(early.is_open);
}

}  // namespace
}  // namespace squall::test
