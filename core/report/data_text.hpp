// What became of a dataset's exclusive records and of a metric, in one line of words: the same in the terminal and
// on the page. Without their names, which each of them escapes in its own way; a metric's unit is the scenario's text.
#pragma once

#include <string>

#include "stats/record_totals.hpp"
#include "stats/snapshot.hpp"

namespace squall {

std::string records_text(const RecordTotals& records);
std::string metric_text(const MetricTotals& metric);

}  // namespace squall
