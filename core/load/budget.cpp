#include "load/budget.hpp"

#include <algorithm>

namespace squall {

BudgetPool::BudgetPool(BudgetOptions options)
    : options_(options), holders_(std::max(options.holders, 1u)), left_(options.total) {
  options_.largest_block = std::max<std::uint64_t>(options_.largest_block, 1);
}

std::uint64_t BudgetPool::block() const {
  const std::uint64_t part = left_ / (4 * static_cast<std::uint64_t>(holders_.size()));
  return std::clamp<std::uint64_t>(part, 1, options_.largest_block);
}

std::uint64_t BudgetPool::consumed() const {
  std::uint64_t sum = 0;
  for (const Holder& holder : holders_) sum += holder.state.consumed;
  return sum;
}

bool BudgetPool::over() const {
  if (left_ > 0) return false;
  for (const Holder& holder : holders_) {
    if (!holder.lost && holder.in_hand() > 0) return false;
  }
  return true;
}

BudgetGrant BudgetPool::answer(std::uint32_t holder) const {
  if (holder >= holders_.size()) return BudgetGrant{holder, 0, 0, false, over()};
  const Holder& h = holders_[holder];
  return BudgetGrant{holder, h.answers, h.granted, h.recall, h.last};
}

std::vector<BudgetGrant> BudgetPool::apply(const BudgetState& state) {
  if (state.holder >= holders_.size()) holders_.resize(state.holder + 1);
  Holder& holder = holders_[state.holder];
  if (holder.lost || state.number < holder.state.number) return {};
  if (state.number == holder.state.number) {
    if (state.number == 0) return {};
    return {answer(state.holder)};
  }
  // A state that cannot be (more used than granted, returns taken back) is a fault of the sender:
  // believing it could grant a token twice.
  if (state.seen > holder.granted || state.returned < holder.state.returned ||
      state.returned + state.consumed > holder.granted) {
    return {};
  }
  left_ += state.returned - holder.state.returned;
  holder.state = state;
  holder.recall = false;
  holder.changed = true;
  if (!holder.starves()) {
    holder.waiting_since = 0;
  } else if (holder.waiting_since == 0) {
    holder.waiting_since = ++queue_number_;
  }
  return serve();
}

std::vector<BudgetGrant> BudgetPool::lose(std::uint32_t number, OnLoss policy) {
  if (number >= holders_.size() || holders_[number].lost) return {};
  Holder& holder = holders_[number];
  const std::uint64_t unreported = holder.in_hand();
  holder.lost = true;
  holder.waiting_since = 0;
  if (policy == OnLoss::at_least) {
    left_ += unreported;
  } else {
    unaccounted_ += unreported;
  }
  return serve();
}

void BudgetPool::grant(Holder& holder, std::uint64_t amount) {
  holder.granted += amount;
  left_ -= amount;
  holder.changed = true;
  if (!holder.starves()) holder.waiting_since = 0;  // next time it queues behind the others
}

BudgetPool::Holder* BudgetPool::first_starving() {
  Holder* first = nullptr;
  for (Holder& holder : holders_) {
    if (!holder.starves() || holder.last) continue;
    if (holder.waiting_since == 0) holder.waiting_since = ++queue_number_;
    if (first == nullptr || holder.waiting_since < first->waiting_since) first = &holder;
  }
  return first;
}

// Those that wait come first, in the order in which they began to; stock only from what is left.
std::vector<BudgetGrant> BudgetPool::serve() {
  while (left_ > 0) {
    Holder* first = first_starving();
    if (first == nullptr) break;
    const std::uint64_t missing = first->state.need - first->in_hand();
    grant(*first, std::min(left_, std::max(missing, block())));
  }
  for (Holder& holder : holders_) {
    if (holder.lost || !holder.state.prefetch) continue;
    holder.state.prefetch = false;  // looked at once for each time it asks
    if (left_ > 0) grant(holder, std::min(left_, block()));
  }
  if (Holder* first = first_starving(); first != nullptr) {
    // Nothing left, and one waits: the others give back what they can spare.  When nobody else has
    // anything, what it has in hand is the end of the budget.
    bool others_hold = false;
    for (Holder& holder : holders_) {
      if (&holder == first || holder.lost || holder.in_hand() == 0) continue;
      others_hold = true;
      if (!holder.recall) holder.changed = true;
      holder.recall = true;
    }
    if (!others_hold) {
      first->last = true;
      first->changed = true;
    }
  }
  if (over()) {
    for (Holder& holder : holders_) {
      if (!holder.last) holder.changed = true;
      holder.last = true;
    }
  }
  std::vector<BudgetGrant> messages;
  for (std::uint32_t number = 0; number < holders_.size(); ++number) {
    Holder& holder = holders_[number];
    if (!holder.changed || holder.lost) continue;
    holder.changed = false;
    ++holder.answers;
    messages.push_back(answer(number));
  }
  return messages;
}

BudgetLease::Take BudgetLease::take(std::uint64_t amount) {
  unwanted_ = false;
  if (in_hand() >= amount || (last_ && in_hand() > 0)) {
    const std::uint64_t taken = std::min(amount, in_hand());
    consumed_ += taken;
    reserved_ -= std::min(reserved_, taken);
    unreported_ = true;
    return {Answer::taken, taken};
  }
  if (last_) return {Answer::over, 0};
  if (amount > need_) {
    need_ = amount;
    asked_ = false;
  }
  return {Answer::waiting, 0};
}

void BudgetLease::give_back(std::uint64_t amount) {
  consumed_ -= std::min(amount, consumed_);
  unreported_ = true;
}

void BudgetLease::stop_wanting() {
  need_ = 0;
  reserved_ = 0;
  unwanted_ = true;
}

std::uint64_t BudgetLease::spare() const {
  const std::uint64_t stock = in_hand();
  if (unwanted_ || (recall_ && need_ > 0)) return stock;
  if (!recall_ || stock <= reserved_) return 0;
  const std::uint64_t free = stock - reserved_;
  return free - free / 2;  // half, rounded up: who is busy need not ask again at once
}

bool BudgetLease::wants_to_send() const {
  if (over() && !unreported_) return false;
  if (spare() > 0) return true;
  if (in_hand() == 0 && unreported_) return true;
  if (asked_) return false;
  return need_ > 0 || (!dry_ && !unwanted_ && !last_ && in_hand() <= last_block_ / 4);
}

BudgetState BudgetLease::state() {
  if (const std::uint64_t back = spare(); back > 0) {
    returned_ += back;
    recall_ = false;
  }
  if (in_hand() == 0) recall_ = false;
  unreported_ = false;
  asked_ = true;
  BudgetState state;
  state.holder = holder_;
  state.number = ++number_;
  state.seen = granted_;
  state.returned = returned_;
  state.consumed = consumed_;
  state.need = need_;
  state.prefetch = need_ == 0 && !dry_ && !unwanted_ && !last_ && in_hand() <= last_block_ / 4;
  return state;
}

bool BudgetLease::accept(const BudgetGrant& grant) {
  if (grant.holder != holder_ || grant.number <= answer_number_) return false;
  answer_number_ = grant.number;
  asked_ = need_ > 0;  // a need stays asked for: the pool remembers who waits
  const std::uint64_t more = grant.granted - granted_;
  if (more > 0) last_block_ = more;
  dry_ = more == 0;
  granted_ = grant.granted;
  recall_ = grant.recall;
  last_ = grant.last;
  if (need_ == 0) return false;
  if (in_hand() < need_ && !last_) return false;
  reserved_ = std::min(need_, in_hand());
  need_ = 0;
  asked_ = false;
  return true;
}

}  // namespace squall
