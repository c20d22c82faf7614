#include "load/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "goodness_of_fit.hpp"
#include "load/arrivals.hpp"
#include "load/burst.hpp"
#include "load/random.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;

TEST(Curve, OneEverywhereChangesNothing) {
  const Curve curve({{0, 5}});
  for (const std::int64_t t : {std::int64_t{0}, kSecond, 7 * kHour, 50 * kHour}) {
    EXPECT_NEAR(static_cast<double>(curve.due_ns(t)), static_cast<double>(t), 1);
    EXPECT_DOUBLE_EQ(curve.multiplier_at(t), 1);
  }
}

TEST(Curve, HasMeanOneOverTheDay) {
  const Curve curve(
      {{0, .15}, {6 * kHour, .3}, {8 * kHour, 2}, {17 * kHour, 1.8}, {22 * kHour, .2}});
  EXPECT_NEAR(static_cast<double>(curve.due_ns(Curve::kDayNs)), static_cast<double>(Curve::kDayNs),
              10);
  double sum = 0;
  for (int minute = 0; minute < 1'440; ++minute)
    sum += curve.multiplier_at(minute * 60 * kSecond + 30 * kSecond);
  EXPECT_NEAR(sum / 1'440, 1, 1e-3);
}

TEST(Curve, DueIsTheInverseOfTheIntegratedMultiplier) {
  const Curve curve({{2 * kHour, 1}, {9 * kHour, 4}, {20 * kHour, 0.5}},
                    7 * kHour + 1'800 * kSecond, 60);
  double area = 0;
  constexpr std::int64_t kStep = kSecond / 10;
  for (std::int64_t t = 0; t < 3'000 * kSecond; t += kStep) {
    if (t % (100 * kSecond) == 0) {
      EXPECT_NEAR(static_cast<double>(curve.due_ns(static_cast<std::int64_t>(area))),
                  static_cast<double>(t), 1e6);
    }
    area += curve.multiplier_at(t + kStep / 2) * kStep;
  }
}

TEST(Curve, BaseIsTheFirstThatIsDueThen) {
  const Curve curve({{0, 0}, {6 * kHour, 0}, {7 * kHour, 3}, {12 * kHour, 1}, {23 * kHour, 0}},
                    5 * kHour, 30);
  for (std::uint64_t i = 0; i < 2'000; ++i) {
    const auto t = static_cast<std::int64_t>(Random(1, 1, i).below(6'000 * kSecond));
    const std::int64_t base = curve.base_ns(t);
    EXPECT_GE(curve.due_ns(base), t);
    EXPECT_TRUE(base == 0 || curve.due_ns(base - 1) < t) << t;
  }
  EXPECT_NEAR(static_cast<double>(curve.due_ns(0)), 3'600e9 / 30,
              1e3);  // nothing before six o'clock
}

TEST(Curve, IsOneValueMoreForArrivals) {
  const Curve curve({{0, 1}, {12 * kHour, 3}}, 0, 1'440);  // a day a minute
  const std::int64_t base = curve.base_ns(60 * kSecond);
  EXPECT_NEAR(static_cast<double>(base), 60e9, 10);
  for (const ArrivalKind kind : {ArrivalKind::even, ArrivalKind::poisson}) {
    ArrivalOptions options{kind, 1, 1, curve};
    const RateShape shape = RateShape::constant({100, kSecond}, base);
    ArrivalSequence sequence(shape, options);
    std::vector<double> shares;
    std::int64_t before = 0;
    while (const auto arrival = sequence.next()) {
      EXPECT_GE(arrival->due_ns, before);
      before = arrival->due_ns;
      // The share of the day's area before t, by hand: 0.5 + (t / 12 h) rising to 1.5 and back.
      const double half = static_cast<double>(arrival->due_ns) / 30e9;
      const double u = half <= 1 ? half : 2 - half;
      const double area = (0.5 * u + 0.5 * u * u) / 2;
      shares.push_back(half <= 1 ? area : 1 - area);
    }
    EXPECT_NEAR(static_cast<double>(shares.size()), 6'000, kind == ArrivalKind::even ? 1 : 400);
    EXPECT_EQ(count_arrivals(shape, options), shares.size());
    EXPECT_GT(kolmogorov_smirnov_p(shares), 1e-4);
  }
}

TEST(Curve, IsOneValueMoreForFleetsAndTheirCount) {
  FleetOptions options;
  options.users = 300;
  options.every_ns = 2 * kSecond;
  options.horizon_ns = 47 * kSecond;
  options.curve = Curve({{0, 1}, {12 * kHour, 3}}, 3 * kHour, 1'440);
  const FleetSchedule schedule(options);
  std::uint64_t walked = 0;
  for (std::uint64_t user = 0; user < options.users; ++user) {
    FleetSchedule::Cursor cursor = schedule.cursor(user);
    while (const auto occurrence = cursor.next(schedule)) {
      EXPECT_LT(occurrence->nominal_ns, options.horizon_ns);
      ++walked;
    }
  }
  EXPECT_EQ(schedule.count(), walked);
  EXPECT_GT(walked, 300u * 23);
}

TEST(Burst, EachUserComesOnceWithin) {
  for (const Spread spread : {Spread{}, Spread{3, 4}}) {
    const FleetSchedule schedule(once(5'800, 60 * kSecond, spread, 42, 3));
    EXPECT_EQ(schedule.count(), 5'800u);
    std::vector<double> parts;
    for (std::uint64_t user = 0; user < 5'800; ++user) {
      FleetSchedule::Cursor cursor = schedule.cursor(user);
      const auto occurrence = cursor.next(schedule);
      ASSERT_TRUE(occurrence);
      EXPECT_GE(occurrence->due_ns, 0);
      EXPECT_LT(occurrence->due_ns, 60 * kSecond);
      EXPECT_FALSE(cursor.next(schedule));
      const double x = static_cast<double>(occurrence->due_ns) / 60e9;
      // Beta(3, 4)'s distribution: the chance that at least 3 of 6 uniforms are below x.
      double below = 0;
      const double choose[] = {1, 6, 15, 20, 15, 6, 1};
      for (int k = 3; k <= 6; ++k) below += choose[k] * std::pow(x, k) * std::pow(1 - x, 6 - k);
      parts.push_back(spread.a == 1 ? x : below);
    }
    EXPECT_GT(kolmogorov_smirnov_p(parts), 1e-4);
  }
}

}  // namespace
}  // namespace squall
