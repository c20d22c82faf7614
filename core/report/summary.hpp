// The summary that a person reads when a run has ended: verdict first, thresholds, a table by series,
// errors, the generator's own health, the ledger when it is open.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

struct SummaryStyle {
  bool color = false;
  std::size_t width = 100;     // columns; names are shortened in the middle
};

/// Many lines; the last one counts the requests.
std::string summary_text(const RunResult& result, const SummaryStyle& style = {});

/// " (no thresholds; 14 of 28 operations failed)" behind a `passed` that nobody judged; else "".
std::string unjudged_text(const RunResult& result);

}  // namespace squall
