#include "stats/verdict.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace squall {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// A run in which all is well: 1,000 iterations of one operation each on two shards.
Snapshot good_run() {
  Snapshot s;
  s.measured_ns = 10 * kWindowNs;
  SeriesTotals& series = s.series.emplace_back();
  series.key.name = "page";
  series.counts.ok = 1'000;
  s.ledger.iterations.planned = s.ledger.iterations.started = s.ledger.iterations.completed = 1'000;
  s.ledger.samples.begun = s.ledger.samples.ok = 1'000;
  s.generator.lag.add(100'000, 1'000);
  for (std::uint32_t i = 0; i < 2; ++i) {
    SourceState& source = s.sources.emplace_back();
    source.source = i;
    source.name = i == 0 ? "shard 0" : "shard 1";
    source.last_sequence = 10;
    source.final = true;
  }
  return s;
}

struct Case {
  const char* name;
  std::function<void(Snapshot&, RunFacts&, VerdictOptions&, std::vector<ThresholdResult>&)>
      happened;
  const char* word;
  int code;
  std::vector<std::string> reasons;
};

ThresholdResult broken() {
  ThresholdResult r;
  r.rule = "p99(page) < 250ms";
  r.reason = "p99(page) was 312 ms, must be < 250ms";
  return r;
}

#define HAPPENED                                                   \
  []([[maybe_unused]] Snapshot & s, [[maybe_unused]] RunFacts & f, \
     [[maybe_unused]] VerdictOptions & o, [[maybe_unused]] std::vector<ThresholdResult> & t)

