#include "load/budget.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "load/random.hpp"

namespace squall {
namespace {

// A pool, its leases and the messages between them.  What is under way is delivered in any order,
// is lost or doubled as the seed says; leases take at different speeds and some stop for good.
struct World {
  struct Lease {
    BudgetLease lease;
    std::uint64_t waiting_for = 0;  // 0: nobody waits
    double speed = 1;
    bool idle = false;  // takes nothing (any more)
    bool over = false;
    std::uint64_t used = 0;
  };
  struct Setting {
    std::uint64_t total = 0;
    std::uint32_t holders = 1;
    std::uint64_t largest_take = 1;
    std::uint64_t largest_block = 10'000;
    double loss = 0;
    double doubling = 0;
    bool some_go_idle = false;
    bool some_give_back = false;
  };

  World(const Setting& s, std::uint64_t seed)
      : setting(s),
        random(seed, stream_id("budget"), 0),
        pool({s.total, s.holders, s.largest_block}) {
    for (std::uint32_t i = 0; i < s.holders; ++i) {
      leases.push_back(Lease{BudgetLease(i)});
      leases.back().speed = 0.02 + random.uniform();
    }
  }

  std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const Lease& l : leases) sum += l.used;
    return sum;
  }

  void send(Lease& l) {
    const BudgetState state = l.lease.state();
    if (random.uniform() >= setting.loss) to_pool.push_back(state);
    if (random.uniform() < setting.doubling) to_pool.push_back(state);
  }
  void send(const std::vector<BudgetGrant>& grants) {
    for (const BudgetGrant& grant : grants) {
      if (random.uniform() >= setting.loss) to_leases.push_back(grant);
      if (random.uniform() < setting.doubling) to_leases.push_back(grant);
    }
  }

  void take(Lease& l) {
    if (l.over || l.idle) return;
    const std::uint64_t amount =
        l.waiting_for != 0 ? l.waiting_for : 1 + random.below(setting.largest_take);
    const BudgetLease::Take got = l.lease.take(amount);
    switch (got.answer) {
      case BudgetLease::Answer::taken:
        l.waiting_for = 0;
        l.used += got.amount;
        if (got.amount < amount) ++shortened;
        if (setting.some_give_back && random.below(20) == 0) {
          l.lease.give_back(got.amount);
          l.used -= got.amount;
        }
        break;
      case BudgetLease::Answer::waiting:
        l.waiting_for = amount;
        break;
      case BudgetLease::Answer::over:
        l.over = true;
        break;
    }
    if (setting.some_go_idle && random.below(200) == 0 && working() > 1) {
      l.idle = true;
      l.waiting_for = 0;
      l.lease.stop_wanting();
    }
  }

  std::size_t working() const {
    return static_cast<std::size_t>(
        std::count_if(leases.begin(), leases.end(), [](const Lease& l) { return !l.idle; }));
  }

  template <class T>
  std::optional<T> any(std::vector<T>& queue) {
    if (queue.empty()) return std::nullopt;
    std::swap(queue[random.below(queue.size())], queue.back());
    T message = queue.back();
    queue.pop_back();
    return message;
  }

  // One random thing happens.
  void step() {
    const std::uint64_t what = random.below(3);
    if (what == 0) {
      if (const auto state = any(to_pool)) send(pool.apply(*state));
    } else if (what == 1) {
      if (const auto grant = any(to_leases)) {
        Lease& l = leases[grant->holder];
        if (l.lease.accept(*grant)) take(l);
      }
    } else {
      Lease& l = leases[random.below(leases.size())];
      if (l.waiting_for == 0 && random.uniform() < l.speed) take(l);
    }
    for (Lease& l : leases) {
      if (l.lease.wants_to_send()) send(l);
    }
    if (setting.loss > 0 && random.below(50) == 0)
      send(leases[random.below(leases.size())]);  // the heartbeat
  }

