#include "engine/barrier.hpp"

#include <fmt/format.h>

#include "engine/loop.hpp"

namespace squall {

bool Barrier::arrive(Waiter& waiter, std::uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + 1 >= wanted_) {
    open(now_ns);
    return true;
  }
  waiting_.push_back(waiter);
  return false;
}

bool Barrier::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (!waiter.is_linked()) return false;
  waiting_.erase(waiting_.iterator_to(waiter));
  return true;
}

void Barrier::lose_one(std::uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (wanted_ > 0) --wanted_;
  if (!waiting_.empty() && waiting_.size() >= wanted_) open(now_ns);
}

std::string Barrier::state() const {
  const std::lock_guard lock(mutex_);
  return fmt::format("{} of {} users came", waiting_.size(), wanted_);
}

void Barrier::open(std::uint64_t now_ns) {
  while (!waiting_.empty()) {
    Waiter& waiter = waiting_.front();
    waiting_.pop_front();
    waiter.opened_ns = now_ns;
    waiter.loop->post(waiter);   // not taken when its shard is over, and nobody waits there
  }
}

}  // namespace squall
