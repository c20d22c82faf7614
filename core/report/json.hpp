// How results are written as JSON, and read again: one way for every file of a results folder.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "stats/metric_kind.hpp"
#include "stats/sparse_histogram.hpp"
#include "stats/window_record.hpp"

namespace squall {

using Json = nlohmann::ordered_json;

/// Answers of servers may hold anything: bad UTF-8 is replaced, never thrown at.
inline std::string json_text(const Json& document, int indent = -1) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

inline const char* phase_word(RunPhase phase) { return phase == RunPhase::warmup ? "warmup" : "main"; }

inline const char* metric_kind_word(MetricKind kind) {
  return kind == MetricKind::gauge ? "gauge" : kind == MetricKind::counter ? "counter" : "trend";
}

// A time in s of a JSON number is within half a ns of what it was written from for a hundred days.
inline double json_seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }
std::int64_t ns_of_seconds(const Json& seconds);

/// {min, mean, p50, p90, p95, p99, p999, max} in ms.
Json spread_json(const SparseHistogram& histogram);

/// {count, sum_ns, min_ns, max_ns, buckets: [[bucket, count] ...]}, and back: equal in every bucket.
/// Throws what Json throws when it is none.
Json histogram_json(const SparseHistogram& histogram);
SparseHistogram histogram_of(const Json& json);

}  // namespace squall