  // Until every lease that goes on taking has been told that it is over.
  bool run() {
    std::uint64_t quiet = 0;
    for (std::uint64_t steps = 0; steps < 20'000'000; ++steps) {
      const std::uint64_t before = used();
      step();
      EXPECT_LE(used(), setting.total);
      quiet = used() == before ? quiet + 1 : 0;
      if (std::all_of(leases.begin(), leases.end(),
                      [](const Lease& l) { return l.over || l.idle; }))
        return true;
      if (quiet > 200'000) return false;
    }
    return false;
  }

  Setting setting;
  Random random;
  BudgetPool pool;
  std::vector<Lease> leases;
  std::vector<BudgetState> to_pool;
  std::vector<BudgetGrant> to_leases;
  int shortened = 0;
};

TEST(Budget, ExactlyNOverAnyNumberOfHolders) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed, stream_id("setting"), 0);
    World::Setting setting;
    setting.holders = 1 + static_cast<std::uint32_t>(random.below(16));
    setting.total = random.below(3) == 0 ? random.below(20) : random.below(3'000);
    setting.some_go_idle = random.below(2) == 0;
    World world(setting, seed);
    ASSERT_TRUE(world.run()) << "stalled, seed " << seed;
    ASSERT_EQ(world.used(), setting.total) << "seed " << seed;
    ASSERT_EQ(world.shortened, 0);
  }
}

TEST(Budget, ExactlyNBytesWithOnlyTheLastTakeShortened) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed, stream_id("bytes"), 0);
    World::Setting setting;
    setting.holders = 1 + static_cast<std::uint32_t>(random.below(16));
    setting.largest_take = 1 + random.below(5'000);
    setting.total = random.below(200'000);
    setting.largest_block = 1 + random.below(10'000);
    setting.some_go_idle = random.below(2) == 0;
    World world(setting, seed);
    ASSERT_TRUE(world.run()) << "stalled, seed " << seed;
    ASSERT_EQ(world.used(), setting.total) << "seed " << seed;
    ASSERT_LE(world.shortened, 1) << "seed " << seed;
  }
}

TEST(Budget, LostAndDoubledMessagesChangeNothing) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed, stream_id("lossy"), 0);
    World::Setting setting;
    setting.holders = 1 + static_cast<std::uint32_t>(random.below(16));
    setting.total = random.below(2'000);
    setting.largest_take = 1 + random.below(3);
    setting.loss = 0.3;
    setting.doubling = 0.3;
    setting.some_go_idle = random.below(2) == 0;
    World world(setting, seed);
    ASSERT_TRUE(world.run()) << "stalled, seed " << seed;
    ASSERT_EQ(world.used(), setting.total) << "seed " << seed;
  }
}

TEST(Budget, WhatIsGivenBackIsUsedByOthers) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World::Setting setting;
    setting.holders = 1 + static_cast<std::uint32_t>(seed % 8);
    setting.total = 500 + seed;
    setting.some_give_back = true;
    World world(setting, seed);
    ASSERT_TRUE(world.run()) << "stalled, seed " << seed;
    // Only what is given back after everybody was told that it is over stays unused.
    EXPECT_LE(world.used(), setting.total);
    std::uint64_t in_hand = 0;
    for (const auto& l : world.leases) in_hand += l.lease.in_hand();
    EXPECT_EQ(world.used() + in_hand + world.pool.left(), setting.total) << "seed " << seed;
  }
}

