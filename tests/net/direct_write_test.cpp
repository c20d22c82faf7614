// Streams that may answer a write at once: SQ_DONE means that all is in the kernel and nothing follows,
// SQ_OK that on_written comes; either way every byte arrives, in order and once.
#include <gtest/gtest.h>

#include <string>

#include "client.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

constexpr Client::Options kDirect{.flags = SQ_S_NODELAY | SQ_S_DIRECT};

std::string counted(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2'654'435'761u >> 24);
  return bytes;
}

struct DirectWrite : ::testing::Test {
  Server server{[](Peer& peer) { peer.echo(); }};
  Shard shard;
  const Target& target = shard.add(server.url());
  Client client{shard};

  void open(Client::Options options = kDirect) {
    shard.start();
    ASSERT_EQ(client.connect(target, options), SQ_OK);
    ASSERT_TRUE(client.until_open());
  }
};

TEST_F(DirectWrite, ASmallOneIsDoneAndNoEventFollows) {
  ASSERT_NO_FATAL_FAILURE(open());
  EXPECT_EQ(client.write({{"he", 2}, {"", 0}, {"llo", 3}}, 1), SQ_DONE);
  EXPECT_EQ(client.write(" again", 2), SQ_DONE);
  ASSERT_TRUE(client.until_received(11));
  EXPECT_EQ(client.received, "hello again");
  EXPECT_TRUE(client.written.empty());
  EXPECT_EQ(shard.net->counters()[0].sent_bytes, 11u);
  EXPECT_EQ(shard.net->counters()[0].wire_sent_bytes, 11u);
}

TEST_F(DirectWrite, WithoutTheFlagEachHasItsEvent) {
  ASSERT_NO_FATAL_FAILURE(open({}));
  EXPECT_EQ(client.write("hello", 1), SQ_OK);
  ASSERT_TRUE(client.until_received(5));
  EXPECT_EQ(client.written, std::vector<std::uintptr_t>{1});
}

TEST_F(DirectWrite, WhatDoesNotFitIsQueuedAndLaterOnesWaitBehindIt) {
  ASSERT_NO_FATAL_FAILURE(open());
  const std::string large = counted(24u << 20), small = "the end";   // more than a turn sends, and than a socket holds
  EXPECT_EQ(client.write(large, 1), SQ_OK);
  EXPECT_EQ(client.write(small, 2), SQ_OK);
  ASSERT_TRUE(client.until_received(large.size() + small.size()));
  EXPECT_TRUE(client.received == large + small);
  EXPECT_EQ(client.written, (std::vector<std::uintptr_t>{1, 2}));
}

TEST_F(DirectWrite, APacedStreamQueues) {
  ASSERT_NO_FATAL_FAILURE(open());
  client.pace(100'000'000);
  EXPECT_EQ(client.write("paced", 1), SQ_OK);
  ASSERT_TRUE(client.until_received(5));
  EXPECT_EQ(client.written, std::vector<std::uintptr_t>{1});
}

TEST(DirectWriteAfterAReset, TheEndIsTold) {
  Server server([](Peer& peer) { peer.reset_on_close(); });
  Shard shard;
  const Target& target = shard.add(server.url());
  shard.start();
  Client client(shard);
  ASSERT_EQ(client.connect(target, kDirect), SQ_OK);
  if (!client.until_open()) {   // the reset was there before the loop looked
    EXPECT_TRUE(client.is_closed);
    return;
  }
  const sq_status status = client.write("too late", 1);   // it meets the reset, or the reader does
  EXPECT_TRUE(status == SQ_OK || status == SQ_DONE || status == SQ_E_CLOSED) << status;
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_CLOSED);
  EXPECT_TRUE(client.written.empty());
}

}  // namespace
}  // namespace squall::test
