// Runs a loaded scenario to its verdict: what `run` and `call` share.
#pragma once

#include "options.hpp"
#include "toolbox.hpp"

namespace squall {

int run_scenario(const Toolbox& toolbox, const Scenario& scenario, const Options& options);

}  // namespace squall
