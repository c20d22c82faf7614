// Shares: everything is divided over P slots, and slots have owners (shards, or agents; fleet.md
// 2.7).  An owner needs no message to know what is its own.  Loss or arrival of an owner moves only
// the slots that must move.  A slot says who executes, never what: randomness hangs on indices.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace squall {

class SlotTable {
 public:
  static constexpr std::uint32_t kNobody = UINT32_MAX;
  static constexpr std::uint32_t kMostSlots = 65'536;
  static constexpr std::uint32_t kSlotsPerOwner = 64;

  /// min(64 * owners, 65,536) slots over owners 0 .. owners-1, equally: slot s to owner s mod
  /// owners.
  explicit SlotTable(std::uint32_t owners);
  /// By weights (cpus, say), smoothly interleaved.  `slots` 0: as above.
  explicit SlotTable(std::span<const double> weights, std::uint32_t slots = 0);

  std::uint32_t size() const { return static_cast<std::uint32_t>(owner_.size()); }
  std::uint32_t owner(std::uint32_t slot) const { return owner_[slot]; }
  std::uint32_t owned(std::uint32_t owner) const;  // how many slots

  /// User k of a population; `offset` is the number of users of the populations before it, so that
  /// many small populations do not pile up on the first owner.
  std::uint32_t slot_of_user(std::uint64_t user, std::uint64_t offset = 0) const {
    return static_cast<std::uint32_t>((user + offset) % owner_.size());
  }
  std::uint32_t slot_of_arrival(std::uint64_t arrival) const {
    return static_cast<std::uint32_t>(arrival % owner_.size());
  }
  std::uint32_t slot_of_record(std::uint64_t record) const { return slot_of_arrival(record); }

  bool owns_user(std::uint32_t owner, std::uint64_t user, std::uint64_t offset = 0) const {
    return owner_[slot_of_user(user, offset)] == owner;
  }
  bool owns_arrival(std::uint32_t owner, std::uint64_t arrival) const {
    return owner_[slot_of_arrival(arrival)] == owner;
  }

  /// The owner leaves: its slots go one by one to whoever has the least per weight.  `load` says
  /// how much hangs on each slot (users, say); without it every slot counts the same.
  void lose(std::uint32_t owner, std::span<const std::uint32_t> load = {});
  /// A new owner, or one that had left: takes slots from the fullest until it has its share.
  void join(std::uint32_t owner, double weight = 1.0, std::span<const std::uint32_t> load = {});

 private:
  std::vector<double> loads(std::span<const std::uint32_t> load) const;

  std::vector<std::uint32_t> owner_;  // by slot
  std::vector<double> weight_;        // by owner, 0: not here
};

}  // namespace squall
