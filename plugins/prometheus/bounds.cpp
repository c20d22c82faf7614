#include "bounds.hpp"

#include <cstdio>

namespace squall::prometheus {

std::string seconds_text(uint64_t ns) {
  constexpr uint64_t kSecond = 1'000'000'000;
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%09llu", static_cast<unsigned long long>(ns / kSecond),
                static_cast<unsigned long long>(ns % kSecond));
  std::string out = text;
  while (out.ends_with('0') && !out.ends_with(".0")) out.pop_back();
  return out;
}

Bounds::Bounds(const std::vector<uint64_t>& wanted_ns) {
  for (const uint64_t ns : wanted_ns) {
    const uint32_t bucket = plugin::bucket_of(ns);
    if (!last_bucket_.empty() && last_bucket_.back() == bucket) continue;
    last_bucket_.push_back(bucket);
    le_.push_back(seconds_text(plugin::bucket_high(bucket)));
  }
}

void Bounds::add(const sq_hist& times, std::vector<uint64_t>& counts) const {
  counts.resize(size() + 1);
  size_t bound = 0;
  for (uint64_t i = 0; i < times.n; ++i) {
    while (bound < size() && last_bucket_[bound] < times.index[i]) ++bound;
    counts[bound] += times.count[i];
  }
}

}  // namespace squall::prometheus
