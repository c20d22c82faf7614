// Calls that wait for an answer, by the key under which it will come (a packet identifier, or a
// number of ours). Open addressing with linear probing; empty it takes no memory, so that thousands
// of idle clients cost nothing here.
#pragma once
#include <cstdint>
#include <vector>

#include "exchange.hpp"

namespace squall::mqtt {

class PendingTable {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// False when the key already waits for an answer.
  bool add(uint32_t key, Exchange* exchange) {
    if (find(key)) return false;
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    size_t at = home(key);
    while (slots_[at].exchange) at = next(at);
    slots_[at] = {key, exchange};
    ++size_;
    return true;
  }
  Exchange* find(uint32_t key) const {
    if (slots_.empty()) return nullptr;
    for (size_t at = home(key); slots_[at].exchange; at = next(at))
      if (slots_[at].key == key) return slots_[at].exchange;
    return nullptr;
  }
  /// The removed call, or nullptr.
  Exchange* take(uint32_t key) {
    if (slots_.empty()) return nullptr;
    size_t at = home(key);
    while (slots_[at].exchange && slots_[at].key != key) at = next(at);
    Exchange* found = slots_[at].exchange;
    if (found) close_gap(at);
    return found;
  }
  /// Empties the table; `each` must not add to it.
  template <class Each>
  void drain(Each each) {
    std::vector<Slot> slots;
    slots.swap(slots_);
    size_ = 0;
    for (const Slot& slot : slots)
      if (slot.exchange) each(slot.exchange);
  }

 private:
  struct Slot {
    uint32_t key = 0;
    Exchange* exchange = nullptr;
  };

  // Keys are consecutive numbers: their low bits spread them perfectly.
  size_t home(uint32_t key) const { return key & (slots_.size() - 1); }
  size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 4 : slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (const Slot& slot : old)
      if (slot.exchange) add(slot.key, slot.exchange);
  }
  /// Moves back what probing had pushed past the freed slot, so that no tombstones are needed.
  void close_gap(size_t gap) {
    --size_;
    for (size_t at = next(gap); slots_[at].exchange; at = next(at)) {
      const size_t distance = (at - home(slots_[at].key)) & (slots_.size() - 1);
      if (distance >= ((at - gap) & (slots_.size() - 1))) {
        slots_[gap] = slots_[at];
        gap = at;
      }
    }
    slots_[gap] = {};
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace squall::mqtt
