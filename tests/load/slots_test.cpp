#include "load/slots.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace squall {
namespace {

std::vector<std::uint32_t> users_by_owner(const SlotTable& slots, std::uint32_t owners,
                                          std::uint64_t users, std::uint64_t offset = 0) {
  std::vector<std::uint32_t> counts(owners, 0);
  for (std::uint64_t user = 0; user < users; ++user)
    ++counts[slots.owner(slots.slot_of_user(user, offset))];
  return counts;
}

std::vector<std::uint32_t> users_by_slot(const SlotTable& slots, std::uint64_t users) {
  std::vector<std::uint32_t> counts(slots.size(), 0);
  for (std::uint64_t user = 0; user < users; ++user) ++counts[slots.slot_of_user(user)];
  return counts;
}

TEST(Slots, EqualOwnersGetEverySlotInTurn) {
  const SlotTable slots(3);
  EXPECT_EQ(slots.size(), 192u);
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) EXPECT_EQ(slots.owner(slot), slot % 3);
  EXPECT_EQ(slots.owned(1), 64u);
}

TEST(Slots, UsersOfEqualOwnersDifferByAtMostOne) {
  for (const std::uint32_t owners : {1u, 2u, 7u, 200u, 1'000u}) {
    const SlotTable slots(owners);
    for (const std::uint64_t users : {1ull, 50ull, 9'999ull, 20'000ull}) {
      const auto counts = users_by_owner(slots, owners, users, 17);
      EXPECT_LE(*std::max_element(counts.begin(), counts.end()) -
                    *std::min_element(counts.begin(), counts.end()),
                1u)
          << owners << " " << users;
    }
  }
  EXPECT_EQ(SlotTable(5'000).size(), SlotTable::kMostSlots);
}

TEST(Slots, ManySmallPopulationsDoNotPileUp) {
  const SlotTable slots(8);
  std::vector<std::uint32_t> all(8, 0);
  for (std::uint64_t population = 0; population < 80; ++population) {
    const auto counts = users_by_owner(slots, 8, 1, population);
    for (std::size_t i = 0; i < 8; ++i) all[i] += counts[i];
  }
  EXPECT_EQ(all, std::vector<std::uint32_t>(8, 10));
}

TEST(Slots, WeightsAreKept) {
  const std::vector<double> weights{4, 4, 2, 2, 1, 1};
  const SlotTable slots(weights, 1'400);
  const auto counts = users_by_owner(slots, 6, 1'000);
  const std::vector<std::uint32_t> expected{286, 286, 143, 143, 71, 71};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(counts[i], expected[i], 1.0) << i;
}

// fleet.md 2.7's simulation: 200 agents, 10,000 users, 20 agents lost one after another.
TEST(Slots, LossMovesOnlyWhatMustMove) {
  SlotTable slots(200);
  const SlotTable before = slots;
  const auto load = users_by_slot(slots, 10'000);
  for (std::uint32_t lost = 0; lost < 20; ++lost) slots.lose(lost * 7, load);
  const auto counts = users_by_owner(slots, 200, 10'000);
  std::uint32_t low = UINT32_MAX, high = 0, moved = 0;
  for (std::uint32_t owner = 0; owner < 200; ++owner) {
    if (owner % 7 == 0 && owner / 7 < 20) {
      EXPECT_EQ(counts[owner], 0u);
      continue;
    }
    low = std::min(low, counts[owner]);
    high = std::max(high, counts[owner]);
  }
  for (std::uint64_t user = 0; user < 10'000; ++user) {
    const std::uint32_t slot = slots.slot_of_user(user);
    moved += slots.owner(slot) != before.owner(slot) ? 1 : 0;
  }
  EXPECT_LE(high - low, 1u);
  EXPECT_LE(moved, 1'100u);  // of 10,000; a full re-deal moves nearly all
}

TEST(Slots, AJoinerTakesItsShareAndNoMore) {
  SlotTable slots(4);
  const SlotTable before = slots;
  slots.join(4);
  const auto fair = slots.size() / 5;
  EXPECT_NEAR(slots.owned(4), fair, 1.0);
  for (std::uint32_t owner = 0; owner < 4; ++owner) EXPECT_NEAR(slots.owned(owner), fair, 2.0);
  for (std::uint32_t slot = 0; slot < slots.size(); ++slot) {
    EXPECT_TRUE(slots.owner(slot) == 4 || slots.owner(slot) == before.owner(slot));
  }
}

TEST(Slots, TheLastOwnersLossLeavesThemToNobodyUntilOneComes) {
  SlotTable slots(2);
  slots.lose(0);
  EXPECT_EQ(slots.owned(1), 128u);
  slots.lose(1);
  EXPECT_EQ(slots.owned(SlotTable::kNobody), 128u);
  slots.join(3);
  EXPECT_EQ(slots.owned(3), 128u);
  slots.lose(99);  // nobody
  EXPECT_EQ(slots.owned(3), 128u);
}

}  // namespace
}  // namespace squall
