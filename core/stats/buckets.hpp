// The one layout of every latency histogram: values in nanoseconds, log-linear, 512 buckets in each
// octave, exact below 1,024 ns.  Never coarsened and never configured, so that any two histograms
// of any two agents can be added.  sq_hist of abi.h and the wire use the same numbers.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace squall {

inline constexpr std::uint32_t kBucketsPerOctave = 512;
inline constexpr std::uint32_t kOctaves = 56;  // up to 2^64 - 1 ns: nothing can overflow
inline constexpr std::uint32_t kBuckets = kOctaves * kBucketsPerOctave;

/// idx(v) = v < 1024 ? v : ((e - 9) << 9) + (v >> (e - 9)) with e = floor(log2 v).
constexpr std::uint32_t bucket_of(std::uint64_t value_ns) {
  // With the tenth bit set by force the formula holds below 1,024, too: e is then 9, the shift 0.
  const std::uint32_t shift = 54 - static_cast<std::uint32_t>(std::countl_zero(value_ns | 512));
  return (shift << 9) + static_cast<std::uint32_t>(value_ns >> shift);
}

/// Smallest value of a bucket; bucket i covers [bucket_low(i), bucket_low(i + 1)).
constexpr std::uint64_t bucket_low(std::uint32_t bucket) {
  if (bucket < 2 * kBucketsPerOctave) return bucket;
  const std::uint32_t shift = (bucket >> 9) - 1;
  return static_cast<std::uint64_t>(bucket - (shift << 9)) << shift;
}

/// Largest value of a bucket.
constexpr std::uint64_t bucket_high(std::uint32_t bucket) {
  if (bucket < 2 * kBucketsPerOctave) return bucket;
  return bucket_low(bucket) + ((std::uint64_t{1} << ((bucket >> 9) - 1)) - 1);
}

/// What a quantile that falls into the bucket is said to be; at most 1/1024 from any value in it.
constexpr std::uint64_t bucket_middle(std::uint32_t bucket) {
  return bucket_low(bucket) + (bucket_high(bucket) - bucket_low(bucket)) / 2;
}

}  // namespace squall
