// The loop in real time: what a slack and busy polling do to timers. Only lower bounds and orders are asserted, which no slow machine
// can break.
#include "engine/loop.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace squall {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

struct LoopTime : ::testing::Test {
  const std::uint64_t start_ns = monotonic_ns();
  Loop loop{Loop::Time::real, start_ns};
  int left = 0;   // timers that have not fired; the last one stops the loop

  struct Firing : TimerNode {
    LoopTime& test;
    std::uint64_t due_ns, turn_ns = 0;   // of the turn in which it fired
    Firing(LoopTime& owner, std::uint64_t after_ns) : test(owner), due_ns(owner.start_ns + after_ns) {
      fire = [](TimerNode& node) noexcept {
        auto& self = static_cast<Firing&>(node);
        self.turn_ns = self.test.loop.turn_ns();
        if (--self.test.left == 0) self.test.loop.stop();
      };
      ++test.left;
      test.loop.arm(*this, due_ns);
    }
  };
  void TearDown() override { loop.close(); }
};

TEST_F(LoopTime, WhatIsDueFiresInTheTurnThatFindsItDue) {
  Firing first(*this, 1 * kMs), second(*this, 3 * kMs);
  loop.run();
  EXPECT_GE(first.turn_ns, first.due_ns);
  EXPECT_GE(second.turn_ns, second.due_ns);
}

TEST_F(LoopTime, WhatIsDueWithinSlackFiresTogether) {
  loop.set_slack(10 * kMs);
  Firing first(*this, 1 * kMs), second(*this, 4 * kMs), third(*this, 8 * kMs);
  loop.run();
  EXPECT_GE(first.turn_ns, first.due_ns + 10 * kMs);
  EXPECT_EQ(second.turn_ns, first.turn_ns);
  EXPECT_EQ(third.turn_ns, first.turn_ns);
}

// Answers wake the loop all the time: each must not begin the one or two operations that are due by then.
TEST_F(LoopTime, AWakeDoesNotEndSlack) {
  loop.set_slack(5 * kMs);
  const int always_ready = eventfd(1, EFD_CLOEXEC);
  std::uint64_t wakes = 0;
  ASSERT_NE(loop.reactor()->watch(
                always_ready, SQ_FD_READ,
                [](void* count, int, std::uint32_t) noexcept { ++*static_cast<std::uint64_t*>(count); }, &wakes),
            nullptr);
  Firing first(*this, 1 * kMs), second(*this, 2 * kMs);
  loop.run();
  EXPECT_GT(wakes, 0u);
  EXPECT_GE(first.turn_ns, first.due_ns + 5 * kMs);
  EXPECT_EQ(second.turn_ns, first.turn_ns);
  ::close(always_ready);
}

TEST_F(LoopTime, BusyPollingLooksAndSaysForHowLong) {
  loop.set_busy_poll(1000 * kMs);
  Firing first(*this, 1 * kMs), second(*this, 3 * kMs);
  loop.run();
  EXPECT_GE(first.turn_ns, first.due_ns);
  EXPECT_GE(second.turn_ns, second.due_ns);
  EXPECT_GT(loop.looked_ns(), 0u);
  EXPECT_LE(loop.looked_ns(), monotonic_ns() - start_ns);
  EXPECT_FALSE(loop.reactor()->turn().slept);
}

// What an event gives to do is work, not looking, however short.
TEST_F(LoopTime, ALookThatFindsSomethingIsNotCounted) {
  loop.set_busy_poll(1000 * kMs);
  const int always_ready = eventfd(1, EFD_CLOEXEC);
  ASSERT_NE(loop.reactor()->watch(always_ready, SQ_FD_READ, [](void*, int, std::uint32_t) noexcept {}, nullptr), nullptr);
  Firing only(*this, 2 * kMs);
  loop.run();
  EXPECT_EQ(loop.looked_ns(), 0u);
  ::close(always_ready);
}

}  // namespace
}  // namespace squall
