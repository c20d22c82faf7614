// Open load: arrivals come when the shape says so, whether or not earlier ones are done. A free user, the
// one with the lowest index, takes an arrival; without one it waits (or is dropped, where asked).
#include <deque>
#include <functional>
#include <queue>

#include "engine/population.hpp"
#include "engine/shard.hpp"

namespace squall {
namespace {

class OpenPopulation final : public Population {
 public:
  OpenPopulation(Shard& shard, const PopulationPlan& plan)
      : Population(shard, plan),
        arrivals_(plan.arrivals_over_time,
                  {plan.spec->load.poisson ? ArrivalKind::poisson : ArrivalKind::even,
                   shard.plan().scenario().seed, plan.index, std::nullopt, plan.trace ? &*plan.trace : nullptr}) {
    due_.population = this;
    due_.fire = [](TimerNode& node) noexcept { static_cast<Due&>(node).population->take_due(); };
  }
  ~OpenPopulation() override { shard().loop().disarm(due_); }

  void user_free(User& user) override {
    if (user.is_retiring()) return user.retire();
    if (is_stopped()) return user.retire();
    while (!waiting_.empty()) {
      const Waiting next = waiting_.front();
      const auto token = take_iteration_token(next.entry, &user);
      if (token == BudgetLease::Answer::waiting) return user.wait_for_token();
      waiting_.pop_front();
      if (token == BudgetLease::Answer::over) {
        not_due();
        continue;
      }
      const std::uint64_t now = shard().loop().now_ns();
      // Waiting for a user is the target's fault, or the limit's: not lag.
      shard().recorder().blocked(plan().index, static_cast<std::int64_t>(now - next.due_ns));
      return user.begin_iteration(next.entry, next.due_ns, now, next.index);
    }
    free_.push(user.index());
    if (is_over_) user.retire();
  }

  void close_books() override {
    counts().waiting += waiting_.size();
    waiting_.clear();
    if (next_) ++counts().not_due;
    next_.reset();
    if (plan().planned > 0 || shard().plan().horizon_ns() != kNeverNs) {
      while (arrivals_.next_owned(shard().slots(), shard().index())) ++counts().not_due;
    }
    const IterationCounts& c = counts();
    counts().planned = seen_ + c.not_due - not_due_seen_;
  }

 protected:
  std::uint64_t planned_users() const override { return users().size(); }
  bool load_is_over() const override { return is_over_ && waiting_.empty(); }
  void on_begin() override {
    next_ = arrivals_.next_owned(shard().slots(), shard().index());
    arm();
  }
  void on_stop() override { shard().loop().disarm(due_); }

 private:
  struct Due : TimerNode { OpenPopulation* population = nullptr; } due_;
  struct Waiting { std::uint32_t entry; std::uint64_t due_ns; std::uint64_t index; };

  std::uint64_t due_ns(const Arrival& arrival) const {
    return begin_ns() + static_cast<std::uint64_t>(arrival.due_ns);
  }

  void arm() {
    if (next_) {
      shard().loop().arm(due_, due_ns(*next_));
      return;
    }
    // After the last arrival the load still lasts until its planned end: rates are taken over all of it.
    const std::uint64_t end = begin_ns() + static_cast<std::uint64_t>(plan().arrivals_ns());
    if (shard().loop().turn_ns() < end && !all_finished()) {
      shard().loop().arm(due_, end);
      return;
    }
    is_over_ = true;
    while (!free_.empty()) {
      User& user = user_at(free_.top());
      free_.pop();
      if (user.state() == User::State::free) user.retire();
    }
    check_end();
  }

  void take_due() {
    const std::uint64_t now = shard().loop().turn_ns();
    while (next_ && due_ns(*next_) <= now && !is_stopped()) {
      const Arrival arrival = *next_;
      next_ = arrivals_.next_owned(shard().slots(), shard().index());
      arrive(arrival);
    }
    if (!is_stopped()) arm();
  }

  void arrive(const Arrival& arrival) {
    ++seen_;
    const std::uint32_t planned = plan().choice->of_arrival(arrival.index);
    // A finished task's arrivals are no longer generated; the others keep their rate.
    if (task_is_finished(planned)) return not_due();
    const std::uint32_t entry = eligible_instead_of(planned, arrival);
    if (!waiting_.empty()) {   // who waits before it takes the next user; so that there is one for this, too
      wait(entry, arrival);
      return start_another();
    }
    User* user = free_user();
    if (!user) return wait(entry, arrival);
    switch (take_iteration_token(entry, user)) {
      case BudgetLease::Answer::over:
        free_.push(user->index());
        return not_due();
      case BudgetLease::Answer::waiting:
        user->wait_for_token();
        return wait(entry, arrival);
      case BudgetLease::Answer::taken:
        break;
    }
    user->begin_iteration(entry, due_ns(arrival), due_ns(arrival), arrival.index);
  }

  /// What it `needs` is not free: another task whose is. Without another it begins, and meets its `when_empty`.
  std::uint32_t eligible_instead_of(std::uint32_t planned, const Arrival& arrival) const {
    if (has_what_it_needs(planned)) return planned;
    const std::uint32_t other = plan().choice->choose_for_arrival(arrival.index, [this](std::uint32_t entry) {
      return !task_is_finished(entry) && has_what_it_needs(entry);
    });
    return other < plan().choice->entries() ? other : planned;
  }

  void not_due() {
    ++counts().not_due;
    ++not_due_seen_;
  }

  void wait(std::uint32_t entry, const Arrival& arrival) {
    if (plan().spec->load.drop_when_busy) {
      ++counts().dropped;
      return;
    }
    waiting_.push_back({entry, due_ns(arrival), arrival.index});
  }

  /// nullptr: none is free now; one may have been started, and tells when it is.
  User* free_user() {
    if (User* user = take_free()) return user;
    start_another();
    return take_free();   // without on_start it is free at once
  }

  User* take_free() {
    while (!free_.empty()) {
      User& user = user_at(free_.top());
      free_.pop();
      if (user.state() == User::State::free) return &user;
    }
    return nullptr;
  }

  void start_another() {
    while (made_ < plan().users && !owns(made_)) ++made_;
    if (made_ < plan().users) start(user_at(made_++));
  }

  ArrivalSequence arrivals_;
  std::optional<Arrival> next_;
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> free_;
  std::deque<Waiting> waiting_;
  std::uint64_t made_ = 0;      // users below it exist
  std::uint64_t seen_ = 0;      // arrivals that came due
  std::uint64_t not_due_seen_ = 0;
  bool is_over_ = false;
};

}  // namespace

std::unique_ptr<Population> make_open_population(Shard& shard, const PopulationPlan& plan) {
  return std::make_unique<OpenPopulation>(shard, plan);
}

}  // namespace squall
