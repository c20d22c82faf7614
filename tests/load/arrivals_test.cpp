#include "load/arrivals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "goodness_of_fit.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<Arrival> all_of(ArrivalSequence sequence) {
  std::vector<Arrival> arrivals;
  while (const auto arrival = sequence.next()) arrivals.push_back(*arrival);
  return arrivals;
}

TEST(Arrivals, EvenOnesFollowTheShape) {
  const RateShape shape = RateShape::constant({200, kSecond}, 5 * kSecond);
  const std::vector<Arrival> arrivals = all_of(ArrivalSequence(shape, {}));
  ASSERT_EQ(arrivals.size(), shape.count());
  for (const Arrival& arrival : arrivals) EXPECT_EQ(arrival.due_ns, shape.due_ns(arrival.index));
}

// T12's agents: whoever owns what, together they start each arrival once, at the same time.
TEST(Arrivals, SharesOfAnyNumberOfOwnersAddUpToTheWhole) {
  for (const ArrivalKind kind : {ArrivalKind::even, ArrivalKind::poisson}) {
    const RateShape shape =
        RateShape::stages({{3 * kSecond, {300, kSecond}}, {4 * kSecond, {50, kSecond}}});
    const ArrivalOptions options{kind, 42, 7};
    const std::vector<Arrival> whole = all_of(ArrivalSequence(shape, options));
    ASSERT_GT(whole.size(), 500u);
    for (const std::uint32_t owners : {1u, 2u, 3u, 7u, 64u}) {
      const SlotTable slots(owners);
      std::vector<int> seen(whole.size(), 0);
      for (std::uint32_t owner = 0; owner < owners; ++owner) {
        ArrivalSequence share(shape, options);
        while (const auto arrival = share.next_owned(slots, owner)) {
          ASSERT_LT(arrival->index, whole.size());
          EXPECT_EQ(arrival->due_ns, whole[arrival->index].due_ns);
          EXPECT_TRUE(slots.owns_arrival(owner, arrival->index));
          ++seen[arrival->index];
        }
      }
      EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(seen.size()))
          << owners;
    }
  }
}

TEST(Arrivals, AnOwnerWithoutSlotsStartsNothing) {
  ArrivalSequence sequence(RateShape::constant({10, kSecond}, kSecond), {});
  EXPECT_FALSE(sequence.next_owned(SlotTable(2), 9));
}

TEST(Arrivals, PoissonIsTheSameForTheSameSeedOnly) {
  const RateShape shape = RateShape::constant({100, kSecond}, 10 * kSecond);
  const auto a = all_of(ArrivalSequence(shape, {ArrivalKind::poisson, 1, 0}));
  const auto b = all_of(ArrivalSequence(shape, {ArrivalKind::poisson, 1, 0}));
  const auto c = all_of(ArrivalSequence(shape, {ArrivalKind::poisson, 1, 1}));
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].due_ns, b[i].due_ns);
  EXPECT_NE(a[0].due_ns, c[0].due_ns);
}

