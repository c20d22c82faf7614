// The timers of one shard: a hierarchical wheel with an exact front.
// Arming far ahead costs O(1); only the timers of the slot that is due next (131 µs wide) stand in a
// small heap, so that they fire in the exact order of (time, arming) and the next time is known
// exactly: the same wheel serves virtual time. It does not read a clock.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "net/environment.hpp"

namespace squall {

/// Thread: the shard's.
class TimerWheel {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  /// `start_ns`: no timer fires before it. Any later time may be armed, also one in the past.
  explicit TimerWheel(std::uint64_t start_ns);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(TimerNode& timer, std::uint64_t at_ns);  // re-arms
  void disarm(TimerNode& timer);

  /// When the earliest timer is due; kNever without one.
  std::uint64_t next_ns();

  /// Fires, in order, what is due at or before `now_ns`, including what the fired ones arm for then.
  /// Returns how many fired.
  std::size_t advance(std::uint64_t now_ns);

  std::size_t size() const { return size_; }

 private:
  // TimerNode::place: a slot's number, kFar, or kHeap + index.
  static constexpr std::uint64_t kFar = std::uint64_t{1} << 32, kHeap = std::uint64_t{2} << 32;
  static constexpr int kSlotBits = 8, kSlots = 1 << kSlotBits, kLevels = 4, kTickBits = 17;

  void insert(TimerNode& timer);
  void push_heap(TimerNode& timer);
  void remove_heap(std::size_t index);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void link(TimerNode& timer, int level, int slot);
  void redistribute(int level, int slot);
  void redistribute_far();
  bool refill();  // moves the next slot's timers to the heap; false when there is none
  int next_slot(int level, int from) const;

  std::uint64_t cursor_;      // everything due before it stands in the heap
  std::uint64_t order_ = 0;
  std::size_t size_ = 0;
  std::vector<TimerNode*> heap_;
  TimerNode* far_ = nullptr;      // beyond the top level (6.5 days)
  std::array<std::array<TimerNode*, kSlots>, kLevels> slots_{};
  std::array<std::array<std::uint64_t, kSlots / 64>, kLevels> used_{};
};

}  // namespace squall
