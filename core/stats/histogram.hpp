// A histogram that counts: record() is the hot path, take() hands over what was counted and starts
// again.  Own code rather than Boost.Histogram, whose dense storage has all 28,672 buckets (229 kB
// a histogram) from the start; here an octave of 512 is allocated when first touched, and the first
// few values of a quiet second need none at all.  Not for more than one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "stats/buckets.hpp"
#include "stats/sparse_histogram.hpp"

namespace squall {

class Histogram {
 public:
  /// Adds one value.  Allocates only when an octave is touched for the first time.
  void record(std::uint64_t value_ns) {
    const std::uint32_t bucket = bucket_of(value_ns);
    std::uint64_t* octave = octave_[bucket / kBucketsPerOctave].get();
    if (octave == nullptr) [[unlikely]]
      return record_slowly(value_ns, bucket);
    ++octave[bucket % kBucketsPerOctave];
    note(value_ns);
  }

  std::uint64_t count() const { return total_; }
  bool empty() const { return total_ == 0; }
  std::uint64_t sum_ns() const { return sum_ns_; }

  /// What was counted since the last take(); counts from zero again and keeps the memory.
  SparseHistogram take();
  /// The same without starting again.
  SparseHistogram copy() const;

  std::size_t memory_bytes() const;

 private:
  // So many values wait in place before an octave is allocated: thousands of series that see a few
  // values each second cost nothing but this.
  static constexpr std::uint32_t kPatience = 16;

  void record_slowly(std::uint64_t value_ns, std::uint32_t bucket);
  void note(std::uint64_t value_ns) {
    ++total_;
    sum_ns_ += value_ns;
    if (value_ns < min_ns_) min_ns_ = value_ns;
    if (value_ns > max_ns_) max_ns_ = value_ns;
  }

  std::array<std::unique_ptr<std::uint64_t[]>, kOctaves> octave_;
  std::array<std::uint16_t, kPatience> early_{};  // buckets of values whose octave does not exist
  std::uint32_t early_count_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t min_ns_ = UINT64_MAX;
  std::uint64_t max_ns_ = 0;
};

}  // namespace squall
