// What the checking tables stand on: pieces that add up, handles that are used once, loans that say what ended them. What
// they find in plugins is tests/must_show/checked_plugins.py's.
#include <gtest/gtest.h>

#include <map>
#include <squall/testing/lent_memory.hpp>
#include <string>
#include <thread>
#include <vector>

#include "plugin_host/checked/handles.hpp"
#include "plugin_host/checked/pieces.hpp"

namespace squall::checked {
namespace {

/// Of one delivery to a plugin that takes all that it is shown.
std::vector<std::uint64_t> pieces_of(Pieces& pieces, std::uint64_t fresh) {
  std::vector<std::uint64_t> sizes;
  pieces.begin();
  while (fresh > 0) {
    sizes.push_back(pieces.next(0, fresh));
    fresh -= sizes.back();
  }
  return sizes;
}

TEST(Pieces, BeginWithOneByteAndAddUp) {
  for (const std::uint64_t fresh : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{100}, std::uint64_t{1} << 20}) {
    Pieces pieces(fresh);
    for (int delivery = 0; delivery < 100; ++delivery) {
      const auto sizes = pieces_of(pieces, fresh);
      EXPECT_EQ(sizes.front(), 1u);
      EXPECT_LE(sizes.size(), 8u);
    }
  }
}

TEST(Pieces, MeetEverySplit) {
  constexpr std::uint64_t kBytes = 40;
  Pieces pieces(1);
  std::map<std::uint64_t, int> ends;
  for (int delivery = 0; delivery < 2000; ++delivery) {
    std::uint64_t end = 0;
    for (const std::uint64_t size : pieces_of(pieces, kBytes)) ++ends[end += size];
  }
  EXPECT_EQ(ends.size(), kBytes);
}

TEST(Pieces, AreTheSameForOneSeed) {
  Pieces first(7), second(7), other(8);
  std::vector<std::vector<std::uint64_t>> ours, theirs, others;
  for (int delivery = 0; delivery < 20; ++delivery) {
    ours.push_back(pieces_of(first, 1000));
    theirs.push_back(pieces_of(second, 1000));
    others.push_back(pieces_of(other, 1000));
  }
  EXPECT_EQ(ours, theirs);
  EXPECT_NE(ours, others);
}

TEST(Pieces, ShowWhoKeepsALotAllAtOnce) {
  Pieces pieces(1);
  pieces.begin();
  EXPECT_EQ(pieces.next(1u << 20, 5000), 5000u);
  EXPECT_EQ(pieces.next(0, 0), 0u);
}

struct Opaque;
std::string told;

class HandlesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    told.clear();
    tell_by([](sq_shard*, std::string_view what) noexcept { told = what; });
  }
  void TearDown() override { tell_by(nullptr); }

  Handles<Opaque, int> handles_{"timer", "that was freed"};
};

TEST_F(HandlesTest, AreUsedOnce) {
  Opaque* const first = handles_.add(std::make_shared<int>(1));
  EXPECT_EQ(*handles_.find(first, "timer_set"), 1);
  EXPECT_EQ(told, "");
  handles_.end(first);
  Opaque* const second = handles_.add(std::make_shared<int>(2));
  EXPECT_NE(first, second);
  EXPECT_EQ(handles_.find(first, "timer_set"), nullptr);
  EXPECT_EQ(told, "timer_set() on a timer that was freed");
  EXPECT_EQ(handles_.find(nullptr, "timer_set"), nullptr);
  EXPECT_EQ(told, "timer_set() without a timer");
  EXPECT_EQ(*handles_.find(second, "timer_set"), 2);
}

TEST_F(HandlesTest, EndOnTheirOwnThreadAlone) {
  Opaque* const handle = handles_.add(std::make_shared<int>(1));
  std::thread([&] { handles_.end(handle); }).join();
  EXPECT_NE(handles_.find(handle, "timer_set"), nullptr);
  handles_.end(handle);
  EXPECT_EQ(handles_.find(handle, "timer_set"), nullptr);
}

TEST(Loans, SayWhatEndedThem) {
  const char* text = nullptr;
  {
    lent::Memory loan("on_data");
    text = loan.copy("hello", 5);
    EXPECT_EQ(std::string(text, 5), "hello");
    EXPECT_EQ(lent::Closed::ended_by(text), nullptr);
  }
  EXPECT_STREQ(lent::Closed::ended_by(text), "on_data");
  EXPECT_STREQ(lent::Closed::ended_by(text + 4), "on_data");
  EXPECT_EQ(lent::Closed::ended_by(&text), nullptr);
}

}  // namespace
}  // namespace squall::checked