TEST(Verdict, WordsCodesAndReasons) {
  const Case cases[] = {{"all is well", HAPPENED{}, "passed", 0, {}},
                        {"a threshold broke", HAPPENED{t.push_back(broken());
}
, "failed", 99, { "p99(page) was 312 ms, must be < 250ms" }
}  // namespace
, {"no samples", HAPPENED{s.series.clear();
s.ledger.samples = {};
}  // namespace squall
, "failed", 99, { "no samples" }
}
, {"nothing succeeded", HAPPENED{s.series[0].counts = {0, 1'000};
s.ledger.samples = {1'000, 0, 1'000, 0};
}
, "failed", 99, { "nothing succeeded" }
}
, {"late by our fault", HAPPENED{s.generator.lag.add(7 * kMs, 50);
}
, "invalid", 112, {
  "generator lag p99 was 7 ms, limit 5 ms: operations began late through no fault of the target; "
  "look for other "
  "load on this machine, or use --shards 3"
}
}
, {"as late as allowed", HAPPENED{s.generator.lag.add(5 * kMs, 50);
}
, "passed", 0, {}
}
, {"a looser limit of one's own", HAPPENED{s.generator.lag.add(7 * kMs, 50);
o.valid.lag_ns = 10 * kMs;
}
, "passed", 0, {}
}
, {"dropped", HAPPENED{s.ledger.iterations = {1'000, 998, 2, 0, 0, 998, 0, 0};
s.ledger.samples = {998, 998, 0, 0};
s.series[0].counts.ok = 998;
}
, "invalid", 112, {
  "only 99.8 % of 1000 due iterations began or waited for the target, limit 99.9 % (2 dropped): "
  "raise max_users, "
  "or use when_busy: wait"
}
}
, {"one in a thousand dropped", HAPPENED{s.ledger.iterations = {1'000, 999, 1, 0, 0, 999, 0, 0};
}
, "passed", 0, {}
}
, {"what waits is the target's fault",
   HAPPENED{s.ledger.iterations = {1'000, 500, 0, 500, 0, 500, 0, 0};
}
, "passed", 0, {}
}
, {"what was not due yet is nobody's",
   HAPPENED{s.ledger.iterations = {1'000, 500, 0, 0, 500, 500, 0, 0};
}
, "passed", 0, {}
}
, {"a busy shard", HAPPENED{s.sources[0].busy_streak = 5;
s.sources[0].streak_busy = 0.974;
s.sources[0].streak_rate_per_s = 8'480;
}
, "invalid", 112, { "shard 0 was 97 % busy for 5 s: --shards 3, or at most 8,200/s here" }
}
, {"busy, but not for long", HAPPENED{s.sources[0].busy_streak = 4;
s.sources[0].streak_busy = 0.99;
}
, "passed", 0, {}
}
, {"late and busy name the shard", HAPPENED{s.generator.lag.add(70 * kMs, 50);
s.sources[1].busy_streak = 9;
s.sources[1].streak_busy = 1.0;
s.sources[1].streak_rate_per_s = 500;
}
, "invalid", 112, {
  "generator lag p99 was 70 ms, limit 5 ms: operations began late through no fault of the target; "
  "shard 1 was busy: "
  "--shards 3, or at most 475/s here",
      "shard 1 was 100 % busy for 9 s: --shards 3, or at most 475/s here"
}
}
, {"an open ledger", HAPPENED{s.ledger.samples.begun = 1'001;
}
, "invalid", 112, {
  "the ledger is open: samples: begun 1001, but ok 1000 + failed 0 + cut 0 = 1000 (1 missing)"
}
}
, {"unbalanced", HAPPENED{s.sources[1].balanced = false;
}
, "invalid", 112, {
  "the ledger is open: the totals that shard 1 tells differ from the sum of its records"
}
}
, {"a plugin fault", HAPPENED{f.plugin_faults = {"http completed a call twice"};
}
, "invalid", 112, { "plugin fault: http completed a call twice" }
}
, {"invalid outranks a threshold", HAPPENED{s.ledger.samples.begun = 999;
t.push_back(broken());
}
, "invalid", 112, {
  "the ledger is open: samples: begun 999, but ok 1000 + failed 0 + cut 0 = 1000 (1 too many)",
      "p99(page) was 312 ms, must be < 250ms"
}
}
, {"accepted, all else well", HAPPENED{s.generator.lag.add(7 * kMs, 50);
o.accept_invalid = true;
o.valid.lag_ns = 1;
}
, "invalid", 0, {
  "generator lag p99 was 7 ms, limit 1e-06 ms: operations began late through no fault of the "
  "target; look for other "
  "load on this machine, or use --shards 3"
}
}
, {"accepted, a threshold broke", HAPPENED{f.plugin_faults = {"x"};
o.accept_invalid = true;
t.push_back(broken());
}
, "invalid", 99, { "plugin fault: x", "p99(page) was 312 ms, must be < 250ms" }
}
, {"stopped", HAPPENED{f.ended_by_signal = true;
}
, "stopped", 105, { "stopped by a signal or by the user" }
}
, {"stopped outranks a threshold", HAPPENED{f.ended_by_signal = true;
t.push_back(broken());
}
, "stopped", 105, { "stopped by a signal or by the user", "p99(page) was 312 ms, must be < 250ms" }
}
, {"aborted outranks stopped", HAPPENED{f.ended_by_signal = true;
f.aborted = true;
}
, "aborted", 108, { "the scenario asked to abort", "stopped by a signal or by the user" }
}
, {"partial", HAPPENED{f.missing = {"agent a-0007 since 12 s"};
s.ledger.samples.begun = 2'000;
}
, "partial", 114, { "missing: agent a-0007 since 12 s" }
}
, {"a record is missing", HAPPENED{s.sources[0].missing = 2;
}
, "partial", 114, { "missing: 2 of 10 records of shard 0" }
}
, {"the last record is missing", HAPPENED{s.sources[0].final = false;
}
, "partial", 114, { "missing: the last record of shard 0" }
}
, {"a plugin that cannot be loaded", HAPPENED{f.plugin_not_loaded = "libx.so: no such file";
f.missing = {"y"};
}
, "error", 113, { "libx.so: no such file", "missing: y" }
}
, {"an internal error outranks all", HAPPENED{f.internal_error = "shard 1 hung";
f.plugin_not_loaded = "x";
f.aborted = true;
f.plugin_faults = {"p"};
}
, "error", 109, {
  "internal error: shard 1 hung", "x", "the scenario asked to abort", "plugin fault: p"
}
}
, {"an output lost data", HAPPENED{f.output_losses = {"influx: 12 points"};
}
, "passed", 0, {}
}
, {"an output lost data, strictly", HAPPENED{f.output_losses = {"influx: 12 points"};
o.strict_outputs = true;
}
, "passed", 111, { "output lost data: influx: 12 points" }
}
, {"errors do not matter unless asked for", HAPPENED{s.series[0].counts = {999, 1};
s.ledger.samples = {1'000, 999, 1, 0};
}
, "passed", 0, {}
}
, {"errors asked for", HAPPENED{s.series[0].counts = {999, 1};
s.ledger.samples = {1'000, 999, 1, 0};
o.exit_code_on_error = true;
}
, "failed", 1, { "1 operations failed" }
}
, {"warnings alone", HAPPENED{f.warnings = {"steal 7 %"};
}
, "passed", 0, {}
}
, {"warnings, strictly", HAPPENED{f.warnings = {"steal 7 %"};
o.strict = true;
}
, "invalid", 112, { "strict: steal 7 %" }
}
,
}
;
for (const Case& c : cases) {
  Snapshot snapshot = good_run();
  RunFacts facts;
  facts.shards = 2;
  VerdictOptions options;
  std::vector<ThresholdResult> thresholds;
  c.happened(snapshot, facts, options, thresholds);
  const Verdict verdict = judge_run(snapshot, thresholds, 0, facts, options);
  EXPECT_EQ(verdict_word(verdict.word), c.word) << c.name;
  EXPECT_EQ(verdict.exit_code, c.code) << c.name;
  EXPECT_EQ(verdict.reasons, c.reasons) << c.name;
  EXPECT_EQ(verdict.validity.size(), 6u) << c.name;
}
}

TEST(Verdict, NothingSucceededSaysWhatWasMostCommon) {
  Snapshot snapshot = good_run();
  snapshot.series[0].counts = {0, 1'000};
  snapshot.ledger.samples = {1'000, 0, 1'000, 0};
  snapshot.series[0].errors = {{ErrorClass::connect, 0, "refused", 990}, {ErrorClass::status, 503, "", 10}};
  EXPECT_EQ(judge_run(snapshot, {}, 0, {}, {}).reasons,
            std::vector<std::string>{"nothing succeeded: connect (refused), 990 of 1000 times"});
}

TEST(Verdict, AStopComesFirstAndIsNotBuriedByWhatFollowed) {
  Snapshot snapshot = good_run();
  snapshot.series.clear();
  snapshot.ledger = {};
  snapshot.ledger.iterations.planned = snapshot.ledger.iterations.not_due = 1'000;
  RunFacts facts;
  facts.ended_by_signal = true;
  ThresholdResult unjudged = broken();
  unjudged.judged = false;
  unjudged.reason = "p99(page): no samples";
  const Verdict early = judge_run(snapshot, {unjudged}, 0, facts, {});
  EXPECT_EQ(early.reasons,
            std::vector<std::string>{"stopped by a signal or by the user, before any operation had ended"});
  EXPECT_EQ(early.exit_code, 105);

  Snapshot late = good_run();
  late.generator.lag.add(7 * kMs, 50);
  EXPECT_EQ(judge_run(late, {}, 0, facts, {}).reasons.front(), "stopped by a signal or by the user");
}

TEST(Verdict, AShardThatWaitedForTheCpuIsNotToldARate) {
  Snapshot snapshot = good_run();
  snapshot.generator.lag.add(70 * kMs, 50);
  snapshot.sources[0].busy_streak = 6;
  snapshot.sources[0].streak_busy = 1;
  snapshot.sources[0].streak_rate_per_s = 100;
  snapshot.sources[0].streak_own_share = 0.314;
  const Verdict verdict = judge_run(snapshot, {}, 0, {}, {});
  ASSERT_EQ(verdict.reasons.size(), 2u);
  EXPECT_EQ(verdict.reasons[1],
            "shard 0 was 100 % busy for 6 s, of which it had the CPU for 31 % and waited for it in the rest: "
            "give it more of this machine, which other programs or a CPU limit took");
  EXPECT_EQ(verdict.reasons[0].find("at most"), std::string::npos);

  snapshot.sources[0].busy_streak = 0;
  snapshot.sources[0].busy_max = 0.118;
  EXPECT_TRUE(judge_run(snapshot, {}, 0, {}, {}).reasons[0].ends_with(
      "; no shard was more than 12 % busy, so look for other load on this machine"));
}

TEST(Verdict, LagMayBeATenthOfTheSmallestP99ThatIsJudged) {
  Snapshot snapshot = good_run();
  snapshot.generator.lag.add(20 * kMs, 50);
  EXPECT_EQ(judge_run(snapshot, {}, 250e6, {}, {}).word, VerdictWord::passed);
  EXPECT_EQ(judge_run(snapshot, {}, 150e6, {}, {}).word, VerdictWord::invalid);
  EXPECT_EQ(judge_run(snapshot, {}, 150e6, {}, {}).validity[0].limit, "<= 15 ms");
}

TEST(Verdict, EachLimitStandsBesideItsValue) {
  const Verdict verdict = judge_run(good_run(), {}, 0, {}, {});
  std::string all;
  for (const ValidityCheck& check : verdict.validity)
    all += check.name + ": " + check.value + " (" + check.limit + ")\n";
  EXPECT_EQ(all,
            "generator lag p99: 0.1 ms (<= 5 ms)\n"
            "begun or waiting: 100 % (>= 99.9 %)\n"
            "windows in a row with a shard busy >= 95 %: 0 (< 5)\n"
            "open equations of the ledger: 0 (0)\n"
            "plugin faults: 0 (0)\n"
            "failures for want of something here: 0 (0)\n");
}

TEST(Verdict, WhatFailedForWantOfSomethingHereMakesTheRunWorthless) {
  Snapshot snapshot = good_run();
  snapshot.series[0].counts = {990, 10};
  snapshot.ledger.samples = {1'000, 990, 10, 0};
  snapshot.series[0].errors = {{ErrorClass::local_resource, 0, "EMFILE", 10}};
  const Verdict verdict = judge_run(snapshot, {}, 0, {}, {});
  EXPECT_EQ(verdict.exit_code, 112);
  EXPECT_EQ(verdict.reasons,
            std::vector<std::string>{"10 operations failed for want of something on this machine (EMFILE): "
                                     "allow more open files, 'ulimit -n'"});
}

TEST(Verdict, WhatWasNeverAnsweredDoesNotGoUnsaid) {
  Snapshot snapshot = good_run();
  snapshot.series[0].key.population = "visitors";
  snapshot.series[0].counts.cut = 20;
  snapshot.series[0].cut_waited.add(14'600 * kMs, 20);
  snapshot.ledger.samples = {1'020, 1'000, 0, 20};
  EXPECT_EQ(judge_run(snapshot, {}, 0, {}, {}).warnings,
            std::vector<std::string>{"20 operations were still unanswered when the drain was over, the longest after "
                                     "14.6 s: visitors/page"});
  RunFacts facts;
  facts.ended_by_signal = true;   // whoever stops a run cuts it short himself
  EXPECT_TRUE(judge_run(snapshot, {}, 0, facts, {}).warnings.empty());
}

TEST(Verdict, UsersThatLeftForGoodDoNotGoUnsaid) {
  Snapshot snapshot = good_run();
  PopulationTotals& population = snapshot.populations.emplace_back();
  population.name = "visitors";
  population.users_peak = 20;
  population.users_stopped = 4;
  const Verdict verdict = judge_run(snapshot, {}, 0, {}, {});
  EXPECT_EQ(verdict.exit_code, 0);
  EXPECT_EQ(verdict.warnings,
            std::vector<std::string>{"4 users of 'visitors' left for good (a failure in on_start, stop_user, or no "
                                     "record left), of at most 20 at a time"});
}

TEST(ExitCodes, TheStrongestOfSeveralWins) {
  const std::vector<int> order{109, 113, 114, 112, 108, 105, 99, 111, 1};
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(strongest_exit_code({order.rbegin(), order.rend() - static_cast<std::ptrdiff_t>(i)}),
              order[i]);
  }
  EXPECT_EQ(strongest_exit_code({}), 0);
  EXPECT_EQ(strongest_exit_code({0, 0}), 0);
  EXPECT_EQ(strongest_exit_code({104}), 104);
}

}  // namespace
}  // namespace squall
