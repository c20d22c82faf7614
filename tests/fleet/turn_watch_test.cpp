#include "fleet/turn_watch.hpp"

#include <gtest/gtest.h>

namespace squall {
namespace {

constexpr std::uint64_t kMs = 1'000'000, kBegin = 5'000'000'000;

TEST(TurnWatch, TellsHowLongOneTurnLasts) {
  TurnWatch watch;
  EXPECT_EQ(watch.look(kBegin, 7), 0u);
  EXPECT_EQ(watch.look(kBegin + 100 * kMs, 7), 100 * kMs);
  EXPECT_EQ(watch.look(kBegin + 200 * kMs, 7), 200 * kMs);
  EXPECT_EQ(watch.look(kBegin + 300 * kMs, 8), 0u);
  EXPECT_EQ(watch.look(kBegin + 400 * kMs, 8), 100 * kMs);
}

TEST(TurnWatch, ALoopThatSleepsStandsNotStill) {
  TurnWatch watch;
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(watch.look(kBegin + i * 100 * kMs, 0), 0u);
  EXPECT_EQ(watch.look(kBegin + 2000 * kMs, 9), 0u);
  EXPECT_EQ(watch.look(kBegin + 2100 * kMs, 0), 0u);
  EXPECT_EQ(watch.look(kBegin + 2200 * kMs, 9), 0u);  // the same turn, but it slept meanwhile
}

TEST(TurnWatch, WhereTheProcessWasStoppedTheLoopIsNotToBlame) {
  TurnWatch watch;
  watch.look(kBegin, 7);
  EXPECT_EQ(watch.look(kBegin + TurnWatch::kAwayNs, 7), TurnWatch::kAwayNs);
  EXPECT_EQ(watch.look(kBegin + 60'000 * kMs, 7), 0u);
  EXPECT_EQ(watch.look(kBegin + 60'100 * kMs, 7), 100 * kMs);
}

}  // namespace
}  // namespace squall
