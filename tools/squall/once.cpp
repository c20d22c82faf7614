// squall run FILE --once: one user of each population, one iteration of each of its tasks, shown as it happens.
// For getting a scenario right before it is a load: no load rule, threshold or output applies, and waits are short.
#include <fmt/format.h>

#include <algorithm>

#include "fleet/parts.hpp"
#include "exports.hpp"
#include "once_printer.hpp"
#include "run_scenario.hpp"
#include "scenario/walk.hpp"

namespace squall {
namespace {

constexpr int kFailed = 99, kInternal = 109, kBadScenario = 104;

/// A loop over a time is one pass: what it does is seen once.
void shorten_loops(Steps& steps) {
  for (Step& step : steps) {
    if (auto* s = std::get_if<RepeatStep>(&step.what); s && s->for_ns > 0) s->for_ns = 1;
    visit_inner_steps(step, shorten_loops);
  }
}

/// Populations in the file's order, one after the other; the tasks of each in their order, once.
void make_once(Scenario& scenario) {
  for (Task& task : scenario.tasks) {   // those of setup and teardown, too
    task.stop_after = {};
    shorten_loops(task.steps);
  }
  for (std::uint32_t i = 0; i < scenario.populations.size(); ++i) {
    PopulationSpec& population = scenario.populations[i];
    for (auto& [task, weight] : population.tasks) weight = 1;
    Load load;
    load.users = 1;
    load.trace = population.load.trace;   // its records are the first that arrive
    population.load = std::move(load);
    population.start_ns = population.connect_over_ns = 0;
    population.after = i == 0 ? kNone : i - 1;
    population.sessions = std::min<std::uint64_t>(population.sessions, 1);
    population.background = false;
    population.bytes_per_s = 0;
    population.stop_after = {};
    population.stop_after.iterations = population.tasks.size();
    shorten_loops(population.on_start);
    shorten_loops(population.on_stop);
  }
  for (BarrierSpec& barrier : scenario.barriers) barrier.users = 1;   // nobody else is there
  scenario.thresholds.clear();
  scenario.outputs.clear();
  scenario.run.for_ns = scenario.run.warmup_ns = scenario.run.slack_ns = scenario.run.busy_poll_ns = 0;
  scenario.run.keep_outputs = true;
}

}  // namespace

int run_once(const Toolbox& toolbox, Scenario& scenario, const Options& options) {
  make_once(scenario);
  std::vector<PlanError> errors;
  const auto plans = RunPlans::make(scenario, toolbox.registry, errors);
  print_mistakes(diagnostics_of(scenario, errors));
  if (!errors.empty()) return kBadScenario;

  OncePrinter printer(scenario, {options.verbose, options.quiet, wants_color(options, stdout)});
  PartOptions parts;
  parts.options_of = [&](const Plan& plan) {
    printer.follow(plan);
    LocalRunOptions run;
    run.pin_threads = false;
    run.checks_plugins = options.check_plugins;
    run.controller.verdict.accept_invalid = true;   // how late something began is not the question here
    run.observer = &printer;
    if (options.verbose) run.traffic = &printer;
    return run;
  };
  const auto outcome = run_parts(*plans, parts, nullptr);
  if (!outcome) {
    fmt::print(stderr, "squall: {}\n", outcome.error().text);
    return kInternal;
  }
  std::vector<int> codes{outcome->verdict.exit_code == kFailed ? 0 : outcome->verdict.exit_code};
  std::string why = printer.first_failure();
  std::uint64_t failed = printer.failed();
  for (const JournalEntry& entry : outcome->journal) {
    if (entry.event != "plugin_fault") continue;
    ++failed;
    why = "plugin fault: " + entry.text;
  }
  if (printer.operations() == 0 && codes[0] == 0) {
    why = "no operation was reached";
    codes.push_back(kFailed);
  }
  if (failed > 0) codes.push_back(kFailed);
  if (!options.quiet) {
    fmt::print("{}{} operation{}, {} failed\n", options.verbose ? "" : "\n", printer.operations(),
               printer.operations() == 1 ? "" : "s", failed);
    std::fflush(stdout);
  }
  const int code = strongest_exit_code(codes);
  const std::string_view word = code == 0 ? "passed" : code == kFailed ? "failed" : verdict_word(outcome->verdict.word);
  fmt::print(stderr, "squall: {}{}{}\n", word, why.empty() ? "" : ": ", why);
  if (outcome->is_abandoned) end_process(code);
  return code;
}

}  // namespace squall
