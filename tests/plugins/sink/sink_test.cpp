// The frame of network outputs in virtual time: what becomes of each record, and that the account
// says so, whatever the target does.
#include "sink/sink.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "scratch_folder.hpp"

namespace squall::sink {
namespace {

using namespace std::chrono_literals;

/// What the test says it is. It notes what it has told of each record.
class Target : public Wire {
 public:
  explicit Target(Time& now) : now_(now) {}
  Answer send(std::span<const Record> batch, Time limit) override {
    EXPECT_GT(limit, Time::zero());
    EXPECT_FALSE(batch.empty());
    sizes.push_back(batch.size());
    times.push_back(now_);
    Answer answer = behaves(batch);
    now_ += takes;
    if (answer.kind != Answer::Kind::judged) return answer;
    for (size_t i = 0; i < std::min(batch.size(), answer.fates.size()); ++i) {
      if (answer.fates[i] == Fate::delivered) ++delivered[batch[i].bytes];
      if (answer.fates[i] == Fate::rejected) ++rejected[batch[i].bytes];
    }
    return answer;
  }
  static Answer all(std::span<const Record> batch, Fate fate = Fate::delivered) {
    return {Answer::Kind::judged, std::vector<Fate>(batch.size(), fate), {}, fate == Fate::rejected ? "no room for it" : ""};
  }
  static Answer down(Time retry_after = {}) { return {Answer::Kind::later, {}, retry_after, "nobody listens"}; }

  std::function<Answer(std::span<const Record>)> behaves = [](auto batch) { return all(batch); };
  Time takes = 1ms;
  std::vector<size_t> sizes;
  std::vector<Time> times;
  std::map<std::string, int> delivered, rejected;

 private:
  Time& now_;
};

/// A sink, its target and the time.
struct World {
  explicit World(Limits limits = {}, const std::string& spool = "", uint64_t spool_limit = 1 << 30, uint64_t seed = 1)
      : target(now),
        sink(limits, target, Backoff(seed),
             spool.empty() ? nullptr : std::make_unique<Spool>(spool, "test", spool_limit, limits.batch_bytes)) {}

  void add(std::string bytes, uint32_t items = 1) {
    std::vector<Record> records;
    records.push_back({std::move(bytes), items});
    if (sink.add(std::move(records), now)) next = now;
  }
  void run_to(Time until) {
    while (next <= until && !sink.is_finished()) {
      now = std::max(now, next);
      next = sink.step(now);
      EXPECT_TRUE(sink.account().own.adds_up()) << to_text(sink.account().own);
      EXPECT_TRUE(sink.account().earlier.adds_up()) << to_text(sink.account().earlier);
    }
    now = std::max(now, until);
  }
  void end() {
    sink.drain(now);
    next = now;
    const Time begin = now;
    while (!sink.is_finished()) run_to(now + 1s);
    EXPECT_LE(now, begin + 40s);
    EXPECT_EQ(sink.account().own.waiting, 0u);
    EXPECT_EQ(sink.account().earlier.waiting, 0u);
  }

  Time now{}, next{};
  Target target;
  Sink sink;
};

/// "delivered rejected spooled dropped"
std::string told(const Tally& tally) {
  EXPECT_TRUE(tally.adds_up());
  return std::to_string(tally.delivered) + " " + std::to_string(tally.rejected) + " " + std::to_string(tally.spooled) + " " +
         std::to_string(tally.dropped);
}

TEST(Sink, SendsOnceASecondOrWhenABatchIsFull) {
  Limits limits;
  limits.batch_bytes = 10;
  World world(limits);
  world.run_to(500ms);
  world.add("abc");
  world.run_to(1400ms);
  EXPECT_TRUE(world.target.sizes.empty());
  world.run_to(1500ms);
  EXPECT_EQ(world.target.sizes, std::vector<size_t>{1});
  for (const char* text : {"abcd", "efgh", "ijkl"}) world.add(text);
  world.run_to(1501ms);
  EXPECT_EQ(world.target.sizes, (std::vector<size_t>{1, 2})) << "two are a batch, the third waits";
  world.add("longer than a whole batch");
  world.run_to(1510ms);
  EXPECT_EQ(world.target.sizes, (std::vector<size_t>{1, 2, 1, 1})) << "it goes alone, after what came before";
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "5 0 0 0");
}

TEST(Sink, ItemsAreWhatARecordStandsFor) {
  World world;
  world.add("seven", 7);
  EXPECT_EQ(world.sink.account().own.waiting, 7u);
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "7 0 0 0");
}

