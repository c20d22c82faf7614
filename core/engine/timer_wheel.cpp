#include "engine/timer_wheel.hpp"

#include <algorithm>
#include <bit>

#include "result.hpp"

namespace squall {
namespace {

bool fires_before(const TimerNode& a, const TimerNode& b) {
  return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.order < b.order;
}

}  // namespace

TimerWheel::TimerWheel(std::uint64_t start_ns) : cursor_(start_ns >> kTickBits << kTickBits) {
  heap_.reserve(64);
}

void TimerWheel::arm(TimerNode& timer, std::uint64_t at_ns) {
  if (timer.armed) disarm(timer);
  timer.armed = true;
  timer.at_ns = at_ns;
  timer.order = order_++;
  ++size_;
  insert(timer);
}

void TimerWheel::disarm(TimerNode& timer) {
  if (!timer.armed) return;
  --size_;
  if (timer.place >= kHeap) {
    remove_heap(timer.place - kHeap);
  } else {
    TimerNode*& head = timer.place == kFar
                       ? far_
                       : slots_[timer.place / kSlots][timer.place % kSlots];
    if (timer.previous) timer.previous->next = timer.next; else head = timer.next;
    if (timer.next) timer.next->previous = timer.previous;
    if (!head && timer.place != kFar) {
      const int level = timer.place / kSlots, slot = timer.place % kSlots;
      used_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }
  }
  timer.armed = false;
}

// The level is that of the highest group of bits in which the time differs from the cursor, so that all
// timers of a lower level are due before all of a higher one.
void TimerWheel::insert(TimerNode& timer) {
  if (timer.at_ns < cursor_) return push_heap(timer);
  const std::uint64_t differing = (timer.at_ns ^ cursor_) >> kTickBits;
  const int level = differing ? (63 - std::countl_zero(differing)) / kSlotBits : 0;
  if (level >= kLevels) {
    timer.place = kFar;
    timer.previous = nullptr;
    timer.next = far_;
    if (far_) far_->previous = &timer;
    far_ = &timer;
    return;
  }
  link(timer, level, (timer.at_ns >> (kTickBits + kSlotBits * level)) & (kSlots - 1));
}

void TimerWheel::link(TimerNode& timer, int level, int slot) {
  TimerNode*& head = slots_[level][slot];
  timer.place = static_cast<std::uint64_t>(level * kSlots + slot);
  timer.previous = nullptr;
  timer.next = head;
  if (head) head->previous = &timer;
  head = &timer;
  used_[level][slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::redistribute(int level, int slot) {
  TimerNode* timer = slots_[level][slot];
  slots_[level][slot] = nullptr;
  used_[level][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  while (timer) {
    TimerNode* next = timer->next;
    insert(*timer);
    timer = next;
  }
}

void TimerWheel::redistribute_far() {
  TimerNode* timer = far_;
  far_ = nullptr;
  while (timer) {
    TimerNode* next = timer->next;
    insert(*timer);
    timer = next;
  }
}

int TimerWheel::next_slot(int level, int from) const {
  for (int word = from / 64; word < kSlots / 64; ++word) {
    std::uint64_t bits = used_[level][word];
    if (word == from / 64) bits &= ~std::uint64_t{0} << (from % 64);
    if (bits) return word * 64 + std::countr_zero(bits);
  }
  return -1;
}

bool TimerWheel::refill() {
  const auto slot_of = [this](int level) {
    return static_cast<int>((cursor_ >> (kTickBits + kSlotBits * level)) & (kSlots - 1));
  };
  while (true) {
    // The cursor may have entered a slot of a higher level by carrying: its timers belong lower now.
    for (int level = kLevels - 1; level > 0; --level) {
      if (slots_[level][slot_of(level)]) redistribute(level, slot_of(level));
    }
    if (const int slot = next_slot(0, slot_of(0)); slot >= 0) {
      const std::uint64_t span = std::uint64_t{kSlots} << kTickBits;
      cursor_ = cursor_ / span * span + (static_cast<std::uint64_t>(slot + 1) << kTickBits);
      TimerNode* timer = slots_[0][slot];
      slots_[0][slot] = nullptr;
      used_[0][slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
      while (timer) {
        TimerNode* next = timer->next;
        push_heap(*timer);
        timer = next;
      }
      // Carrying past the top level's end brings far timers within reach.
      if (far_ && (cursor_ & ((std::uint64_t{1} << (kTickBits + kSlotBits * kLevels)) - 1)) == 0) {
        redistribute_far();
      }
      return true;
    }
    bool moved = false;
    for (int level = 1; level < kLevels && !moved; ++level) {
      const int slot = next_slot(level, slot_of(level));
      if (slot < 0) continue;
      const int shift = kTickBits + kSlotBits * level;
      const std::uint64_t span = std::uint64_t{kSlots} << shift;
      cursor_ = cursor_ / span * span + (static_cast<std::uint64_t>(slot) << shift);
      redistribute(level, slot);
      moved = true;
    }
    if (moved) continue;
    if (!far_) return false;
    std::uint64_t earliest = kNever;
    for (const TimerNode* timer = far_; timer; timer = timer->next) earliest = std::min(earliest, timer->at_ns);
    cursor_ = earliest >> kTickBits << kTickBits;
    redistribute_far();
  }
}

std::uint64_t TimerWheel::next_ns() {
  if (heap_.empty() && (size_ == 0 || !refill())) return kNever;
  return heap_.front()->at_ns;
}

std::size_t TimerWheel::advance(std::uint64_t now_ns) {
  std::size_t fired = 0;
  while (next_ns() <= now_ns && size_ > 0) {
    TimerNode& timer = *heap_.front();
    remove_heap(0);
    timer.armed = false;
    --size_;
    ++fired;
    timer.fire(timer);
  }
  return fired;
}

void TimerWheel::push_heap(TimerNode& timer) {
  timer.place = kHeap + heap_.size();
  heap_.push_back(&timer);
  sift_up(heap_.size() - 1);
}

void TimerWheel::remove_heap(std::size_t index) {
  TimerNode* last = heap_.back();
  heap_.pop_back();
  if (index == heap_.size()) return;
  heap_[index] = last;
  last->place = kHeap + index;
  sift_up(index);
  sift_down(last->place - kHeap);
}

void TimerWheel::sift_up(std::size_t index) {
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (!fires_before(*heap_[index], *heap_[parent])) return;
    std::swap(heap_[index], heap_[parent]);
    heap_[index]->place = kHeap + index;
    heap_[parent]->place = kHeap + parent;
    index = parent;
  }
}

void TimerWheel::sift_down(std::size_t index) {
  const std::size_t count = heap_.size();
  while (true) {
    std::size_t least = index;
    for (std::size_t child = 2 * index + 1; child <= 2 * index + 2 && child < count; ++child) {
      if (fires_before(*heap_[child], *heap_[least])) least = child;
    }
    if (least == index) return;
    std::swap(heap_[index], heap_[least]);
    heap_[index]->place = kHeap + index;
    heap_[least]->place = kHeap + least;
    index = least;
  }
}

}  // namespace squall
