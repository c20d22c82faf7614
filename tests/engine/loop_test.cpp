// The loop in real time: what a slack does to timers. Only lower bounds and orders are asserted, which no slow machine
// can break.
#include "engine/loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace squall {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

struct Firing : TimerNode {
  Loop& loop;
  int& left;   // that have not fired; the last one stops the loop
  std::uint64_t due_ns, turn_ns = 0;   // of the turn in which it fired
  Firing(Loop& owner, int& count, std::uint64_t at_ns) : loop(owner), left(count), due_ns(at_ns) {
    fire = [](TimerNode& node) noexcept {
      auto& self = static_cast<Firing&>(node);
      self.turn_ns = self.loop.turn_ns();
      if (--self.left == 0) self.loop.stop();
    };
    ++left;
    loop.arm(*this, due_ns);
  }
};

TEST(LoopSlack, WithoutItWhatIsDueFiresInTheTurnThatFindsItDue) {
  const std::uint64_t start = monotonic_ns();
  Loop loop(Loop::Time::real, start);
  int left = 0;
  Firing first(loop, left, start + 1 * kMs), second(loop, left, start + 3 * kMs);
  loop.run();
  EXPECT_GE(first.turn_ns, first.due_ns);
  EXPECT_GE(second.turn_ns, second.due_ns);
  loop.close();
}

TEST(LoopSlack, WhatIsDueWithinItFiresTogether) {
  const std::uint64_t start = monotonic_ns();
  Loop loop(Loop::Time::real, start);
  loop.set_slack(10 * kMs);
  int left = 0;
  Firing first(loop, left, start + 1 * kMs), second(loop, left, start + 4 * kMs), third(loop, left, start + 8 * kMs);
  loop.run();
  EXPECT_GE(first.turn_ns, first.due_ns + 10 * kMs);
  EXPECT_EQ(second.turn_ns, first.turn_ns);
  EXPECT_EQ(third.turn_ns, first.turn_ns);
  loop.close();
}

// Answers wake the loop all the time: each must not begin the one or two operations that are due by then.
TEST(LoopSlack, AWakeDoesNotEndIt) {
  const std::uint64_t start = monotonic_ns();
  Loop loop(Loop::Time::real, start);
  loop.set_slack(5 * kMs);
  const int always_ready = eventfd(1, EFD_CLOEXEC);
  std::uint64_t wakes = 0;
  ASSERT_NE(loop.reactor()->watch(
                always_ready, SQ_FD_READ,
                [](void* count, int, std::uint32_t) noexcept { ++*static_cast<std::uint64_t*>(count); }, &wakes),
            nullptr);
  int left = 0;
  Firing first(loop, left, start + 1 * kMs), second(loop, left, start + 2 * kMs);
  loop.run();
  EXPECT_GT(wakes, 0u);
  EXPECT_GE(first.turn_ns, first.due_ns + 5 * kMs);
  EXPECT_EQ(second.turn_ns, first.turn_ns);
  loop.close();
  ::close(always_ready);
}

}  // namespace
}  // namespace squall