TEST(Budget, AnIdleHolderGivesItsStockToTheOneThatStarves) {
  BudgetPool pool({100, 2, 10'000});
  BudgetLease busy(0), idle(1);
  std::vector<BudgetGrant> grants = pool.apply(idle.state());  // stock for nobody
  ASSERT_EQ(grants.size(), 1u);
  idle.accept(grants[0]);
  ASSERT_EQ(idle.in_hand(), 12u);
  std::uint64_t used = 0;
  for (int round = 0; round < 1'000 && !busy.over(); ++round) {
    const BudgetLease::Take take = busy.take();
    used += take.amount;
    for (BudgetLease* lease : {&busy, &idle}) {
      if (!lease->wants_to_send()) continue;
      for (const BudgetGrant& grant : pool.apply(lease->state()))
        (grant.holder == 0 ? busy : idle).accept(grant);
    }
  }
  EXPECT_EQ(used, 100u);
  EXPECT_TRUE(pool.over());
  EXPECT_EQ(pool.consumed(), 100u);
}

TEST(Budget, BlocksShrinkTowardsTheEnd) {
  BudgetPool pool({1'000'000, 4, 10'000});
  BudgetLease lease(2);
  const auto first = pool.apply(lease.state());
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].granted, 10'000u);
  BudgetPool small({100, 4, 10'000});
  EXPECT_EQ(small.apply(BudgetLease(1).state())[0].granted, 6u);
}

TEST(Budget, TheSameStateGetsTheSameAnswer) {
  BudgetPool pool({100, 2, 10'000});
  BudgetLease lease(0);
  const BudgetState state = lease.state();
  const auto once = pool.apply(state);
  const auto twice = pool.apply(state);
  ASSERT_EQ(once.size(), 1u);
  ASSERT_EQ(twice.size(), 1u);
  EXPECT_EQ(once[0].granted, twice[0].granted);
  EXPECT_EQ(pool.left(), 88u);
}

TEST(Budget, AStateThatCannotBeIsNotBelieved) {
  BudgetPool pool({100, 1, 10'000});
  BudgetLease lease(0);
  pool.apply(lease.state());
  BudgetState wrong = lease.state();
  wrong.number = 50;
  wrong.consumed = 1'000;
  EXPECT_TRUE(pool.apply(wrong).empty());
  EXPECT_EQ(pool.consumed(), 0u);
}

TEST(Budget, NothingToGiveIsOverAtOnce) {
  BudgetPool pool({0, 2, 10'000});
  BudgetLease lease(1);
  EXPECT_EQ(lease.take().answer, BudgetLease::Answer::waiting);
  for (const BudgetGrant& grant : pool.apply(lease.state())) lease.accept(grant);
  EXPECT_EQ(lease.take().answer, BudgetLease::Answer::over);
}

TEST(Budget, OneTakeLargerThanAllGetsAll) {
  BudgetPool pool({700, 3, 10'000});
  BudgetLease lease(1);
  EXPECT_EQ(lease.take(1'000).answer, BudgetLease::Answer::waiting);
  for (const BudgetGrant& grant : pool.apply(lease.state())) lease.accept(grant);
  const BudgetLease::Take take = lease.take(1'000);
  EXPECT_EQ(take.answer, BudgetLease::Answer::taken);
  EXPECT_EQ(take.amount, 700u);
  EXPECT_EQ(lease.take(1'000).answer, BudgetLease::Answer::over);
}

// fleet.md 2.10: N - u .. N, or N .. N + u, and both numbers are known.
TEST(Budget, ALostHolderIsBoundedEitherWay) {
  for (const auto policy : {BudgetPool::OnLoss::at_most, BudgetPool::OnLoss::at_least}) {
    BudgetPool pool({100, 2, 10'000});
    BudgetLease dead(0), alive(1);
    for (const BudgetGrant& grant : pool.apply(dead.state())) dead.accept(grant);
    std::uint64_t used_by_dead = 0;
    for (int i = 0; i < 5; ++i) used_by_dead += dead.take().amount;
    EXPECT_EQ(used_by_dead, 5u);
    pool.lose(0, policy);
    EXPECT_TRUE(pool.apply(dead.state()).empty());
    std::uint64_t used = 0;
    for (int round = 0; round < 1'000 && !alive.over(); ++round) {
      used += alive.take().amount;
      if (!alive.wants_to_send()) continue;
      for (const BudgetGrant& grant : pool.apply(alive.state())) {
        if (grant.holder == 1) alive.accept(grant);
      }
    }
    if (policy == BudgetPool::OnLoss::at_most) {
      EXPECT_EQ(used, 88u);
      EXPECT_EQ(pool.unaccounted(), 12u);
    } else {
      EXPECT_EQ(used, 100u);
      EXPECT_EQ(pool.unaccounted(), 0u);
    }
    EXPECT_TRUE(pool.over());
  }
}

}  // namespace
}  // namespace squall
