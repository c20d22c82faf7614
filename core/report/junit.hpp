// The result as JUnit XML, for what shows test results in CI: a case for each threshold, and one for the run itself.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

std::string junit_xml(const RunResult& result);

}  // namespace squall
