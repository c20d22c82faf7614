// A run that was stored by --results, as it was: every rendering of it is equal to the one that its own end would have given.
#pragma once

#include <string>

#include "fleet/run_result.hpp"
#include "result.hpp"

namespace squall {

/// `path`: the folder, or the result.json in it, which needs its histograms.jsonl and timeline.jsonl. Errors: one line that
/// names the file, and the line of it.
Result<RunResult> read_run(const std::string& path);

}  // namespace squall
