#include "load/user_shape.hpp"

#include <gtest/gtest.h>

#include "load/random.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// next_change_ns against looking at every nanosecond.
void expect_changes_are_all(const UserShape& shape, std::int64_t until) {
  std::int64_t next = shape.next_change_ns(0);
  for (std::int64_t t = 1; t < until; ++t) {
    const bool changed = shape.planned(t) != shape.planned(t - 1);
    ASSERT_EQ(changed, t == next) << t;
    if (t == next) next = shape.next_change_ns(t);
  }
}

TEST(UserShape, ConstantNeverChanges) {
  const UserShape shape = UserShape::constant(50);
  EXPECT_EQ(shape.planned(0), 50u);
  EXPECT_EQ(shape.planned(kNeverNs - 1), 50u);
  EXPECT_EQ(shape.next_change_ns(0), kNeverNs);
  EXPECT_EQ(shape.end_ns(), kNeverNs);
  EXPECT_EQ(shape.planned(-1), 0u);
}

TEST(UserShape, ARampBeginsUserKAtKShares) {
  const UserShape shape = UserShape::constant(100, 30 * kSecond);
  for (std::uint64_t user = 0; user < 100; ++user) {
    EXPECT_EQ(shape.active_from_ns(user), static_cast<std::int64_t>(user) * 300'000'000) << user;
  }
  EXPECT_EQ(shape.active_from_ns(100), kNeverNs);
  EXPECT_EQ(shape.planned(0), 1u);
  EXPECT_EQ(shape.planned(30 * kSecond), 100u);
  EXPECT_EQ(shape.peak(), 100u);
}

TEST(UserShape, StagesGoUpHoldAndDown) {
  const UserShape shape =
      UserShape::stages({{30 * kSecond, 10}, {60 * kSecond, 50}, {30 * kSecond, 0}});
  EXPECT_EQ(shape.planned(30 * kSecond - 1), 10u);
  EXPECT_EQ(shape.planned(90 * kSecond - 1), 50u);
  EXPECT_EQ(shape.planned(105 * kSecond), 25u);
  EXPECT_EQ(shape.planned(120 * kSecond - 1), 0u);
  EXPECT_EQ(shape.planned(120 * kSecond), 0u);
  EXPECT_EQ(shape.end_ns(), 120 * kSecond);
  EXPECT_EQ(shape.peak(), 50u);
  EXPECT_EQ(shape.active_until_ns(0, 0), 120 * kSecond - 1);
  EXPECT_EQ(shape.active_until_ns(49, 89'999'999'999), 90 * kSecond + 600'000'000 - 1);
  EXPECT_EQ(shape.active_until_ns(60, 0), 0);
}

TEST(UserShape, JumpsAreAtOnce) {
  const UserShape shape = UserShape::stages({{10, 5, true}, {10, 2, true}, {10, 7, true}});
  EXPECT_EQ(shape.planned(9), 5u);
  EXPECT_EQ(shape.planned(10), 2u);
  EXPECT_EQ(shape.planned(20), 7u);
  EXPECT_EQ(shape.planned(30), 0u);
  EXPECT_EQ(shape.active_from_ns(6), 20);
  EXPECT_EQ(shape.active_from_ns(3, 12), 20);
  EXPECT_EQ(shape.active_until_ns(3, 0), 10);
}

TEST(UserShape, EveryChangeIsFound) {
  for (std::uint64_t i = 0; i < 60; ++i) {
    Random random(21, stream_id("users"), i);
    std::vector<UserStage> stages;
    for (std::uint64_t n = 1 + random.below(5); n > 0; --n) {
      stages.push_back({1 + static_cast<std::int64_t>(random.below(300)), random.below(40),
                        random.below(3) == 0});
    }
    expect_changes_are_all(UserShape::stages(stages, random.below(10)), 1'600);
  }
}

TEST(UserShape, ActiveFromAndUntilAgreeWithPlanned) {
  for (std::uint64_t i = 0; i < 40; ++i) {
    Random random(22, stream_id("users"), i);
    std::vector<UserStage> stages;
    for (int n = 0; n < 4; ++n)
      stages.push_back({1 + static_cast<std::int64_t>(random.below(60)), random.below(12),
                        random.below(3) == 0});
    const UserShape shape = UserShape::stages(stages);
    for (std::uint64_t user = 0; user < 13; ++user) {
      for (std::int64_t t = 0; t < 250; ++t) {
        std::int64_t from = t;
        while (from < 260 && !shape.active(user, from)) ++from;
        ASSERT_EQ(shape.active_from_ns(user, t), from == 260 ? kNeverNs : from);
        std::int64_t until = t;
        while (shape.active(user, until)) ++until;
        ASSERT_EQ(shape.active_until_ns(user, t), until) << i << " " << user << " " << t;
      }
    }
  }
}

TEST(UserShape, AChangeKeepsThePastAndTheEnd) {
  const UserShape stages = UserShape::stages({{100, 50}, {100, 50}});
  const UserShape changed = stages.changed_at(40, 80, 20);
  for (std::int64_t t = 0; t < 40; ++t) EXPECT_EQ(changed.planned(t), stages.planned(t)) << t;
  EXPECT_EQ(changed.planned(59), 80u);
  EXPECT_EQ(changed.planned(199), 80u);
  EXPECT_EQ(changed.end_ns(), 200);
  expect_changes_are_all(changed, 250);
  const UserShape fewer = UserShape::constant(10).changed_at(5, 3);
  EXPECT_EQ(fewer.planned(4), 10u);
  EXPECT_EQ(fewer.planned(5), 3u);
  EXPECT_EQ(fewer.end_ns(), kNeverNs);
}

}  // namespace
}  // namespace squall
