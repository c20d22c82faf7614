#include "stats/histogram.hpp"

#include <algorithm>

namespace squall {

void Histogram::record_slowly(std::uint64_t value_ns, std::uint32_t bucket) {
  if (early_count_ < kPatience) {
    early_[early_count_++] = static_cast<std::uint16_t>(bucket);
  } else {
    auto& octave = octave_[bucket / kBucketsPerOctave];
    octave = std::make_unique<std::uint64_t[]>(kBucketsPerOctave);
    ++octave[bucket % kBucketsPerOctave];
  }
  note(value_ns);
}

SparseHistogram Histogram::copy() const {
  SparseHistogram out;
  if (total_ == 0) return out;
  out.total_ = total_;
  out.sum_ns_ = sum_ns_;
  out.min_ns_ = min_ns_;
  out.max_ns_ = max_ns_;

  // A value waits in `early_` only while its octave does not exist; it may have come to exist
  // since, so both are read together, bucket by bucket.
  std::array<std::uint16_t, kPatience> early = early_;
  std::sort(early.begin(), early.begin() + early_count_);
  std::uint32_t next = 0;
  const auto put = [&](std::uint32_t bucket, std::uint64_t count) {
    if (!out.index_.empty() && out.index_.back() == bucket) {
      out.count_.back() += count;
    } else {
      out.index_.push_back(bucket);
      out.count_.push_back(count);
    }
  };
  const auto put_early_through = [&](std::uint32_t bucket) {
    for (; next < early_count_ && early[next] <= bucket; ++next) put(early[next], 1);
  };
  const std::uint32_t first = bucket_of(min_ns_) / kBucketsPerOctave;
  const std::uint32_t last = bucket_of(max_ns_) / kBucketsPerOctave;
  for (std::uint32_t octave = first; octave <= last; ++octave) {
    const std::uint64_t* counts = octave_[octave].get();
    if (counts == nullptr) continue;
    for (std::uint32_t i = 0; i < kBucketsPerOctave; ++i) {
      if (counts[i] == 0) continue;
      put_early_through(octave * kBucketsPerOctave + i);
      put(octave * kBucketsPerOctave + i, counts[i]);
    }
  }
  put_early_through(kBuckets);
  return out;
}

SparseHistogram Histogram::take() {
  SparseHistogram out = copy();
  if (total_ == 0) return out;
  const std::uint32_t last = bucket_of(max_ns_) / kBucketsPerOctave;
  for (std::uint32_t octave = bucket_of(min_ns_) / kBucketsPerOctave; octave <= last; ++octave) {
    if (octave_[octave]) std::fill_n(octave_[octave].get(), kBucketsPerOctave, 0);
  }
  early_count_ = 0;
  total_ = 0;
  sum_ns_ = 0;
  min_ns_ = UINT64_MAX;
  max_ns_ = 0;
  return out;
}

std::size_t Histogram::memory_bytes() const {
  std::size_t bytes = sizeof(*this);
  for (const auto& octave : octave_) {
    if (octave) bytes += kBucketsPerOctave * sizeof(std::uint64_t);
  }
  return bytes;
}

}  // namespace squall
