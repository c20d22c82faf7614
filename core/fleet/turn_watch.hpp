// Tells how long a shard's loop has been in one turn. Times and turns come in as arguments.
#pragma once

#include <cstdint>

namespace squall {

class TurnWatch {
 public:
  /// `turn`: the one that the loop is in; 0: it sleeps, or has ended. Returns for how long it has been seen
  /// to last, in ns: as much, or less by the time between two looks. Both were stopped, and the loop is not
  /// to blame, where more than `kAwayNs` lie between two looks.
  std::uint64_t look(std::uint64_t now_ns, std::uint64_t turn) {
    const bool was_away = now_ns - last_look_ns_ > kAwayNs;
    last_look_ns_ = now_ns;
    if (turn == 0 || turn != turn_ || was_away) {
      turn_ = turn;
      since_ns_ = now_ns;
    }
    return now_ns - since_ns_;
  }

  static constexpr std::uint64_t kAwayNs = 500'000'000;

 private:
  std::uint64_t turn_ = 0;
  std::uint64_t since_ns_ = 0;
  std::uint64_t last_look_ns_ = 0;
};

}  // namespace squall
