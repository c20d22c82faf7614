// The result as one JSON document (docs/result.md gives every field), for --json and result.json.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

std::string result_json(const RunResult& result);

}  // namespace squall
