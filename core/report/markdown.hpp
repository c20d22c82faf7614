// The result as Markdown, for what shows it beside a CI job: GitHub's step summary, a comment on a merge request.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

/// At most some 100 kB whatever the run: the largest series and errors, and how many more there are. Nothing of a name
/// or an error is markup.
std::string markdown(const RunResult& result);

}  // namespace squall
