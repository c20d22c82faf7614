#include "load/fleet_schedule.hpp"

#include <gtest/gtest.h>

#include "goodness_of_fit.hpp"
#include "load/random.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

FleetOptions options(std::uint64_t users, std::int64_t every_ns, std::int64_t horizon_ns,
                     FleetPhase phase = FleetPhase::random) {
  FleetOptions o;
  o.users = users;
  o.every_ns = every_ns;
  o.horizon_ns = horizon_ns;
  o.phase = phase;
  o.seed = 42;
  return o;
}

std::uint64_t walked(const FleetSchedule& schedule) {
  std::uint64_t sum = 0;
  for (std::uint64_t user = 0; user < schedule.options().users; ++user) {
    FleetSchedule::Cursor cursor = schedule.cursor(user);
    while (cursor.next(schedule)) ++sum;
  }
  return sum;
}

// The city's M2: 900 users every 10 s, compressed by 10, over 60 s.
TEST(FleetSchedule, NineHundredUsersOnceASecondForAMinuteAreFiftyFourThousand) {
  for (const FleetPhase phase : {FleetPhase::random, FleetPhase::staggered, FleetPhase::aligned}) {
    FleetOptions o = options(900, kSecond, 60 * kSecond, phase);
    o.jitter_ns = 20'000'000;
    const FleetSchedule schedule(o);
    EXPECT_EQ(schedule.count(), 54'000u);
    EXPECT_EQ(walked(schedule), 54'000u);
  }
}

TEST(FleetSchedule, CountIsWhatTheCursorsWalk) {
  for (std::uint64_t i = 0; i < 100; ++i) {
    Random random(31, stream_id("fleet"), i);
    FleetOptions o =
        options(1 + random.below(40), 1 + static_cast<std::int64_t>(random.below(5 * kSecond)),
                static_cast<std::int64_t>(random.below(30 * kSecond)));
    o.jitter_ns = static_cast<std::int64_t>(random.below(kSecond));
    o.every_ns = std::max<std::int64_t>(o.every_ns, kSecond / 50);
    const FleetSchedule schedule(o);
    EXPECT_EQ(schedule.count(), walked(schedule)) << i;
  }
}

TEST(FleetSchedule, JitterMovesTheDueTimeAndNotTheMembership) {
  FleetOptions o = options(200, kSecond, 20 * kSecond);
  o.jitter_ns = 300'000'000;
  const FleetSchedule schedule(o);
  std::vector<double> jitters;
  for (std::uint64_t user = 0; user < 200; ++user) {
    FleetSchedule::Cursor cursor = schedule.cursor(user);
    std::uint64_t index = 0;
    while (const auto occurrence = cursor.next(schedule)) {
      EXPECT_EQ(occurrence->index, index);
      EXPECT_EQ(occurrence->nominal_ns,
                schedule.phase_ns(user) + static_cast<std::int64_t>(index) * kSecond);
      EXPECT_GE(occurrence->due_ns, 0);
      EXPECT_LE(std::abs(occurrence->due_ns - occurrence->nominal_ns), 300'000'000);
      if (index > 0)
        jitters.push_back(
            (static_cast<double>(occurrence->due_ns - occurrence->nominal_ns) / 3e8 + 1) / 2);
      ++index;
    }
    EXPECT_EQ(index, 20u);
  }
  EXPECT_GT(kolmogorov_smirnov_p(jitters), 1e-4);
}

TEST(FleetSchedule, PhasesAreAsTheySay) {
  const FleetSchedule staggered(options(10, 10 * kSecond, 60 * kSecond, FleetPhase::staggered));
  for (std::uint64_t user = 0; user < 10; ++user)
    EXPECT_EQ(staggered.phase_ns(user), static_cast<std::int64_t>(user) * kSecond);
  const FleetSchedule aligned(options(10, 10 * kSecond, 60 * kSecond, FleetPhase::aligned));
  EXPECT_EQ(aligned.phase_ns(7), 0);
  const FleetSchedule random(options(5'000, 10 * kSecond, 60 * kSecond));
  std::vector<double> phases;
  for (std::uint64_t user = 0; user < 5'000; ++user)
    phases.push_back(static_cast<double>(random.phase_ns(user)) / (10.0 * kSecond));
  EXPECT_GT(kolmogorov_smirnov_p(phases), 1e-4);
}

TEST(FleetSchedule, DrawnGapsAreCountedExactly) {
  FleetOptions o = options(50, 0, 100 * kSecond);
  o.gap_ns = [](std::uint64_t user, std::uint64_t i) {
    return static_cast<std::int64_t>(Random(1, 2, user, i).exponential(3e9));
  };
  const FleetSchedule schedule(o);
  EXPECT_EQ(schedule.count(), walked(schedule));
  EXPECT_NEAR(static_cast<double>(schedule.count()), 50 * 100.0 / 3, 150);
}

TEST(FleetSchedule, FixedGapsDifferByUserOnly) {
  FleetOptions o = options(4, 0, 60 * kSecond, FleetPhase::aligned);
  o.gap_ns = [](std::uint64_t user, std::uint64_t) {
    return static_cast<std::int64_t>(user + 1) * kSecond;
  };
  EXPECT_EQ(FleetSchedule(o).count(), 60u + 30u + 20u + 15u);
}

TEST(FleetSchedule, GapsOfNothingDoNotHang) {
  FleetOptions o = options(1, 0, 1'000, FleetPhase::aligned);
  o.gap_ns = [](std::uint64_t, std::uint64_t) { return std::int64_t{-5}; };
  EXPECT_EQ(FleetSchedule(o).count(), 1'000u);
}

}  // namespace
}  // namespace squall
