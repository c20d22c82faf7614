// How long to wait before a target is tried again: exponential, with full jitter, so that many
// squalls do not come back to a target in step.
#pragma once
#include <algorithm>
#include <chrono>
#include <random>

namespace squall::sink {

class Backoff {
 public:
  using Time = std::chrono::nanoseconds;
  explicit Backoff(uint64_t seed, Time first = std::chrono::milliseconds(500),
                   Time longest = std::chrono::seconds(15))
      : random_(seed), first_(first), longest_(longest) {}

  /// After so many failures in a row (1, 2 …): 0 to first * 2^(failures - 1), at most `longest`.
  Time delay(unsigned failures) {
    Time most = first_;
    for (unsigned i = 1; i < failures && most < longest_; ++i) most *= 2;
    std::uniform_int_distribution<int64_t> any(0, std::min(most, longest_).count());
    return Time(any(random_));
  }

 private:
  std::mt19937_64 random_;
  Time first_, longest_;
};

}  // namespace squall::sink
