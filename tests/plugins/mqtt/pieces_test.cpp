// The parts that need no broker: sequence window, pending table, trailer, packet sizes.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "inbox.hpp"
#include "packet_size.hpp"
#include "pending_table.hpp"
#include "sequence_window.hpp"
#include "trailer.hpp"

namespace squall::mqtt {
namespace {

struct Totals {
  uint64_t lost = 0, duplicate = 0, reordered = 0;
};
Totals run(std::initializer_list<uint64_t> arrivals) {
  Totals totals;
  auto at = arrivals.begin();
  SequenceWindow window(*at);
  for (++at; at != arrivals.end(); ++at) {
    const auto verdict = window.arrived(*at);
    totals.lost += verdict.lost;
    totals.duplicate += verdict.duplicate;
    totals.reordered += verdict.reordered;
  }
  totals.lost += window.missing();
  return totals;
}

TEST(SequenceWindow, CountsWhatBecameOfEachNumber) {
  const struct {
    const char* name;
    std::initializer_list<uint64_t> arrivals;
    uint64_t lost, duplicate, reordered;
  } rows[] = {
      {"in order", {0, 1, 2, 3}, 0, 0, 0},
      {"joined late", {100, 101}, 0, 0, 0},
      {"a hole", {0, 1, 3}, 1, 0, 0},
      {"a hole that is filled", {0, 1, 3, 2}, 0, 0, 1},
      {"twice", {0, 1, 1, 2}, 0, 1, 0},
      {"twice, later", {0, 1, 2, 0}, 0, 1, 0},
      {"before the first", {5, 4, 6}, 0, 0, 1},
      {"a jump over the window", {0, 1000}, 999, 0, 0},
      {"a jump, then very late", {0, 1000, 1}, 999, 0, 1},
      {"holes that leave the window", {0, 2, 4, 300}, 297, 0, 0},
  };
  for (const auto& row : rows) {
    const Totals totals = run(row.arrivals);
    EXPECT_EQ(totals.lost, row.lost) << row.name;
    EXPECT_EQ(totals.duplicate, row.duplicate) << row.name;
    EXPECT_EQ(totals.reordered, row.reordered) << row.name;
  }
}

TEST(SequenceWindow, AgreesWithASetOnShuffledStreams) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> sent;
    for (uint64_t i = 0; i < 1000; ++i) {
      const unsigned fate = random() % 20;
      if (i == 0 || fate > 1) sent.push_back(i);
      if (fate == 2) sent.push_back(i);
    }
    for (size_t i = 1; i + 1 < sent.size(); i += 1 + random() % 9) std::swap(sent[i], sent[i + 1]);
    SequenceWindow window(0);
    uint64_t lost = 0, duplicate = 0;
    for (size_t i = 1; i < sent.size(); ++i) {
      const auto verdict = window.arrived(sent[i]);
      lost += verdict.lost;
      duplicate += verdict.duplicate;
    }
    lost += window.missing();
    const std::set<uint64_t> distinct(sent.begin(), sent.end());
    EXPECT_EQ(duplicate, sent.size() - distinct.size()) << "seed 7, round " << round;
    EXPECT_EQ(lost, *distinct.rbegin() + 1 - distinct.size()) << "seed 7, round " << round;
  }
}

TEST(PendingTable, FindsAndForgetsLikeAMap) {
  std::mt19937 random(3);
  std::vector<Exchange> exchanges(65536);
  std::map<uint32_t, Exchange*> truth;
  PendingTable table;
  for (int step = 0; step < 200'000; ++step) {
    const uint32_t key = random() % 400 * 257 % 65536;
    if (random() % 2) {
      EXPECT_EQ(table.add(key, &exchanges[key]), truth.emplace(key, &exchanges[key]).second);
    } else {
      Exchange* const known = truth.count(key) ? truth[key] : nullptr;
      ASSERT_EQ(table.take(key), known) << "step " << step;
      truth.erase(key);
    }
    ASSERT_EQ(table.size(), truth.size());
  }
  size_t drained = 0;
  table.drain([&](Exchange* one) { drained += truth.count(static_cast<uint32_t>(one - exchanges.data())); });
  EXPECT_EQ(drained, truth.size());
  EXPECT_TRUE(table.empty());
}

TEST(Trailer, ComesBackAsItWas) {
  std::string payload = "hello";
  Trailer{1, 2, 3, 4}.append_to(payload);
  ASSERT_EQ(payload.size(), 5 + Trailer::kSize);
  const auto trailer = Trailer::of(payload);
  ASSERT_TRUE(trailer);
  EXPECT_EQ(trailer->stream, 1u);
  EXPECT_EQ(trailer->sequence, 2u);
  EXPECT_EQ(trailer->sent_ns, 3u);
  EXPECT_EQ(trailer->clock, 4u);
  EXPECT_FALSE(Trailer::of("hello"));
  EXPECT_FALSE(Trailer::of(std::string(40, 'x')));
  EXPECT_EQ(this_clock(), this_clock());
}

TEST(PacketSize, CountsTheLengthFieldAsItGrows) {
  EXPECT_EQ(publish_size(false, 1, 0, 0, 0), 5u);
  EXPECT_EQ(publish_size(false, 1, 124, 0, 0), 129u);   // remaining 127
  EXPECT_EQ(publish_size(false, 1, 125, 0, 0), 131u);   // remaining 128: two bytes
  EXPECT_EQ(publish_size(true, 1, 0, 1, 0), 8u);
  EXPECT_EQ(ack_size(true, 0x10, 0), 5u);
  EXPECT_EQ(ack_size(false, 0, 0), 4u);
}

TEST(Inbox, DropsTheOldestAtItsBounds) {
  Inbox inbox;
  for (size_t i = 0; i <= Inbox::kMessagesMax; ++i) {
    auto message = std::make_unique<Message>();
    message->payload = std::to_string(i);
    inbox.put(std::move(message));
  }
  EXPECT_FALSE(inbox.any([](const Message& one) { return one.payload == "0"; }));
  EXPECT_EQ(inbox.take_first([](const Message&) { return true; })->payload, "1");
  for (int i = 0; i < 3; ++i) {
    auto message = std::make_unique<Message>();
    message->payload.assign(Inbox::kBytesMax, 'x');
    inbox.put(std::move(message));
  }
  EXPECT_TRUE(inbox.take_first([](const Message&) { return true; }));
  EXPECT_TRUE(inbox.empty());
}

}  // namespace
}  // namespace squall::mqtt
