#include "load/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "goodness_of_fit.hpp"

namespace squall {
namespace {

TEST(Random, IsAFunctionOfItsIndicesAlone) {
  Random a(42, stream_id("pick"), 7);
  Random b(42, stream_id("pick"), 7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
}

// These numbers are in recorded runs: changing the generator changes every seeded run.
TEST(Random, StaysTheSameForEver) {
  EXPECT_EQ(hash_index(42, stream_id("arrivals", 3), 1000),
            hash_index(42, stream_id("arrivals", 3), 1000, 0));
  EXPECT_EQ(mix64(1), 0x5692161d100b05e5u);
  Random random(1, 2, 3);
  const std::uint64_t first = random.next();
  EXPECT_EQ(first, Random(1, 2, 3).next());
  EXPECT_NE(first, Random(1, 3, 2).next());
  EXPECT_NE(first, Random(2, 1, 3).next());
}

TEST(Random, NeighbouringIndicesHaveNothingToDoWithEachOther) {
  std::vector<double> values;
  for (std::uint64_t index = 0; index < 10'000; ++index)
    values.push_back(Random(1, 2, index).uniform());
  EXPECT_GT(kolmogorov_smirnov_p(values), 1e-4);
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (std::uint64_t stream = 0; stream < 50; ++stream) {
      for (std::uint64_t index = 0; index < 50; ++index)
        seen.insert(hash_index(seed, stream, index));
    }
  }
  EXPECT_EQ(seen.size(), 125'000u);
}

TEST(Random, BelowIsUnbiasedAndInside) {
  std::array<int, 7> counts{};
  Random random(9, 9, 9);
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  double statistic = 0;
  for (const int count : counts) statistic += (count - 10'000.0) * (count - 10'000.0) / 10'000.0;
  EXPECT_LT(statistic, 27.9);  // chi-square with 6 degrees, p = 1e-4
  EXPECT_EQ(random.below(0), 0u);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, BetweenReachesBothEnds) {
  Random random(1, 1, 1);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t value = random.between(-3, 3);
    ASSERT_GE(value, -3);
    ASSERT_LE(value, 3);
    low = low || value == -3;
    high = high || value == 3;
  }
  EXPECT_TRUE(low && high);
  EXPECT_EQ(random.between(5, 5), 5);
  EXPECT_EQ(random.between(5, 4), 5);
  (void)random.between(INT64_MIN, INT64_MAX);  // the whole range is no overflow
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};
template <class Draw>
Moments moments(Draw&& draw) {
  constexpr int kDraws = 200'000;
  Random random(3, 4, 5);
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = draw(random);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kDraws;
  return {mean, std::sqrt(squares / kDraws - mean * mean)};
}

TEST(Random, DistributionsHaveTheirMoments) {
  const Moments exponential = moments([](Random& r) { return r.exponential(7.0); });
  EXPECT_NEAR(exponential.mean, 7.0, 0.1);
  EXPECT_NEAR(exponential.deviation, 7.0, 0.1);
  const Moments normal = moments([](Random& r) { return r.normal(10.0, 2.0); });
  EXPECT_NEAR(normal.mean, 10.0, 0.03);
  EXPECT_NEAR(normal.deviation, 2.0, 0.03);
  const Moments beta = moments([](Random& r) { return r.beta(3, 4); });
  EXPECT_NEAR(beta.mean, 3.0 / 7, 0.003);
  EXPECT_NEAR(beta.deviation, std::sqrt(12.0 / (49 * 8)), 0.003);
  const Moments gamma = moments([](Random& r) { return r.gamma(0.5); });
  EXPECT_NEAR(gamma.mean, 0.5, 0.01);
  EXPECT_NEAR(gamma.deviation, std::sqrt(0.5), 0.01);
}

}  // namespace
}  // namespace squall
