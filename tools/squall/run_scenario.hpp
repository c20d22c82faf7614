// Runs a loaded scenario to its verdict: what `run` and `call` share.
#pragma once

#include "options.hpp"
#include "program.hpp"

namespace squall {

int run_scenario(const Program& program, const Scenario& scenario, const Options& options);

}  // namespace squall
