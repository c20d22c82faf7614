// What became of setup and teardown, of a dataset's exclusive records, of a metric and of an error, in one line of words: the same in
// the terminal and on the page. Without their names; what is the scenario's text or the target's each of them escapes.
#pragma once

#include <string>

#include "fleet/run_result.hpp"
#include "stats/record_totals.hpp"
#include "stats/snapshot.hpp"

namespace squall {

std::string part_text(const PartResult& part);
std::string records_text(const RecordTotals& records);
std::string metric_text(const MetricTotals& metric);
/// " (3.21 s to 12.4 s)": run time of the first and the last; "" when it is not known.
std::string seen_text(const ErrorCount& error);

}  // namespace squall
