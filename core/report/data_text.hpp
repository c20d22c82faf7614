// What became of setup and teardown, of a dataset's exclusive records and of a metric, in one line of words: the same in
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

}  // namespace squall