TEST(Sink, OnlyWhatTheTargetTurnsAwayForNowIsSentAgain) {
  World world;
  for (int i = 0; i < 500; ++i) world.add(std::to_string(i));
  world.target.behaves = [&, first = true](auto batch) mutable {
    Answer answer = Target::all(batch);
    if (std::exchange(first, false))
      for (size_t i = 0; i < 7; ++i) answer.fates[i * 71] = Fate::again;
    return answer;
  };
  world.end();
  EXPECT_EQ(world.target.sizes, (std::vector<size_t>{500, 7}));
  EXPECT_EQ(told(world.sink.account().own), "500 0 0 0");
  EXPECT_EQ(world.sink.account().again, 7u);
}

TEST(Sink, RejectedWithTheFirstReason) {
  World world;
  world.add("a");
  world.target.behaves = [](auto batch) { return Target::all(batch, Fate::rejected); };
  world.run_to(2s);
  world.target.behaves = [](auto) { return Answer{Answer::Kind::refused, {}, {}, "another"}; };
  world.add("b");
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "0 2 0 0");
  EXPECT_EQ(world.sink.account().loss, "no room for it");
}

TEST(Sink, WaitsLongerAndLongerWithJitterAndAsLongAsItIsAskedTo) {
  Backoff backoff(7);
  for (unsigned failures = 1; failures < 40; ++failures) {
    const Time most = std::min<Time>(500ms * (1 << std::min(failures - 1, 10u)), 15s);
    Time longest{}, sum{};
    for (int i = 0; i < 200; ++i) {
      const Time delay = backoff.delay(failures);
      EXPECT_GE(delay, Time::zero());
      EXPECT_LE(delay, most);
      longest = std::max(longest, delay);
      sum += delay;
    }
    EXPECT_GT(longest, most * 8 / 10);
    EXPECT_NEAR(double(sum.count()) / 200, double(most.count()) / 2, double(most.count()) / 8);
  }
  World world;
  world.target.behaves = [](auto) { return Target::down(7s); };
  world.add("a");
  world.run_to(20s);
  EXPECT_EQ(world.target.times, (std::vector<Time>{1s, 8s + 1ms, 15s + 2ms})) << "from when the answer came";
}

TEST(Sink, WhatIsTooLargeIsHalvedUntilTheCulpritIsAlone) {
  World world;
  for (int i = 0; i < 100; ++i) world.add(i == 42 ? "poison" : std::to_string(i));
  world.target.behaves = [](auto batch) {
    for (const Record& record : batch)
      if (record.bytes == "poison") return Answer{Answer::Kind::split, {}, {}, "not understood"};
    return Target::all(batch);
  };
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "99 1 0 0");
  EXPECT_EQ(world.target.delivered.size(), 99u);
  EXPECT_LE(world.target.sizes.size(), 16u) << "two for each halving";
  EXPECT_EQ(world.sink.account().loss, "not understood");
}

TEST(Sink, AFullQueueDropsWhatComesAndNothingElse) {
  Limits limits;
  limits.queue_bytes = 100;
  limits.batch_bytes = 10;
  World world(limits);
  world.target.behaves = [](auto) { return Target::down(); };
  for (int i = 0; i < 30; ++i) {
    world.add("0123456789");
    world.run_to(world.now + 1s);
  }
  EXPECT_EQ(world.sink.account().own.waiting, 10u);
  EXPECT_EQ(told({30, 0, 0, 0, world.sink.account().own.dropped, 10}), "0 0 0 20");
  EXPECT_EQ(world.sink.account().loss, "the queue is full (queue_limit): nobody listens");
  world.target.behaves = [](auto batch) { return Target::all(batch); };
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "10 0 0 20");
}

TEST(Sink, WithoutASpoolTheEndDropsWhatIsLeft) {
  World world;
  world.target.behaves = [](auto) { return Target::down(); };
  world.add("a");
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "0 0 0 1");
  EXPECT_EQ(world.sink.account().loss, "nobody listens");
  EXPECT_GE(world.now, 30s) << "it has tried for as long as it may";
}

