// The result as the four CSV files that Locust writes with --csv, column by column, for scripts that read those. Percentiles
// are squall's, not rounded to two digits; what is due in the warm-up is in none of them.
#pragma once

#include <string>

#include "fleet/run_result.hpp"

namespace squall {

// Lines end in CR LF; only what must be is quoted. Bytes are as they are in names, UTF-8 or not.

/// PREFIX_stats.csv: a row for each operation and name, and `Aggregated`.
std::string locust_stats_csv(const RunResult& result);
/// PREFIX_stats_history.csv: `Aggregated` each second, with all up to then.
std::string locust_history_csv(const RunResult& result);
/// PREFIX_failures.csv.
std::string locust_failures_csv(const RunResult& result);
/// PREFIX_exceptions.csv, which never has rows: failures of tasks are samples.
std::string locust_exceptions_csv(const RunResult& result);

}  // namespace squall
