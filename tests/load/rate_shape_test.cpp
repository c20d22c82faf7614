#include "load/rate_shape.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "load/random.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
using Wide = __int128;

// due_ns and count must agree at every place: arrivals are those m with due_ns(m) < duration.
void expect_consistent(const RateShape& shape, std::uint64_t step = 1) {
  const std::uint64_t count = shape.count();
  std::int64_t before = 0;
  for (std::uint64_t m = 0; m < count; m += step) {
    const std::int64_t due = shape.due_ns(m);
    ASSERT_GE(due, before) << m;
    ASSERT_LT(due, shape.duration_ns()) << m;
    ASSERT_EQ(shape.count_before(due + 1) > m, true) << m;
    ASSERT_LE(shape.count_before(due), m) << m;
    before = due;
  }
  EXPECT_EQ(shape.due_ns(count), kNeverNs);
}

TEST(RateShape, ConstantRateIsDueAtMOverR) {
  const RateShape shape = RateShape::constant({500, kSecond}, 10 * kSecond);
  EXPECT_EQ(shape.count(), 5'000u);
  EXPECT_EQ(shape.due_ns(0), 0);
  EXPECT_EQ(shape.due_ns(1), 2'000'000);
  EXPECT_EQ(shape.due_ns(4'999), 9'998'000'000);
  EXPECT_EQ(shape.due_ns(5'000), kNeverNs);
  expect_consistent(shape);
}

TEST(RateShape, CeilOfRateTimesDurationIsExact) {
  struct Case {
    const char* name;
    Rate rate;
    std::int64_t for_ns;
    std::uint64_t count;
  };
  const Case cases[] = {
      {"0.1/s for 30 s is not 4", {1, 10 * kSecond}, 30 * kSecond, 3},
      {"0.1/s for 30.000000001 s", {1, 10 * kSecond}, 30 * kSecond + 1, 4},
      {"a third", {1, 3 * kSecond}, 10 * kSecond, 4},
      {"40000/day for 5 m", {40'000, kDay}, 300 * kSecond, 139},
      {"less than one", {1, kDay}, kSecond, 1},
      {"nothing", {0, kSecond}, kDay, 0},
      {"a million a second for a day", {1'000'000, kSecond}, kDay, 86'400'000'000},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(RateShape::constant(c.rate, c.for_ns).count(), c.count) << c.name;
  }
}

// T12: 200 random triples against whole-number arithmetic.
TEST(RateShape, TwoHundredRandomConstantsAreExact) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(12, stream_id("T12"), i);
    const std::int64_t per[] = {kSecond, 60 * kSecond, 3'600 * kSecond,
                                kDay,    7 * kSecond,  10 * kSecond};
    const Rate rate{1 + random.below(20'000), per[random.below(6)]};
    const std::int64_t for_ns = 1 + static_cast<std::int64_t>(random.below(100 * kSecond));
    const RateShape shape = RateShape::constant(rate, for_ns);
    const Wide product = static_cast<Wide>(rate.count) * for_ns;
    const auto expected = static_cast<std::uint64_t>((product + rate.per_ns - 1) / rate.per_ns);
    ASSERT_EQ(shape.count(), expected) << "case " << i;
    for (int probe = 0; probe < 50; ++probe) {
      const std::uint64_t m = random.below(expected);
      ASSERT_EQ(shape.due_ns(m),
                static_cast<std::int64_t>(static_cast<Wide>(m) * rate.per_ns / rate.count));
    }
  }
}

TEST(RateShape, RatePerKeepsDecimals) {
  EXPECT_EQ(rate_per(333.3, kSecond), (Rate{3'333, 10 * kSecond}));
  EXPECT_EQ(rate_per(0.1, kSecond), (Rate{1, 10 * kSecond}));
  EXPECT_EQ(rate_per(40'000, kDay), (Rate{40'000, kDay}));
  // As a loader that thinks in doubles per second hands them over.
  EXPECT_EQ(rate_per(40'000.0 / 86'400, kSecond), (Rate{40'000, kDay}));
  EXPECT_EQ(rate_per(80'000.0 / 86'400, kSecond), (Rate{80'000, kDay}));
  EXPECT_EQ(rate_per(100.0 / 60, kSecond), (Rate{100, 60 * kSecond}));
  EXPECT_EQ(rate_per(1.0 / 86'400, kSecond), (Rate{1, kDay}));
  EXPECT_EQ(rate_per(7.0 / 3'600 * 50, kSecond), (Rate{350, 3'600 * kSecond}));
  for (std::uint64_t count = 1; count < 100'000; count += 7) {
    const Rate rate = rate_per(static_cast<double>(count) / 86'400, kSecond);
    EXPECT_EQ(RateShape::constant(rate, kDay).count(), count);
  }
  EXPECT_EQ(RateShape::constant(rate_per(1.0 / 7, kSecond), 7 * kSecond).count(), 1u);
  EXPECT_EQ(rate_per(1e-30, kSecond).count, 0u);
  EXPECT_EQ(rate_per(0, kSecond).count, 0u);
  EXPECT_EQ(rate_per(-1, kSecond).count, 0u);
  EXPECT_DOUBLE_EQ(rate_per(2.5, kSecond).per_second(), 2.5);
}

TEST(RateShape, RampCountsItsIntegral) {
  // 0 -> 100/s in 10 s: 500 arrivals, arrival m after sqrt(m / 5) s.
  const RateShape shape = RateShape::stages({{10 * kSecond, {100, kSecond}}});
  EXPECT_EQ(shape.count(), 500u);
  for (std::uint64_t m = 0; m < 500; ++m) {
    EXPECT_NEAR(static_cast<double>(shape.due_ns(m)), std::sqrt(static_cast<double>(m) / 5) * 1e9,
                2.0)
        << m;
  }
  expect_consistent(shape);
  EXPECT_NEAR(shape.rate_at(5 * kSecond), 50.0, 1e-6);
}

TEST(RateShape, RampDownEndsInside) {
  const RateShape shape = RateShape::stages({{10 * kSecond, {0, kSecond}}}, {100, kSecond});
  EXPECT_EQ(shape.count(), 500u);
  expect_consistent(shape);
}

TEST(RateShape, StagesAddUpOverPausesJumpsAndUnits) {
  const RateShape shape = RateShape::stages({
      {10 * kSecond, {100, kSecond}},             // ramp: 500
      {10 * kSecond, {100, kSecond}},             // hold: 1,000
      {5 * kSecond, {0, kSecond}, true},          // pause
      {60 * kSecond, {600, 60 * kSecond}, true},  // 600
      {7 * kSecond, {86'400, kDay}, true},        // 7
  });
  EXPECT_EQ(shape.count(), 2'107u);
  EXPECT_EQ(shape.due_ns(1'500), 25 * kSecond);  // not at 20 s, where the pause begins
  EXPECT_EQ(shape.due_ns(2'100), 85 * kSecond);
  EXPECT_EQ(shape.count_before(20 * kSecond), 1'500u);
  EXPECT_EQ(shape.count_before(25 * kSecond), 1'500u);
  EXPECT_EQ(shape.count_before(25 * kSecond + 1), 1'501u);
  expect_consistent(shape);
}

TEST(RateShape, RandomStagesCountTheirIntegral) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(13, stream_id("stages"), i);
    std::vector<RateStage> stages;
    double area = 0;
    double from = 0;
    for (std::uint64_t n = 1 + random.below(6); n > 0; --n) {
      const std::int64_t for_ns = 1 + static_cast<std::int64_t>(random.below(20 * kSecond));
      const Rate rate{random.below(300), random.below(2) == 0 ? kSecond : 60 * kSecond};
      const bool jump = random.below(2) == 0;
      stages.push_back({for_ns, rate, jump});
      const double to = rate.per_second();
      area += static_cast<double>(for_ns) * 1e-9 * ((jump ? to : from) + to) / 2;
      from = to;
    }
    const RateShape shape = RateShape::stages(stages);
    EXPECT_NEAR(static_cast<double>(shape.count()), std::ceil(area), 1.0) << i;
    expect_consistent(shape, 7);
  }
}

TEST(RateShape, AYearAtAHundredThousandASecondDoesNotDrift) {
  const RateShape shape = RateShape::constant({100'000, kSecond}, 365 * kDay);
  const std::uint64_t last = shape.count() - 1;
  EXPECT_EQ(shape.count(), std::uint64_t{365} * 86'400 * 100'000);
  EXPECT_EQ(shape.due_ns(last), 365 * kDay - 10'000);
}

TEST(RateShape, AChangeKeepsWhatWasAndGoesOnCounting) {
  const RateShape before =
      RateShape::stages({{10 * kSecond, {100, kSecond}}, {50 * kSecond, {100, kSecond}}});
  const RateShape after = before.changed_at(7 * kSecond, {10, kSecond}, 60 * kSecond);
  const std::uint64_t until = before.count_before(7 * kSecond);
  EXPECT_EQ(until, 245u);
  for (std::uint64_t m = 0; m < until; ++m) ASSERT_EQ(after.due_ns(m), before.due_ns(m)) << m;
  EXPECT_EQ(after.count(), 245u + 530u);
  EXPECT_EQ(after.due_ns(245), 7 * kSecond);
  EXPECT_EQ(after.due_ns(246), 7 * kSecond + 100'000'000);
  EXPECT_EQ(after.duration_ns(), 60 * kSecond);
  expect_consistent(after);
  const RateShape paused = before.changed_at(7 * kSecond, {0, kSecond}, 60 * kSecond)
                               .changed_at(30 * kSecond, {1, kSecond}, 60 * kSecond);
  EXPECT_EQ(paused.count(), 245u + 30u);
  expect_consistent(paused);
  EXPECT_EQ(RateShape().changed_at(5 * kSecond, {2, kSecond}, 6 * kSecond).due_ns(1),
            5'500'000'000);
}

}  // namespace
}  // namespace squall