TEST(Sink, TheEndTriesAtOnceUnlessItWasAskedToWait) {
  Limits limits;
  limits.drain = 1ms;
  for (const bool is_asked : {false, true}) {
    World world(limits);
    world.target.behaves = [&](auto) { return Target::down(is_asked ? 10s : 0s); };
    world.add("a");
    world.run_to(20s);
    world.run_to(world.next - 500ms);   // in the middle of a wait
    world.target.behaves = [](auto batch) { return Target::all(batch); };
    world.end();
    EXPECT_EQ(told(world.sink.account().own), is_asked ? "0 0 0 1" : "1 0 0 0");
  }
}

TEST(Sink, SpooledWhileTheTargetIsDownAndSentWhenItIsBack) {
  ScratchFolder folder;
  Limits limits;
  limits.queue_bytes = 100;
  limits.batch_bytes = 20;
  World world(limits, folder.path);
  world.target.behaves = [](auto) { return Target::down(); };
  for (int i = 0; i < 1000; ++i) {
    world.add("record " + std::to_string(1000 + i));
    world.run_to(world.now + 100ms);
  }
  Account account = world.sink.account();
  EXPECT_EQ(account.own.dropped, 0u);
  EXPECT_GT(account.own.spooled, 900u);
  world.target.behaves = [](auto batch) { return Target::all(batch); };
  world.run_to(world.now + 60s);
  account = world.sink.account();
  EXPECT_EQ(told(account.own), "1000 0 0 0") << "without an end";
  EXPECT_EQ(world.target.delivered.size(), 1000u);
  world.end();
}

TEST(Sink, SpooledAtTheEndAndSentByTheNextRun) {
  ScratchFolder folder;
  {
    World world({}, folder.path);
    world.target.behaves = [](auto) { return Target::down(); };
    for (int i = 0; i < 300; ++i) world.add(std::to_string(i), 2);
    world.end();
    EXPECT_EQ(told(world.sink.account().own), "0 0 600 0");
  }
  {
    World world({}, folder.path);   // down as well, but for the first few
    world.target.behaves = [](auto batch) {
      Answer answer = Target::all(batch, Fate::again);
      if (batch.size() == 300) std::fill_n(answer.fates.begin(), 100, Fate::delivered);
      return answer;
    };
    world.run_to(1ms);
    world.add("own");
    world.end();
    EXPECT_EQ(told(world.sink.account().earlier), "200 0 400 0");
    EXPECT_EQ(told(world.sink.account().own), "0 0 1 0");
    EXPECT_EQ(world.target.delivered.size(), 100u);
  }
  World world({}, folder.path);
  world.run_to(1s);
  EXPECT_EQ(told(world.sink.account().earlier), "401 0 0 0");
  EXPECT_EQ(world.target.delivered.size(), 201u) << "none of those that were delivered";
  EXPECT_EQ(told(world.sink.account().own), "0 0 0 0");
}

TEST(Sink, AFullSpoolLeavesTheRestInTheQueueAndThenDrops) {
  ScratchFolder folder;
  Limits limits;
  limits.queue_bytes = 200;
  limits.batch_bytes = 50;
  World world(limits, folder.path, 400);
  world.target.behaves = [](auto) { return Target::down(); };
  for (int i = 0; i < 100; ++i) {
    world.add("0123456789");
    world.run_to(world.now + 1s);
  }
  Account account = world.sink.account();
  EXPECT_GT(account.own.spooled, 5u);
  EXPECT_GT(account.own.dropped, 50u);
  EXPECT_NE(account.loss.find("queue_limit"), std::string::npos);
  EXPECT_NE(account.trouble.find(" "), std::string::npos);
  world.target.behaves = [](auto batch) { return Target::all(batch); };
  world.end();
  EXPECT_EQ(world.sink.account().own.spooled, 0u);
  EXPECT_EQ(world.sink.account().own.delivered, 100 - account.own.dropped);
}

TEST(Sink, RefusedIsKeptWhenThereIsASpool) {
  ScratchFolder folder;
  World world({}, folder.path);
  world.target.behaves = [](auto) { return Answer{Answer::Kind::refused, {}, {}, "401: the key has expired"}; };
  world.add("a");
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "0 0 1 0");
  EXPECT_EQ(world.sink.account().trouble, "401: the key has expired");
}

