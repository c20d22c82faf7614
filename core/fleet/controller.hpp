// The controller of a run: adds up what the shards report, hands out budget tokens, watches thresholds,
// decides when the run is over and what it is worth. A state machine: messages and times come in as
// arguments, commands go out through ShardLink; it has no thread, no socket, and no clock.
//
// state       until                                                    next
// running     stop(), a shard reports its end by the horizon,          stopping
//             all populations have ended, a threshold aborts
// stopping    every shard has finished                                 finished
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/plan.hpp"
#include "engine/shard.hpp"
#include "fleet/run_result.hpp"
#include "load/budget.hpp"
#include "stats/merger.hpp"

namespace squall {

/// Commands to the shards; on one machine they are posted to the shards' loops.
class ShardLink {
 public:
  virtual ~ShardLink() = default;
  virtual void grant(std::uint32_t shard, std::uint32_t budget, const BudgetGrant& grant) = 0;
  virtual void stop(std::uint32_t shard, std::int64_t drain_ns, std::int64_t grace_ns) = 0;
  virtual void begin_population(std::uint32_t shard, std::uint32_t population) = 0;
};

struct ControllerOptions {
  std::uint32_t shards = 1;
  std::vector<Threshold> thresholds;   // resolved
  VerdictOptions verdict;
};

class Controller final : public Uplink {
 public:
  /// The plan and the link outlive it.
  Controller(const Plan& plan, ShardLink& link, ControllerOptions options);

  // From the shards (Uplink).
  void records(std::uint32_t shard, std::vector<WindowRecord> records) override;
  void budget(std::uint32_t shard, std::uint32_t budget, const BudgetState& state) override;
  void population_ended(std::uint32_t shard, std::uint32_t population) override;
  void event(std::uint32_t shard, std::string kind, std::string text) override;
  void abort_asked(std::uint32_t shard, std::string who) override;
  void finished(std::uint32_t shard) override;
  void sample(std::uint32_t, const Sample&) override {}   // goes to the outputs, not here

  /// Before every message: the run time now.
  void set_now(std::int64_t now_ns) { now_ns_ = now_ns; }
  /// Once a second, and before result().
  void tick(std::int64_t now_ns);

  /// Asked to stop by a signal or the user. The second time: at once.
  void stop_by_user(std::string why);

  bool is_finished() const { return finished_shards_ == options_.shards; }
  bool is_stopping() const { return is_stopping_; }

  const Snapshot& snapshot() { return merger_.snapshot(now_ns_, measured_until_ns_); }
  /// Windows that tick() closed, each once: for the timeline and the outputs.
  std::vector<std::shared_ptr<const MergedWindow>> take_windows() { return std::exchange(windows_, {}); }
  void note(std::string event, std::string text);
  const std::vector<JournalEntry>& journal() const { return journal_; }
  RunFacts& facts() { return facts_; }

  /// The journal's last line, which result() writes when nobody has: for those whom the verdict has to wait for.
  void end();
  /// Judged at the end. REQUIRES: is_finished(), or facts().internal_error says why not.
  RunResult result();

 private:
  void stop_all(std::int64_t drain_ns, std::int64_t grace_ns);
  bool has_ended(std::uint32_t population) const { return ended_[population] == options_.shards; }
  void check_all_ended();

  const Plan& plan_;
  ShardLink& link_;
  ControllerOptions options_;
  Merger merger_;
  ThresholdJudge judge_;
  std::vector<std::unique_ptr<BudgetPool>> pools_;
  std::vector<std::uint32_t> ended_;           // shards by population
  std::vector<JournalEntry> journal_;
  std::vector<std::shared_ptr<const MergedWindow>> windows_;   // closed, not yet taken
  RunFacts facts_;
  std::int64_t now_ns_ = 0;
  std::int64_t measured_until_ns_ = 0;
  std::uint32_t finished_shards_ = 0;
  std::uint32_t stops_asked_ = 0;
  bool is_stopping_ = false, has_end_ = false;
  bool warmup_noted_ = false;
};

}  // namespace squall
