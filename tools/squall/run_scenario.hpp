// Runs a loaded scenario to its verdict: what `run` and `call` share.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "engine/plan.hpp"
#include "options.hpp"
#include "toolbox.hpp"

namespace squall {

/// With --once it becomes one pass of one user; the scenario is not what it was afterwards.
int run_scenario(const Toolbox& toolbox, Scenario& scenario, const Options& options);
int run_once(const Toolbox& toolbox, Scenario& scenario, const Options& options);

/// Of a run that was abandoned: what is written is written, nothing is torn down.
[[noreturn]] void end_process(int code);
void print_plan_errors(const Scenario& scenario, const std::vector<PlanError>& errors);
bool wants_color(const Options& options, std::FILE* out);

}  // namespace squall
