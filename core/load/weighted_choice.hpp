// Which task is next, by weights, exactly and without a coin: after any number of turns each entry
// has had its share to within one turn.  Draws would be right on average only, and two shards would
// need to talk to be right together.  It does not know what a task is.
#pragma once

#include <cstdint>
#include <vector>

namespace squall {

class WeightedChoice {
 public:
  /// Weights >= 0, not all 0.  Decimals up to six places are exact when the cycle (their sum as
  /// smallest whole numbers) is at most kLongestCycle; other weights are rounded to such a cycle.
  explicit WeightedChoice(const std::vector<double>& weights);
  static constexpr std::uint32_t kLongestCycle = 1u << 16;

  std::uint32_t entries() const { return entries_; }
  std::uint32_t cycle() const { return static_cast<std::uint32_t>(order_.size()); }

  /// Open load: the entry of arrival m.  Exact to within one for every prefix of arrivals.
  std::uint32_t of_arrival(std::uint64_t arrival) const { return order_[arrival % order_.size()]; }

  /// Closed and fleet load: the entry of a user's turn.  Exact to within one for every prefix of
  /// the user's turns, and the first turns of users 0, 1, 2 ... are exact among themselves, too.
  std::uint32_t of_user(std::uint64_t user, std::uint64_t turn) const;

  /// Walks a user's turns from `turn` to the first entry that `eligible` accepts and leaves `turn`
  /// behind it; entries() when none in a whole cycle is.  Turns of the others pass without debt.
  template <class Eligible>
  std::uint32_t choose(std::uint64_t user, std::uint64_t& turn, Eligible&& eligible) const {
    for (std::uint32_t passed = 0; passed < cycle(); ++passed) {
      const std::uint32_t entry = of_user(user, turn++);
      if (eligible(entry)) return entry;
    }
    return entries_;
  }

  /// The same for an arrival: its own entry, else the next ones in the order; nothing is
  /// remembered.
  template <class Eligible>
  std::uint32_t choose_for_arrival(std::uint64_t arrival, Eligible&& eligible) const {
    for (std::uint32_t passed = 0; passed < cycle(); ++passed) {
      const std::uint32_t entry = of_arrival(arrival + passed);
      if (eligible(entry)) return entry;
    }
    return entries_;
  }

 private:
  std::uint32_t entries_ = 0;
  std::vector<std::uint16_t> order_;          // one cycle of entries
  std::vector<std::uint8_t> rotation_holds_;  // may a user's turns begin at this place of order_?
  std::vector<std::vector<std::uint16_t>>
      beginning_with_;  // else: a cycle that begins with the entry
};

}  // namespace squall
