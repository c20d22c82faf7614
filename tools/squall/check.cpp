// squall check: all mistakes of a scenario, or its plan. Nothing is sent.
#include <fmt/format.h>

#include <cstdio>

#include "fleet/parts.hpp"
#include "options.hpp"
#include "run_scenario.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kBadScenario = 104, kPluginNotLoaded = 113;

const char* scope_word(ThresholdScope scope) {
  switch (scope) {
    case ThresholdScope::all: return "all operations";
    case ThresholdScope::any: return "";
    case ThresholdScope::step: return "step";
    case ThresholdScope::task: return "task";
    case ThresholdScope::population: return "population";
    case ThresholdScope::probe: return "probe";
    case ThresholdScope::metric: return "metric";
  }
  return "";
}

void print_plan(const Scenario& scenario, const Plan& plan, const std::vector<Threshold>& thresholds) {
  std::vector<PlannedLoad> planned;
  for (const PopulationPlan& population : plan.populations())
    planned.push_back({population.planned, population.trace ? population.trace->duration_ns() : 0});
  fmt::print("{}", describe_plan(scenario, planned));
  for (const Threshold& threshold : thresholds) {
    fmt::print("threshold   {:<12} {} {}\n", threshold.text, scope_word(threshold.scope), threshold.name);
  }
}

}  // namespace

int check_command(const Options& options) {
  const auto toolbox = load_toolbox(options.plugin_path, options.file);
  if (!toolbox) return kPluginNotLoaded;
  LoadResult loaded = load_scenario(options.file, toolbox->catalog, options.load);
  Diagnostics& diagnostics = loaded.diagnostics;
  std::unique_ptr<RunPlans> plans;
  ControllerOptions controller;
  if (loaded) {
    std::vector<PlanError> errors;
    plans = RunPlans::make(*loaded.scenario, toolbox->registry, errors);
    for (const Diagnostic& mistake : diagnostics_of(*loaded.scenario, errors)) diagnostics.add(mistake);
    if (errors.empty())
      for (const Diagnostic& mistake : add_thresholds(*loaded.scenario, *plans->load, controller)) diagnostics.add(mistake);
  }
  if (options.as_json) fmt::print("{}", diagnostics.json());
  else fmt::print(stderr, "{}", diagnostics.print());
  if (diagnostics.has_errors()) return diagnostics.has_only_option_errors() ? kBadCommandLine : kBadScenario;
  if (!options.as_json) print_plan(*loaded.scenario, *plans->load, controller.thresholds);
  return 0;
}

}  // namespace squall
