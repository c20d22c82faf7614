// The text of /metrics, in either of the formats that Prometheus asks for.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "run_metrics.hpp"

namespace squall::prometheus {

enum class Format {
  text,         // 0.0.4
  openmetrics,  // 1.0.0: counters are called without _total, and it ends with # EOF
};

/// "text/plain; version=0.0.4; charset=utf-8"
std::string_view content_type(Format format);

/// `version` is squall's, `percentile_names` those of SeriesSums::percentiles_ns.
std::string exposition(const RunMetrics& run, Format format, std::string_view version,
                       const std::vector<std::string>& percentile_names);

}  // namespace squall::prometheus