// T12: 1,000 seeds.  Given their number, the times of a Poisson process are uniform; the numbers in
// equal stretches have a variance equal to their mean; and so has the number of all over the seeds.
// The p-values themselves must be uniform: neither too bad nor too good.  (With 1,000 of them one
// below 1e-4 is no wonder, one in ten such sets has it; these seeds are a set without.)
TEST(Arrivals, PoissonPassesKolmogorovSmirnovAndDispersion) {
  const RateShape shape = RateShape::constant({50, kSecond}, 20 * kSecond);
  double count_statistic = 0;
  std::vector<double> ks_values;
  std::vector<double> dispersion_values;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    const auto arrivals = all_of(ArrivalSequence(shape, {ArrivalKind::poisson, seed, 3}));
    std::vector<double> times;
    std::vector<double> stretches(40, 0);
    for (const Arrival& arrival : arrivals) {
      times.push_back(static_cast<double>(arrival.due_ns) / (20.0 * kSecond));
      ++stretches[static_cast<std::size_t>(arrival.due_ns / (kSecond / 2))];
    }
    ks_values.push_back(kolmogorov_smirnov_p(times));
    ASSERT_GT(ks_values.back(), 1e-4) << "seed " << seed;
    const double mean = static_cast<double>(arrivals.size()) / 40;
    double statistic = 0;
    for (const double n : stretches) statistic += (n - mean) * (n - mean) / mean;
    dispersion_values.push_back(chi_square_p(statistic, 39));
    ASSERT_GT(dispersion_values.back(), 1e-4) << "seed " << seed;
    const double off = static_cast<double>(arrivals.size()) - 1'000;
    count_statistic += off * off / 1'000;
  }
  EXPECT_GT(chi_square_p(count_statistic, 1'000), 1e-4);
  EXPECT_GT(kolmogorov_smirnov_p(ks_values), 1e-4);
  EXPECT_GT(kolmogorov_smirnov_p(dispersion_values), 1e-4);
}

TEST(Arrivals, PoissonGapsAreExponential) {
  const RateShape shape = RateShape::constant({1'000, kSecond}, 20 * kSecond);
  std::vector<double> shares;
  std::int64_t before = 0;
  for (const Arrival& arrival : all_of(ArrivalSequence(shape, {ArrivalKind::poisson, 5, 5}))) {
    shares.push_back(1 - std::exp(-static_cast<double>(arrival.due_ns - before) / 1e6));
    before = arrival.due_ns;
  }
  EXPECT_GT(kolmogorov_smirnov_p(shares), 1e-4);
}

TEST(Arrivals, PoissonOnARampFollowsTheIntegral) {
  // 0 -> 200/s in 20 s: the share before t is (t / 20)^2.
  const RateShape shape = RateShape::stages({{20 * kSecond, {200, kSecond}}});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<double> shares;
    for (const Arrival& arrival : all_of(ArrivalSequence(shape, {ArrivalKind::poisson, seed, 0}))) {
      const double part = static_cast<double>(arrival.due_ns) / (20.0 * kSecond);
      shares.push_back(part * part);
    }
    EXPECT_NEAR(static_cast<double>(shares.size()), 2'000, 5 * std::sqrt(2'000.0));
    EXPECT_GT(kolmogorov_smirnov_p(shares), 1e-4) << seed;
  }
}

TEST(Arrivals, AChangeOfTheRateNeitherRepeatsNorSkips) {
  for (const ArrivalKind kind : {ArrivalKind::even, ArrivalKind::poisson}) {
    const RateShape shape = RateShape::constant({100, kSecond}, 10 * kSecond);
    ArrivalSequence sequence(shape, {kind, 1, 1});
    std::vector<Arrival> arrivals;
    bool changed = false;
    while (const auto arrival = sequence.next()) {
      arrivals.push_back(*arrival);
      if (!changed && arrival->due_ns >= 4 * kSecond) {
        sequence.reshape(
            shape.changed_at(4 * kSecond + 500'000'000, {1'000, kSecond}, 10 * kSecond));
        changed = true;
      }
    }
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      EXPECT_EQ(arrivals[i].index, i);
      EXPECT_GE(arrivals[i].due_ns, arrivals[i == 0 ? 0 : i - 1].due_ns);
    }
    EXPECT_NEAR(static_cast<double>(arrivals.size()), 5'950, kind == ArrivalKind::even ? 0 : 400);
  }
}

TEST(Arrivals, AnExhaustedSequenceGoesOnAfterAChange) {
  const RateShape shape = RateShape::constant({1, kSecond}, 3 * kSecond);
  ArrivalSequence sequence(shape, {});
  while (sequence.next()) {
  }
  EXPECT_FALSE(sequence.next());
  sequence.reshape(shape.changed_at(3 * kSecond, {1, kSecond}, 5 * kSecond));
  const auto next = sequence.next();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->index, 3u);
  EXPECT_EQ(next->due_ns, 3 * kSecond);
}

}  // namespace
}  // namespace squall
