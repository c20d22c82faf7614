// Shares are exact at every prefix, not right on average.
#include "behaviour.hpp"

#include <gtest/gtest.h>

namespace squall::city {
namespace {

TEST(ExactShare, TakesTheFloorOfEveryPrefix) {
  for (const std::uint32_t per_million :
       {0u, 1u, 10'000u, 50'000u, 333'333u, 999'999u, 1'000'000u}) {
    ExactShare share;
    share.set(per_million);
    std::uint64_t taken = 0;
    for (std::uint64_t turn = 1; turn <= 100'000; ++turn) {
      taken += share.take();
      ASSERT_EQ(taken, turn * per_million / 1'000'000) << per_million << " at " << turn;
    }
  }
}

TEST(Behaviour, DelaysTheSlowShareLonger) {
  Behaviour behaviour;
  behaviour.delay_ns = 1;
  behaviour.slow_delay_ns = 100;
  behaviour.slow.set(250'000);
  std::int64_t sum = 0;
  for (int i = 0; i < 8; ++i) sum += behaviour.next_delay_ns();
  EXPECT_EQ(sum, 6 * 1 + 2 * 100);
}

}  // namespace
}  // namespace squall::city
