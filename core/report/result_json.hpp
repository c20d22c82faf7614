// The result as one JSON document (docs/result.md gives every field), for --json and result.json.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

std::string result_json(const RunResult& result);

/// One line a second and series, and one for the environment: timeline.jsonl.
std::string timeline_jsonl(const RunResult& result);
/// Sparse histograms by series: histograms.jsonl.
std::string histograms_jsonl(const RunResult& result);
std::string journal_jsonl(const RunResult& result);

}  // namespace squall
