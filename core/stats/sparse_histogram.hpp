// A histogram at rest: only the buckets that are not empty, sorted.  This is what windows,
// snapshots, the report and the wire carry; some 1,100 buckets at most in practice, so thousands of
// series stay small.  Counting one value after another is histogram.hpp's part.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stats/buckets.hpp"

namespace squall {

class SparseHistogram {
 public:
  SparseHistogram() = default;
  /// From parts that somebody else counted; `index` strictly increasing below kBuckets, counts > 0
  /// and of the same number.  Nothing when they are not (a record from another machine may lie).
  static std::optional<SparseHistogram> from_parts(std::vector<std::uint32_t> index,
                                                   std::vector<std::uint64_t> count,
                                                   std::uint64_t sum_ns, std::uint64_t min_ns,
                                                   std::uint64_t max_ns);

  bool empty() const { return total_ == 0; }
  std::uint64_t count() const { return total_; }
  std::uint64_t sum_ns() const { return sum_ns_; }                    // exact, up to 584 years
  std::uint64_t min_ns() const { return total_ == 0 ? 0 : min_ns_; }  // exact
  std::uint64_t max_ns() const { return max_ns_; }                    // exact
  double mean_ns() const;

  /// The smallest value that at least a share q of all values does not exceed: the middle of its
  /// bucket, kept within [min, max].  Error at most 0.098 %; q <= 0 is the minimum, q >= 1 the
  /// maximum; 0 without values.  Monotone in q.
  std::uint64_t quantile_ns(double q) const;
  double quantile_ms(double q) const { return static_cast<double>(quantile_ns(q)) * 1e-6; }

  /// How many values lie in buckets wholly above `value_ns`.
  std::uint64_t count_above(std::uint64_t value_ns) const;

  /// Bucket-wise addition: commutative, associative, without loss.
  void merge(const SparseHistogram& other);
  void add(std::uint64_t value_ns, std::uint64_t times = 1);  // for rare values; O(buckets)

  std::span<const std::uint32_t> index() const { return index_; }
  std::span<const std::uint64_t> counts() const { return count_; }

  /// The buckets as varint pairs (distance to the previous index, count): about two bytes a bucket.
  /// Count, sum, min and max go beside it as plain numbers (fleet.md 2.4).
  std::string encode_buckets() const;
  static std::optional<SparseHistogram> decode(std::string_view buckets, std::uint64_t sum_ns,
                                               std::uint64_t min_ns, std::uint64_t max_ns);

  friend bool operator==(const SparseHistogram&, const SparseHistogram&) = default;

 private:
  friend class Histogram;
  std::vector<std::uint32_t> index_;
  std::vector<std::uint64_t> count_;
  std::uint64_t total_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;
  std::uint64_t max_ns_ = 0;
};

}  // namespace squall
