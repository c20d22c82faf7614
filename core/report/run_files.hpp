// The files of a results folder beside result.json, a line of JSON each: docs/result.md gives every field. Together they
// hold all that stored_run.hpp needs to have the same run again.
#pragma once

#include <ostream>

#include "fleet/run_result.hpp"

namespace squall {

/// One line a second and series, and one for the environment.
void write_timeline(std::ostream& out, const RunResult& result);
/// Sparse histograms: of series, populations, exclusive records, and the generator.
void write_histograms(std::ostream& out, const RunResult& result);
void write_journal(std::ostream& out, const RunResult& result);

}  // namespace squall
