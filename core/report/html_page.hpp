// The result as one self-contained HTML page: no script needed to read it, no request to anywhere.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

std::string html_page(const RunResult& result);

}  // namespace squall
