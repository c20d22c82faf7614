// What has become of the numbered messages of one stream: lost, duplicate, out of order.  A window
// of the last 256 numbers is remembered; a hole that leaves it is lost for good. What the publisher
// sent after the last message that arrived is unknown here: only counts of both sides show it.
#pragma once
#include <bitset>
#include <cstdint>

namespace squall::mqtt {

class SequenceWindow {
 public:
  struct Verdict {
    uint64_t lost = 0;  // numbers that this arrival pushed out of the window unseen
    bool duplicate = false, reordered = false;
  };

  /// A subscriber may join in the middle: what lies before `first` is neither awaited nor lost.
  explicit SequenceWindow(uint64_t first) : first_(first), highest_(first) { seen_.set(0); }

  Verdict arrived(uint64_t sequence) {
    Verdict verdict;
    if (sequence > highest_) {
      verdict.lost = advance(sequence - highest_);
      highest_ = sequence;
      seen_.set(0);
    } else if (highest_ - sequence >= kSize) {
      verdict.reordered = true;  // counted lost before, or never awaited
    } else if (seen_.test(highest_ - sequence)) {
      verdict.duplicate = true;
    } else {
      seen_.set(highest_ - sequence);
      verdict.reordered = true;
    }
    return verdict;
  }
  /// Holes that nothing will fill any more: the subscription is over.
  uint64_t missing() const { return holes(0); }

 private:
  static constexpr uint64_t kSize = 256;

  /// Unseen numbers among the awaited ones whose age in the window is at least `from`.
  uint64_t holes(uint64_t from) const {
    const uint64_t awaited = highest_ - first_ + 1;
    uint64_t count = 0;
    for (uint64_t age = from; age < kSize && age < awaited; ++age) count += !seen_.test(age);
    return count;
  }
  uint64_t advance(uint64_t steps) {
    if (steps < kSize) {
      const uint64_t lost = steps == 1 && seen_.test(kSize - 1) ? 0 : holes(kSize - steps);
      seen_ <<= steps;
      return lost;
    }
    const uint64_t lost = holes(0) + (steps - kSize);
    seen_.reset();
    return lost;
  }

  uint64_t first_, highest_;
  std::bitset<kSize> seen_;  // bit i: highest_ - i has arrived
};

}  // namespace squall::mqtt
