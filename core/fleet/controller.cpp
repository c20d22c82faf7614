#include "fleet/controller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace squall {
namespace {

MergerOptions merger_options(const Plan& plan, const ControllerOptions& options) {
  MergerOptions merger;
  merger.warmup_ns = plan.scenario().run.warmup_ns;
  merger.busy_limit = options.verdict.valid.busy;
  for (const Threshold& threshold : options.thresholds) {
    merger.keep_windows = std::max(merger.keep_windows, threshold.over_ns / kWindowNs + 2);
  }
  for (const PopulationPlan& population : plan.populations()) {
    const PopulationSpec& spec = *population.spec;
    const LoadModel model = spec.load.model == Load::Model::open    ? LoadModel::open
                            : spec.load.model == Load::Model::fleet ? LoadModel::fleet
                                                                    : LoadModel::closed;
    merger.populations.push_back({spec.name, model, spec.background});
  }
  for (const MetricSpec& metric : plan.scenario().metrics) {
    merger.metrics.push_back({metric.name, metric.unit, metric.kind, metric.is_probe, {}});
  }
  for (const TargetSpec& target : plan.scenario().targets) merger.targets.push_back(target.name);
  for (std::uint32_t i = 0; i < options.shards; ++i) merger.sources.push_back(fmt::format("shard {}", i));
  return merger;
}

}  // namespace

Controller::Controller(const Plan& plan, ShardLink& link, ControllerOptions options)
    : plan_(plan), link_(link), options_(std::move(options)),
      merger_(plan.series(), merger_options(plan, options_)),
      judge_(options_.thresholds),
      ended_(plan.populations().size(), 0) {
  facts_.shards = options_.shards;
  for (const auto& data : plan.scenario().datasets) {
    if (std::string left_out = data->left_out_text(); !left_out.empty()) facts_.warnings.push_back(std::move(left_out));
  }
  for (const BudgetPlan& budget : plan.budgets()) {
    pools_.push_back(std::make_unique<BudgetPool>(BudgetOptions{budget.total, options_.shards}));
  }
}

void Controller::note(std::string event, std::string text) {
  journal_.push_back({now_ns_, std::move(event), std::move(text)});
}

void Controller::records(std::uint32_t, std::vector<WindowRecord> records) {
  for (const WindowRecord& record : records) merger_.apply(record);
}

void Controller::budget(std::uint32_t, std::uint32_t budget, const BudgetState& state) {
  for (const BudgetGrant& grant : pools_[budget]->apply(state)) link_.grant(grant.holder, budget, grant);
}

void Controller::population_ended(std::uint32_t, std::uint32_t population) {
  ++ended_[population];
  if (!has_ended(population)) return;
  note("population_ended", plan_.populations()[population].spec->name);
  for (const PopulationPlan& next : plan_.populations()) {
    if (next.spec->after != population || is_stopping_) continue;
    for (std::uint32_t shard = 0; shard < options_.shards; ++shard) link_.begin_population(shard, next.index);
  }
  check_all_ended();
}

// A logger in the background does not keep a run alive.
void Controller::check_all_ended() {
  if (is_stopping_) return;
  for (const PopulationPlan& population : plan_.populations()) {
    if (!population.spec->background && !has_ended(population.index)) return;
  }
  note("stop", "all populations have ended");
  stop_all(0, plan_.scenario().run.grace_ns);
}

void Controller::event(std::uint32_t shard, std::string kind, std::string text) {
  if (kind == "plugin_fault") facts_.plugin_faults.push_back(text);
  if (kind == "stall") {
    const bool is_new = std::ranges::find(facts_.warnings, text) == facts_.warnings.end();
    if (is_new && facts_.warnings.size() < 20) facts_.warnings.push_back(text);
  }
  if (kind == "plugin_limit") {
    if (is_stopping_) return;
    note("stop", std::move(text));
    return stop_all(0, plan_.scenario().run.grace_ns);
  }
  // Every shard tells when a budget is used up; once is enough.
  for (const JournalEntry& entry : journal_) {
    if (entry.event == kind && (entry.text == text)) return;
  }
  note(std::move(kind), options_.shards > 1 && kind == "plugin_fault" ? fmt::format("shard {}: {}", shard, text)
                                                                       : std::move(text));
}

void Controller::abort_asked(std::uint32_t, std::string who) {
  if (facts_.aborted) return;
  facts_.aborted = true;
  note("abort", fmt::format("population '{}' asked to abort the run", who));
  stop_all(0, plan_.scenario().run.grace_ns);
}

void Controller::finished(std::uint32_t) { ++finished_shards_; }

void Controller::tick(std::int64_t now_ns) {
  now_ns_ = now_ns;
  for (auto& window : merger_.take_closed(is_finished())) windows_.push_back(std::move(window));
  const RunSpec& run = plan_.scenario().run;
  if (!warmup_noted_ && run.warmup_ns > 0 && now_ns >= run.warmup_ns) {
    warmup_noted_ = true;
    note("warmup_over", "");
  }
  if (!is_stopping_ && plan_.horizon_ns() != kNeverNs && now_ns >= plan_.horizon_ns()) {
    is_stopping_ = true;       // the shards know it by themselves
    measured_until_ns_ = plan_.horizon_ns();
    note("stop", "the planned time is over");
  }
  if (is_stopping_) return;
  if (const Threshold* broken = judge_.watch(snapshot())) {
    note("stop", fmt::format("the threshold '{}' is broken", broken->text));
    stop_all(run.drain_ns, run.grace_ns);   // what is under way is still an answer about the target
  }
}

void Controller::stop_by_user(std::string why) {
  facts_.ended_by_signal = true;
  const std::int64_t grace = plan_.scenario().run.grace_ns;
  if (stops_asked_++ == 0) {
    note("stop", fmt::format("{}: draining", why));
    stop_all(grace, grace);
  } else {
    note("stop", fmt::format("{} again: stopping now", why));
    stop_all(0, 0);
  }
}

void Controller::stop_all(std::int64_t drain_ns, std::int64_t grace_ns) {
  if (!is_stopping_) {
    measured_until_ns_ = std::max<std::int64_t>(now_ns_, 1);
    if (plan_.horizon_ns() != kNeverNs) measured_until_ns_ = std::min(measured_until_ns_, plan_.horizon_ns());
  }
  is_stopping_ = true;
  for (std::uint32_t shard = 0; shard < options_.shards; ++shard) link_.stop(shard, drain_ns, grace_ns);
}

void Controller::end() {
  if (!std::exchange(has_end_, true)) note("end", "");
}

RunResult Controller::result() {
  SQUALL_ASSERT(is_finished() || !facts_.internal_error.empty());
  end();
  RunResult result;
  result.snapshot = snapshot();
  result.thresholds = judge_.judge(result.snapshot);
  result.verdict = judge_run(result.snapshot, result.thresholds, judge_.smallest_p99_limit_ns(), facts_,
                             options_.verdict);
  result.journal = journal_;
  result.is_stopped = facts_.ended_by_signal;
  for (const auto& data : plan_.scenario().datasets) {
    if (data->file.empty()) continue;   // the values of a for_each, what setup kept
    const Dataset::LeftOut& left_out = data->left_out();
    result.data.push_back({data->name, data->size(), left_out.lines, left_out.first.line});
  }
  return result;
}

}  // namespace squall
