// In which pieces a stream's bytes are shown, so that parsers meet every split: of each delivery first one byte, then
// more and more of it, by sizes that a seed decides.
#pragma once

#include <algorithm>
#include <cstdint>

namespace squall::checked {

class Pieces {
 public:
  explicit Pieces(std::uint64_t seed) : state_(seed) {}

  void begin() { left_ = kMost; }

  /// How many of `fresh` bytes come now, after `kept` that the plugin has seen and left. 0 of none.
  std::uint64_t next(std::uint64_t kept, std::uint64_t fresh) {
    if (kept > kKeptMax || --left_ == 0) return fresh;   // who waits for all of a long message is shown it once
    if (left_ == kMost - 1) return std::min<std::uint64_t>(fresh, 1);
    constexpr std::uint64_t kSizes[] = {1, 4, 64, 2048};
    const std::uint64_t number = draw();
    return std::min(fresh, 1 + (number >> 2) % kSizes[number & 3]);
  }

 private:
  static constexpr int kMost = 8;                           // of one delivery
  static constexpr std::uint64_t kKeptMax = 64u << 10;

  /// SplitMix64.
  std::uint64_t draw() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
  int left_ = kMost;
};

}  // namespace squall::checked