TEST(Sink, AnAnswerForAnotherNumberOfRecordsIsNoAnswer) {
  World world;
  world.add("a");
  world.target.behaves = [first = true](auto batch) mutable {
    Answer answer = Target::all(batch);
    if (std::exchange(first, false)) answer.fates.clear();
    return answer;
  };
  world.end();
  EXPECT_EQ(told(world.sink.account().own), "1 0 0 0");
  EXPECT_EQ(world.target.sizes.size(), 2u);
}

/// Everything at random, three runs on one spool: each record ends in exactly one way, and the accounts
/// say in which.
TEST(Sink, EachRecordEndsOnceWhateverHappens) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto chance = [&](double share) { return std::uniform_real_distribution<>(0, 1)(random) < share; };
    const auto below = [&](uint64_t bound) { return random() % bound; };
    ScratchFolder folder;
    Limits limits;
    limits.queue_bytes = 200 + below(4000);
    limits.batch_bytes = 20 + below(limits.queue_bytes / 2 - 20);
    limits.drain = std::chrono::milliseconds(below(20'000));
    const bool has_spool = chance(.7);
    const uint64_t spool_limit = chance(.3) ? 100 + below(3000) : 1 << 20;
    std::map<std::string, int> delivered, rejected;
    uint64_t items = 0, made = 0, own_delivered = 0, all_rejected = 0, dropped = 0, spooled = 0;
    std::map<std::string, uint32_t> items_of;
    for (int run = 0; run < 3; ++run) {
      World world(limits, has_spool ? folder.path : "", spool_limit, seed);
      EXPECT_EQ(world.sink.account().earlier.accepted, spooled) << "what the last run has left";
      double trouble = 0;
      world.target.behaves = [&](std::span<const Record> batch) -> Answer {
        world.target.takes = std::chrono::milliseconds(below(chance(.1) ? 5000 : 50));
        if (chance(.05)) trouble = chance(.6) ? 0 : chance(.5) ? .5 : 1;
        if (!chance(trouble)) return Target::all(batch);
        switch (below(5)) {
          case 0: return Target::down();
          case 1: return Target::down(std::chrono::milliseconds(1 + below(3000)));
          case 2: return {Answer::Kind::split, {}, {}, "split"};
          case 3: if (chance(.2)) return {Answer::Kind::refused, {}, {}, "refused"}; [[fallthrough]];
          default: {
            Answer answer = Target::all(batch);
            for (Fate& fate : answer.fates)
              if (chance(.3)) fate = chance(.3) ? Fate::rejected : Fate::again;
            answer.why = "some";
            return answer;
          }
        }
      };
      uint64_t given = 0;
      for (uint64_t i = 0, n = below(400); i < n; ++i) {
        const uint32_t weight = 1 + static_cast<uint32_t>(below(3));
        const std::string bytes = std::to_string(++made) + std::string(below(60), '.');
        items_of[bytes] = weight;
        given += weight;
        world.add(bytes, weight);
        if (chance(.3)) world.run_to(world.now + std::chrono::milliseconds(below(2000)));
      }
      items += given;
      world.end();
      for (const auto& [bytes, count] : world.target.delivered) delivered[bytes] += count;
      for (const auto& [bytes, count] : world.target.rejected) rejected[bytes] += count;
      const Account account = world.sink.account();
      EXPECT_EQ(account.own.accepted, given);
      own_delivered += account.own.delivered + account.earlier.delivered;
      all_rejected += account.own.rejected + account.earlier.rejected;
      dropped += account.own.dropped + account.earlier.dropped;
      EXPECT_EQ(account.earlier.dropped, 0u);
      spooled = account.own.spooled + account.earlier.spooled;
    }
    uint64_t target_has = 0;
    for (const auto& [bytes, count] : delivered) {
      EXPECT_EQ(count, 1) << bytes;
      EXPECT_FALSE(rejected.contains(bytes)) << bytes;
      target_has += items_of[bytes];
    }
    EXPECT_EQ(target_has, own_delivered);
    EXPECT_EQ(items, own_delivered + all_rejected + dropped + spooled);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace squall::sink
