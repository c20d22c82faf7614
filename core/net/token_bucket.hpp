// Bytes per second for one stream.  What may be sent is computed from one start time, never added
// up step by step, so the rate does not drift; a slice is 2 ms worth, so a stream wakes its loop at
// most 500 times a second.  What a hiccup of up to 250 ms kept back is made up for at 5/4 of the
// rate, so that the plan holds over a second; a longer pause is not, and nothing is ever poured out
// in one go: at most 10 ms worth.  A pure function of the times passed in.
#pragma once

#include <algorithm>
#include <cstdint>

namespace squall {

class TokenBucket {
 public:
  static constexpr std::uint64_t kSliceNs = 2'000'000;
  static constexpr std::uint64_t kMadeUpNs = 250'000'000;
  static constexpr std::uint64_t kBurstNs = 10'000'000;

  /// 0: no limit.  A change of the rate begins with one slice.
  void set_rate(std::uint64_t bytes_per_s, std::uint64_t now_ns) {
    rate_ = bytes_per_s;
    planned_.set(rate_, now_ns, slice());
    fastest_.set(rate_ + rate_ / 4, now_ns, slice());
  }
  bool is_limited() const { return rate_ != 0; }

  /// How many of `wanted` bytes may go now; 0 until a slice (or all that is wanted) may.
  std::uint64_t allowance(std::uint64_t now_ns, std::uint64_t wanted) {
    if (rate_ == 0) return wanted;
    const std::uint64_t credit = std::min(planned_.credit(now_ns, worth(kMadeUpNs)),
                                          fastest_.credit(now_ns, worth(kBurstNs)));
    return credit >= std::min(wanted, slice()) ? std::min(wanted, credit) : 0;
  }
  void spend(std::uint64_t bytes) {
    planned_.spent += bytes;
    fastest_.spent += bytes;
  }

  /// When allowance(…, wanted) becomes positive.
  std::uint64_t ready_ns(std::uint64_t wanted) const {
    const std::uint64_t bytes = std::min(wanted, slice());
    return std::max(planned_.has_earned_ns(bytes), fastest_.has_earned_ns(bytes));
  }

 private:
  __extension__ using Wide = unsigned __int128;

  /// What one rate has earned since its start, less what was spent.
  struct Account {
    std::uint64_t rate = 0;
    std::uint64_t start_ns = 0;
    std::uint64_t spent = 0;

    void set(std::uint64_t bytes_per_s, std::uint64_t now_ns, std::uint64_t credit) {
      rate = bytes_per_s;
      if (rate != 0) restart(now_ns, credit);
    }
    void restart(std::uint64_t now_ns, std::uint64_t credit) {
      const auto since = static_cast<std::uint64_t>(Wide{credit} * 1'000'000'000u / rate);
      start_ns = now_ns > since ? now_ns - since : 0;
      spent = 0;
    }
    std::uint64_t credit(std::uint64_t now_ns, std::uint64_t most) {
      if (earned(now_ns) > spent + most) restart(now_ns, most);
      const std::uint64_t bytes = earned(now_ns);
      return bytes > spent ? bytes - spent : 0;
    }
    std::uint64_t earned(std::uint64_t now_ns) const {
      if (now_ns <= start_ns) return 0;
      return static_cast<std::uint64_t>(Wide{now_ns - start_ns} * rate / 1'000'000'000u);
    }
    std::uint64_t has_earned_ns(std::uint64_t bytes) const {
      const auto due = Wide{spent} + bytes;
      return start_ns + static_cast<std::uint64_t>((due * 1'000'000'000u + rate - 1) / rate);
    }
  };

  std::uint64_t worth(std::uint64_t ns) const {
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(Wide{ns} * rate_ / 1'000'000'000u));
  }
  std::uint64_t slice() const { return worth(kSliceNs); }

  std::uint64_t rate_ = 0;
  Account planned_, fastest_;
};

}  // namespace squall
