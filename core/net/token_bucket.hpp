// Bytes per second for one stream.  What may be sent is computed from one start time, never added
// up step by step, so the rate does not drift; the bucket holds at most 10 ms worth, so no window
// of one second is off by more than 1 %; and a slice is 2 ms worth, so a stream wakes its loop at
// most 500 times a second.  A pure function of the times passed in.
#pragma once

#include <algorithm>
#include <cstdint>

namespace squall {

class TokenBucket {
 public:
  static constexpr std::uint64_t kSliceNs = 2'000'000;
  static constexpr std::uint64_t kDepthNs = 10'000'000;

  /// 0: no limit.  A change of the rate begins with one slice.
  void set_rate(std::uint64_t bytes_per_s, std::uint64_t now_ns) {
    rate_ = bytes_per_s;
    restart(now_ns, kSliceNs);
  }
  bool is_limited() const { return rate_ != 0; }

  /// How many of `wanted` bytes may go now; 0 until a slice (or all that is wanted) may.
  std::uint64_t allowance(std::uint64_t now_ns, std::uint64_t wanted) {
    if (rate_ == 0) return wanted;
    if (now_ns - start_ns_ > kDepthNs && earned(now_ns) > spent_ + worth(kDepthNs))
      restart(now_ns, kDepthNs);
    const std::uint64_t earned_bytes = earned(now_ns);
    const std::uint64_t credit = earned_bytes > spent_ ? earned_bytes - spent_ : 0;
    return credit >= std::min(wanted, slice()) ? std::min(wanted, credit) : 0;
  }
  void spend(std::uint64_t bytes) { spent_ += bytes; }

  /// When allowance(…, wanted) becomes positive.
  std::uint64_t ready_ns(std::uint64_t wanted) const {
    const auto bytes = static_cast<Wide>(spent_) + std::min(wanted, slice());
    return start_ns_ + static_cast<std::uint64_t>((bytes * 1'000'000'000u + rate_ - 1) / rate_);
  }

 private:
  __extension__ using Wide = unsigned __int128;

  std::uint64_t worth(std::uint64_t ns) const {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(Wide{ns} * rate_ / 1'000'000'000u));
  }
  std::uint64_t slice() const { return worth(kSliceNs); }
  std::uint64_t earned(std::uint64_t now_ns) const {
    if (now_ns <= start_ns_) return 0;
    return static_cast<std::uint64_t>(Wide{now_ns - start_ns_} * rate_ / 1'000'000'000u);
  }
  void restart(std::uint64_t now_ns, std::uint64_t depth_ns) {
    start_ns_ = now_ns > depth_ns ? now_ns - depth_ns : 0;
    spent_ = 0;
  }

  std::uint64_t rate_ = 0;
  std::uint64_t start_ns_ = 0;
  std::uint64_t spent_ = 0;
};

}  // namespace squall
