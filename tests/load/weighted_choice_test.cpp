#include "load/weighted_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "load/random.hpp"

namespace squall {
namespace {

// The largest distance of any entry from its share over all prefixes of a sequence.
template <class Pick>
double furthest(const std::vector<double>& weights, std::uint64_t turns, Pick&& pick) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> had(weights.size(), 0);
  double worst = 0;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    ++had[pick(turn)];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      worst = std::max(worst, std::abs(had[i] - weights[i] / sum * static_cast<double>(turn + 1)));
    }
  }
  return worst;
}

// T13.
TEST(WeightedChoice, SeventyTwentyTenIsExactForArrivalsAndEveryUser) {
  const std::vector<double> weights{70, 20, 10};
  const WeightedChoice choice(weights);
  EXPECT_EQ(choice.cycle(), 10u);
  EXPECT_LT(furthest(weights, 1'000, [&](std::uint64_t m) { return choice.of_arrival(m); }), 1.0);
  for (std::uint64_t user = 0; user < 100; ++user) {
    EXPECT_LE(
        furthest(weights, 200, [&](std::uint64_t turn) { return choice.of_user(user, turn); }),
        1.0 + 1e-9)
        << user;
  }
}

TEST(WeightedChoice, RandomWeightsAreExact) {
  for (std::uint64_t i = 0; i < 200; ++i) {
    Random random(41, stream_id("weights"), i);
    std::vector<double> weights;
    for (std::uint64_t n = 1 + random.below(9); n > 0; --n)
      weights.push_back(static_cast<double>(1 + random.below(30)));
    const WeightedChoice choice(weights);
    ASSERT_LT(furthest(weights, choice.cycle() * 2,
                       [&](std::uint64_t m) { return choice.of_arrival(m); }),
              1.0)
        << i;
    for (std::uint64_t user = 0; user < choice.cycle(); ++user) {
      ASSERT_LE(furthest(weights, choice.cycle() + 5,
                         [&](std::uint64_t t) { return choice.of_user(user, t); }),
                1.0 + 1e-9)
          << "case " << i << " user " << user;
    }
  }
}

// A run in which each user gets to do one iteration has the mix, too.
TEST(WeightedChoice, FirstTurnsOfUsersAreExactAmongThemselves) {
  const std::vector<double> weights{9, 5, 3, 1};
  const WeightedChoice choice(weights);
  EXPECT_LT(furthest(weights, 1'000, [&](std::uint64_t user) { return choice.of_user(user, 0); }),
            1.0);
}

TEST(WeightedChoice, UsersAreSpreadOverTheCycle) {
  const WeightedChoice choice({9, 1});
  int rare_at_turn[10] = {};
  for (std::uint64_t user = 0; user < 10; ++user) {
    for (std::uint64_t turn = 0; turn < 10; ++turn)
      rare_at_turn[turn] += choice.of_user(user, turn) == 1 ? 1 : 0;
  }
  for (const int count : rare_at_turn) EXPECT_EQ(count, 1);
}

TEST(WeightedChoice, DecimalsAndZerosAreExact) {
  const std::vector<double> weights{0.4, 0.4, 0, 0.15, 0.05};
  const WeightedChoice choice(weights);
  EXPECT_EQ(choice.cycle(), 20u);
  EXPECT_LT(furthest(weights, 100, [&](std::uint64_t m) { return choice.of_arrival(m); }), 1.0);
}

TEST(WeightedChoice, AwkwardWeightsAreNear) {
  const std::vector<double> weights{3.14159265358979, 2.71828182845905, 1e-9};
  const WeightedChoice choice(weights);
  EXPECT_LE(choice.cycle(), WeightedChoice::kLongestCycle);
  EXPECT_LT(
      furthest(weights, choice.cycle(), [&](std::uint64_t m) { return choice.of_arrival(m); }),
      2.0);
}

TEST(WeightedChoice, AnIneligibleTurnPassesWithoutDebt) {
  const WeightedChoice choice({1, 1});
  std::uint64_t turn = 0;
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(choice.choose(0, turn, [](std::uint32_t e) { return e == 0; }), 0u);
  // Now that both may go again, entry 1 does not catch up on what it missed.
  int ones = 0;
  for (int i = 0; i < 10; ++i)
    ones += choice.choose(0, turn, [](std::uint32_t) { return true; }) == 1 ? 1 : 0;
  EXPECT_EQ(ones, 5);
}

TEST(WeightedChoice, NobodyEligibleIsSaid) {
  const WeightedChoice choice({1, 2});
  std::uint64_t turn = 5;
  EXPECT_EQ(choice.choose(3, turn, [](std::uint32_t) { return false; }), 2u);
  EXPECT_EQ(choice.choose_for_arrival(9, [](std::uint32_t) { return false; }), 2u);
  EXPECT_EQ(choice.choose_for_arrival(9, [](std::uint32_t e) { return e == 0; }), 0u);
}

TEST(WeightedChoice, OneEntryIsAlwaysChosen) {
  const WeightedChoice choice({0.001});
  EXPECT_EQ(choice.of_user(123, 456), 0u);
  EXPECT_EQ(choice.of_arrival(789), 0u);
}

}  // namespace
}  // namespace squall
