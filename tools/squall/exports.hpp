// Where a result goes when its run is over, or is rendered again: the flags --json to --results.
#pragma once

#include <cstdio>

#include "fleet/run_result.hpp"
#include "options.hpp"

namespace squall {

/// Said before the load, not after it. A folder of results is made here.
bool can_write_exports(const Exports& exports);

/// False when one of them could not be written, which is said.
bool write_exports(const Exports& exports, const RunResult& result);

bool wants_color(const Options& options, std::FILE* out);
/// What a person reads, on stdout.
void print_summary(const Options& options, const RunResult& result);

}  // namespace squall
