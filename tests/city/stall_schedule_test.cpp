// The schedule against its definition: frozen during [begin + k*period, begin + k*period + length).
#include "stall_schedule.hpp"

#include <gtest/gtest.h>

namespace squall::city {
namespace {

TEST(StallSchedule, UnsetNeverFreezes) {
  EXPECT_FALSE(StallSchedule{}.is_set());
  EXPECT_EQ(StallSchedule{}.thaw_at(123), std::nullopt);
}

TEST(StallSchedule, OnceFreezesOneHalfOpenInterval) {
  const StallSchedule stall{.begin_ns = 100, .length_ns = 10};
  EXPECT_EQ(stall.thaw_at(99), std::nullopt);
  EXPECT_EQ(stall.thaw_at(100), 110);
  EXPECT_EQ(stall.thaw_at(109), 110);
  EXPECT_EQ(stall.thaw_at(110), std::nullopt);
  EXPECT_EQ(stall.thaw_at(1'000'000), std::nullopt);
}

TEST(StallSchedule, RepeatsEveryPeriod) {
  const StallSchedule stall{.begin_ns = 5, .period_ns = 10, .length_ns = 3};
  for (std::int64_t now = 0; now < 1000; ++now) {
    const bool is_frozen = now >= 5 && (now - 5) % 10 < 3;
    const auto thaw = stall.thaw_at(now);
    ASSERT_EQ(thaw.has_value(), is_frozen) << now;
    if (is_frozen) {
      EXPECT_EQ(*thaw, now - (now - 5) % 10 + 3) << now;
    }
  }
}

TEST(StallSchedule, EndsAfterItsTimes) {
  const StallSchedule stall{.begin_ns = 0, .period_ns = 10, .length_ns = 3, .times = 2};
  EXPECT_EQ(stall.thaw_at(12), 13);
  EXPECT_EQ(stall.thaw_at(22), std::nullopt);
}

}  // namespace
}  // namespace squall::city
