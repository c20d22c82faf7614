// Fleet load: every user is a device with a clock of its own (or one a task). An occurrence that finds
// its user busy waits with its due time kept; it is late, and counted so.
#include <algorithm>

#include "engine/population.hpp"
#include "engine/shard.hpp"

namespace squall {
namespace {

class FleetPopulation final : public Population {
 public:
  FleetPopulation(Shard& shard, const PopulationPlan& plan) : Population(shard, plan) {}

  void connect() override {
    const std::int64_t over = plan().spec->connect_over_ns;
    if (over == 0) return;
    for (std::uint64_t k = 0; k < plan().users; ++k) {
      if (owns(k)) shard().start_at(user_at(k), -over + static_cast<std::int64_t>(
                       static_cast<unsigned __int128>(over) * k / plan().users));
    }
  }

  void user_free(User& user) override {
    if (user.is_retiring() || is_stopped()) return user.retire();
    if (!has_begun()) return;
    go_on(user);
  }

  // An occurrence belongs to the run by its nominal time; jitter may make it due a little after the end.
  void reach_horizon() override {
    if (plan().spec->load.jitter_ns == 0 && plan().spec->load.jitter_share == 0) return stop();
    for (const auto& user : users()) {
      if (user && user->state() == User::State::free) go_on(*user);
    }
    check_end();
  }

  void close_books() override {
    IterationCounts& c = counts();
    const std::uint64_t done = c.started + c.dropped;
    c.waiting = 0;
    const std::uint64_t end = shard().load_end_ns();
    for (const auto& user : users()) {
      if (!user) continue;
      for (Clock& clock : clocks(*user)) {
        while (clock.next && begin_ns() + static_cast<std::uint64_t>(clock.next->due_ns) <= end) {
          ++c.waiting;
          clock.next = clock.cursor.next(plan().schedules[clock.schedule]);
        }
      }
    }
    c.planned = std::max(planned_, done + c.waiting);
    c.not_due = c.planned - done - c.waiting;
  }

 protected:
  std::uint64_t planned_users() const override {
    return has_begun() && !is_stopped() ? users().size() : 0;
  }
  bool load_is_over() const override { return left_ == 0; }

  void on_begin() override {
    for (std::uint64_t k = 0; k < plan().users; ++k) {
      if (!owns(k)) continue;
      for (const FleetSchedule& schedule : plan().schedules) {
        if (shard().plan().horizon_ns() != kNeverNs) planned_ += schedule.count(k);
      }
      User& user = user_at(k);
      ++left_;
      for (Clock& clock : clocks(user)) clock.next = clock.cursor.next(plan().schedules[clock.schedule]);
      if (user.state() == User::State::absent) start(user);   // its end calls user_free
      else if (user.state() == User::State::free) go_on(user);
    }
  }

 private:
  struct Clock {
    FleetSchedule::Cursor cursor;
    std::optional<Occurrence> next;
    std::uint32_t schedule = 0;
  };

  std::vector<Clock>& clocks(const User& user) {
    const std::size_t place = user.index();
    if (place >= clocks_.size()) clocks_.resize(place + 1);
    if (clocks_[place].empty()) {
      clocks_[place].resize(plan().schedules.size());
      for (std::uint32_t i = 0; i < plan().schedules.size(); ++i) {
        clocks_[place][i].schedule = i;
        clocks_[place][i].cursor = plan().schedules[i].cursor(user.index());
      }
    }
    return clocks_[place];
  }

  std::uint64_t due_ns(const Clock& clock) const {
    return begin_ns() + static_cast<std::uint64_t>(clock.next->due_ns);
  }

  /// The user is free: its earliest occurrence begins now if it is due, else its clock is set.
  void go_on(User& user) {
    while (true) {
      Clock* first = nullptr;
      for (Clock& clock : clocks(user)) {
        if (clock.next && (!first || clock.next->due_ns < first->next->due_ns)) first = &clock;
      }
      if (!first) {
        --left_;
        return user.retire();
      }
      const std::uint64_t due = due_ns(*first);
      const std::uint64_t now = shard().loop().turn_ns();
      if (shard().is_draining() && due <= shard().load_end_ns()) return user.retire();   // it waited in vain
      if (due > now) {
        user.clock.fire = [](TimerNode& node) noexcept {
          User& owner = *static_cast<User::Clock&>(node).user;
          static_cast<FleetPopulation&>(owner.owner()).user_free(owner);
        };
        shard().loop().arm(user.clock, due);
        return;
      }
      const std::uint32_t schedule = first->schedule;
      const std::uint64_t occurrence = first->next->index;
      const std::uint64_t ready = std::max(due, user.free_since_ns());
      // Only an iteration that runs is overrun: not what came while its user was starting.
      if (plan().spec->load.skip_on_overrun && ready > due && user.iterations_begun() > 0) {
        ++counts().dropped;
        first->next = first->cursor.next(plan().schedules[schedule]);
        continue;
      }
      std::uint32_t task;
      if (plan().spec->load.every_by_task.empty()) {
        task = choose_task(user);
      } else {
        task = entry_of(plan().spec->load.every_by_task[schedule].first);
        switch (task_is_finished(task) ? BudgetLease::Answer::over : take_iteration_token(task, &user)) {
          case BudgetLease::Answer::taken: break;
          case BudgetLease::Answer::waiting: user.wait_for_token(); return;
          case BudgetLease::Answer::over: first->next.reset(); continue;
        }
      }
      if (task == kNone) return;   // it waits for a token, or is on its way out
      first->next = first->cursor.next(plan().schedules[schedule]);
      if (ready > due) shard().recorder().blocked(plan().index, static_cast<std::int64_t>(ready - due));
      return user.begin_iteration(task, due, ready, occurrence);
    }
  }

  std::uint32_t entry_of(std::uint32_t task) const {
    for (std::uint32_t entry = 0; entry < plan().tasks.size(); ++entry) {
      if (plan().tasks[entry].task == task) return entry;
    }
    return 0;
  }

  std::vector<std::vector<Clock>> clocks_;   // by user index
  std::uint64_t planned_ = 0;
  std::uint64_t left_ = 0;                   // users with occurrences to come
};

}  // namespace

std::unique_ptr<Population> make_fleet_population(Shard& shard, const PopulationPlan& plan) {
  return std::make_unique<FleetPopulation>(shard, plan);
}

}  // namespace squall
