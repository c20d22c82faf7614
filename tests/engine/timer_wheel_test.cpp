#include "engine/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

namespace squall {
namespace {

struct Recorded : TimerNode {
  std::vector<std::uint64_t>* fired = nullptr;
  explicit Recorded(std::vector<std::uint64_t>* list) : fired(list) {
    fire = [](TimerNode& node) noexcept { static_cast<Recorded&>(node).fired->push_back(node.at_ns); };
  }
};

// Against a sorted multiset: random times over ten orders of magnitude, re-armed and disarmed at random.
TEST(TimerWheel, FiresEverythingOnceAndInOrder) {
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{123'456'789'012'345}}) {
    std::mt19937_64 random(start + 7);
    TimerWheel wheel(start);
    std::vector<std::uint64_t> fired;
    std::vector<std::unique_ptr<Recorded>> timers;
    std::multiset<std::uint64_t> expected;
    for (int i = 0; i < 5000; ++i) {
      timers.push_back(std::make_unique<Recorded>(&fired));
      const std::uint64_t at = start + (random() >> (random() % 40 + 12));
      wheel.arm(*timers.back(), at);
      expected.insert(at);
    }
    for (int i = 0; i < 1000; ++i) {
      Recorded& timer = *timers[random() % timers.size()];
      if (timer.armed) expected.erase(expected.find(timer.at_ns));
      if (random() % 2) {
        wheel.disarm(timer);
      } else {
        const std::uint64_t at = start + (random() >> (random() % 40 + 12));
        wheel.arm(timer, at);
        expected.insert(at);
      }
    }
    EXPECT_EQ(wheel.size(), expected.size());
    while (wheel.size() > 0) {
      const std::uint64_t next = wheel.next_ns();
      ASSERT_EQ(next, *expected.begin() + 0 * fired.size());
      const std::size_t before = fired.size();
      wheel.advance(next);
      ASSERT_GT(fired.size(), before);
      for (std::size_t i = before; i < fired.size(); ++i) {
        ASSERT_EQ(fired[i], *expected.begin());
        expected.erase(expected.begin());
      }
    }
    EXPECT_TRUE(expected.empty());
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
    EXPECT_EQ(wheel.next_ns(), TimerWheel::kNever);
  }
}

TEST(TimerWheel, EqualTimesFireInTheOrderOfArming) {
  TimerWheel wheel(0);
  static std::vector<int> order;
  order.clear();
  struct Numbered : TimerNode { int number = 0; };
  std::vector<std::unique_ptr<Numbered>> timers;
  for (int i = 0; i < 100; ++i) {
    timers.push_back(std::make_unique<Numbered>());
    timers.back()->number = i;
    timers.back()->fire = [](TimerNode& node) noexcept { order.push_back(static_cast<Numbered&>(node).number); };
    wheel.arm(*timers.back(), 5'000'000'000);
  }
  wheel.advance(4'999'999'999);
  EXPECT_TRUE(order.empty());
  wheel.advance(5'000'000'000);
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(TimerWheel, ATimerMayArmItselfAgainAndATimeInThePastIsDueAtOnce) {
  TimerWheel wheel(1'000'000);
  static int count;
  count = 0;
  static TimerWheel* own;
  own = &wheel;
  TimerNode timer;
  timer.fire = [](TimerNode& node) noexcept {
    if (++count < 5) own->arm(node, 10);
  };
  wheel.arm(timer, 2'000'000);
  EXPECT_EQ(wheel.advance(1'999'999), 0u);
  EXPECT_EQ(wheel.advance(2'000'000), 5u);
  EXPECT_EQ(wheel.size(), 0u);
}

}  // namespace
}  // namespace squall
