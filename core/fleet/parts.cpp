#include "fleet/parts.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <optional>
#include <utility>

namespace squall {
namespace {

constexpr int kAborted = 108, kStopped = 105;

/// Each part's run listens for itself. This one hears a signal between them, too, which else would end the process.
class StopSignals {
 public:
  StopSignals() { set_.async_wait([this](const boost::system::error_code& error, int) { came_ = came_ || !error; }); }
  bool have_come() {
    io_.poll();
    return came_;
  }

 private:
  boost::asio::io_context io_{1};
  boost::asio::signal_set set_{io_, SIGINT, SIGTERM};
  bool came_ = false;
};

/// The scenario with this population alone, and no other end than its own.
PartPlan make_part(const Scenario& scenario, const std::optional<PopulationSpec>& population, const Registry& registry,
                   std::vector<PlanError>& errors) {
  PartPlan part;
  if (!population) return part;
  part.scenario = std::make_unique<Scenario>(scenario);
  part.scenario->populations = {*population};
  part.scenario->thresholds.clear();
  part.scenario->outputs.clear();
  part.scenario->run.for_ns = part.scenario->run.warmup_ns = 0;
  part.plan = Plan::make(*part.scenario, registry, errors);
  return part;
}

std::string first_failure(const RunResult& result) {
  for (const SeriesTotals& series : result.snapshot.series) {
    if (!series.errors.empty()) return fmt::format("'{}': {}", series.key.name, error_text(series.errors.front()));
  }
  for (const JournalEntry& entry : result.journal) {
    if (entry.event == "plugin_fault") return entry.text;
  }
  return {};
}

PartResult describe(std::string name, const RunResult& result) {
  PartResult part;
  part.name = std::move(name);
  part.is_done = result.snapshot.ledger.iterations.completed == 1;
  part.duration_ns = result.info.duration_ns;
  for (const SeriesTotals& series : result.snapshot.series) {
    if (series.key.kind != SeriesKind::operation) continue;
    part.operations += series.counts.count();
    part.failed += series.counts.failed;
  }
  part.why = result.is_stopped && !part.is_done ? "stopped by a signal" : first_failure(result);
  return part;
}

/// "" when all went well.
std::string trouble_of(const PartResult& part) {
  if (part.is_done && part.failed == 0) return {};
  return fmt::format("{}{}", part.is_done ? "had failures" : "did not come to its end", part.why.empty() ? "" : ": " + part.why);
}

Result<RunResult> run_part(const char* name, const PartPlan& part, SharedData& shared, const PartOptions& options) {
  if (options.on_part) options.on_part(name);
  LocalRunOptions run = options.options_of(*part.plan);
  run.shards = 1;
  run.controller.thresholds.clear();
  run.on_tick = nullptr;
  return run_locally(*part.plan, shared, std::move(run), nullptr);
}

/// What setup left behind is the result: its samples say what went wrong.
RunResult without_load(RunResult setup, const PartResult& part, bool is_stopped) {
  if (setup.is_abandoned) return setup;
  Verdict verdict;
  verdict.word = is_stopped ? VerdictWord::stopped : VerdictWord::aborted;
  verdict.exit_code = is_stopped ? kStopped : kAborted;
  const std::string what = is_stopped         ? "stopped by a signal"
                           : part.why.empty() ? "setup did not come to its end"
                                              : "setup failed: " + part.why;
  verdict.reasons = {what + "; the load did not begin"};
  setup.verdict = std::move(verdict);
  return setup;
}

}  // namespace

std::unique_ptr<RunPlans> RunPlans::make(const Scenario& scenario, const Registry& registry,
                                         std::vector<PlanError>& errors) {
  auto plans = std::make_unique<RunPlans>();
  plans->load = Plan::make(scenario, registry, errors);
  if (!errors.empty()) return plans;   // of targets and plugins, which all parts have in common
  plans->setup = make_part(scenario, scenario.setup, registry, errors);
  plans->teardown = make_part(scenario, scenario.teardown, registry, errors);
  plans->shared = std::make_unique<SharedData>(scenario);
  return plans;
}

Result<RunResult> run_parts(const RunPlans& plans, const PartOptions& options, OutputRunner* outputs) {
  StopSignals signals;
  std::vector<PartResult> parts;
  std::optional<Result<RunResult>> result;
  if (plans.setup.plan) {
    auto setup = run_part("setup", plans.setup, *plans.shared, options);
    if (!setup) return setup.error();
    parts.push_back(describe("setup", *setup));
    const bool is_stopped = signals.have_come();
    if (is_stopped || !parts.back().is_done) result = without_load(std::move(*setup), parts.back(), is_stopped);
  }
  if (!result) result = run_locally(*plans.load, *plans.shared, options.options_of(*plans.load), outputs);
  const bool is_hung = *result && (*result)->is_abandoned;
  if (plans.teardown.plan && !is_hung) {
    auto teardown = run_part("teardown", plans.teardown, *plans.shared, options);
    if (*result) {
      parts.push_back(teardown ? describe("teardown", *teardown) : PartResult{"teardown", false, 0, 0, 0, teardown.error().text});
      const std::string trouble = trouble_of(parts.back());
      if (!trouble.empty()) (*result)->verdict.warnings.push_back("teardown " + trouble);
      (*result)->is_abandoned = teardown && teardown->is_abandoned;
    }
  }
  if (*result) (*result)->parts = std::move(parts);
  return std::move(*result);
}

}  // namespace squall
