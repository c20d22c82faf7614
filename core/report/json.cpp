#include "report/json.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

namespace squall {

std::int64_t ns_of_seconds(const Json& seconds) { return std::llround(seconds.get<double>() * 1e9); }

Json spread_json(const SparseHistogram& histogram) {
  return {{"min", static_cast<double>(histogram.min_ns()) / 1e6},
          {"mean", histogram.mean_ns() / 1e6},
          {"p50", histogram.quantile_ms(0.5)},
          {"p90", histogram.quantile_ms(0.9)},
          {"p95", histogram.quantile_ms(0.95)},
          {"p99", histogram.quantile_ms(0.99)},
          {"p999", histogram.quantile_ms(0.999)},
          {"max", static_cast<double>(histogram.max_ns()) / 1e6}};
}

Json histogram_json(const SparseHistogram& histogram) {
  Json buckets = Json::array();
  for (std::size_t i = 0; i < histogram.index().size(); ++i) buckets.push_back({histogram.index()[i], histogram.counts()[i]});
  return {{"count", histogram.count()},
          {"sum_ns", histogram.sum_ns()},
          {"min_ns", histogram.min_ns()},
          {"max_ns", histogram.max_ns()},
          {"buckets", std::move(buckets)}};
}

SparseHistogram histogram_of(const Json& json) {
  std::vector<std::uint32_t> index;
  std::vector<std::uint64_t> counts;
  for (const Json& bucket : json.at("buckets")) {
    index.push_back(bucket.at(0).get<std::uint32_t>());
    counts.push_back(bucket.at(1).get<std::uint64_t>());
  }
  if (index.empty()) return {};
  auto histogram = SparseHistogram::from_parts(std::move(index), std::move(counts), json.at("sum_ns").get<std::uint64_t>(),
                                               json.at("min_ns").get<std::uint64_t>(), json.at("max_ns").get<std::uint64_t>());
  if (!histogram) throw std::invalid_argument("buckets that are no histogram");
  return std::move(*histogram);
}

}  // namespace squall
