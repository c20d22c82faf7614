// Runs a loaded scenario to its verdict: what `run` and `call` share.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "engine/plan.hpp"
#include "options.hpp"
#include "toolbox.hpp"

namespace squall {

struct ControllerOptions;

/// With --once it becomes one pass of one user; the scenario is not what it was afterwards.
int run_scenario(const Toolbox& toolbox, Scenario& scenario, const Options& options);
int run_once(const Toolbox& toolbox, Scenario& scenario, const Options& options);

/// Of a run that was abandoned: what is written is written, nothing is torn down.
[[noreturn]] void end_process(int code);
/// Resolves the names in thresholds against the plan; what it returns are mistakes of the scenario.
std::vector<Diagnostic> add_thresholds(const Scenario& scenario, const Plan& plan, ControllerOptions& options);
std::vector<Diagnostic> diagnostics_of(const Scenario& scenario, const std::vector<PlanError>& errors);
void print_mistakes(const std::vector<Diagnostic>& mistakes);

}  // namespace squall
