// Closed load: user k is there while k < U(t), and begins its next iteration when the last one ends.
#include "engine/population.hpp"
#include "engine/shard.hpp"

namespace squall {
namespace {

class ClosedPopulation final : public Population {
 public:
  ClosedPopulation(Shard& shard, const PopulationPlan& plan) : Population(shard, plan) {
    change_.population = this;
    change_.fire = [](TimerNode& node) noexcept { static_cast<Change&>(node).population->follow_shape(); };
  }
  ~ClosedPopulation() override { shard().loop().disarm(change_); }

  void connect() override {
    const std::int64_t over = plan().spec->connect_over_ns;
    if (over == 0 || !plan().spec->load.stages.empty() || plan().spec->load.ramp_ns != 0) return;
    for (std::uint64_t k = 0; k < plan().users; ++k) {
      if (owns(k)) shard().start_at(user_at(k), -over + static_cast<std::int64_t>(
                       static_cast<unsigned __int128>(over) * k / plan().users));
    }
    active_ = plan().users;
  }

  void user_free(User& user) override {
    if (user.is_retiring()) return user.retire();
    if (!has_begun()) return;   // connected early: on_begin finds it
    // An operation always completes from the loop, so nothing piles up on the stack. Without one, and where
    // users come all at once, the next iteration begins from there.
    if (user.has_waited()) return next_iteration(user);
    if (user.iterations_begun() > 0 && !user.took_time()) return begin_later(user);
    if (user.next_turn.queued) return;
    user.next_turn.run = [](Deferred& node) noexcept {
      User& own = *static_cast<User::NextTurn&>(node).user;
      static_cast<ClosedPopulation&>(own.owner()).next_iteration(own);
    };
    shard().loop().defer(user.next_turn);
  }

  void close_books() override { counts().planned = counts().started; }

 protected:
  std::uint64_t planned_users() const override {
    if (!has_begun() || is_stopped()) return 0;
    const auto now = static_cast<std::int64_t>(load_time(shard().loop().turn_ns()));
    return owned_below(plan().users_over_time.planned(now));
  }
  bool load_is_over() const override {
    return static_cast<std::int64_t>(load_time(shard().loop().turn_ns())) >= plan().users_over_time.end_ns();
  }
  void on_begin() override {
    for (const auto& user : users()) {
      if (user && user->state() == User::State::free) user_free(*user);
    }
    follow_shape();
  }
  void on_stop() override { shard().loop().disarm(change_); }

 private:
  struct Change : TimerNode { ClosedPopulation* population = nullptr; } change_;

  /// An iteration in which nothing was done, because its first step failed, say: the loop must come to its timers, the
  /// end of the run among them.
  void begin_later(User& user) {
    user.clock.fire = [](TimerNode& node) noexcept {
      User& own = *static_cast<User::Clock&>(node).user;
      static_cast<ClosedPopulation&>(own.owner()).next_iteration(own);
    };
    shard().loop().arm(user.clock, shard().loop().turn_ns() + User::kIdlePassNs);
  }

  void next_iteration(User& user) {
    if (user.state() != User::State::free) return;
    if (user.is_retiring() || is_stopped()) return user.retire();
    const std::uint32_t task = choose_task(user);
    if (task == kNone) return;
    user.begin_iteration(task, User::kAtOnce, User::kAtOnce, user.iterations_begun());
  }

  void follow_shape() {
    if (is_stopped()) return;
    const auto now = static_cast<std::int64_t>(load_time(shard().loop().turn_ns()));
    const std::uint64_t planned = plan().users_over_time.planned(now);
    for (; active_ < planned; ++active_) {
      if (!owns(active_)) continue;
      User& user = user_at(active_);
      if (user.state() == User::State::absent) start(user);
    }
    while (active_ > planned) {
      --active_;
      if (owns(active_)) user_at(active_).retire();
    }
    const std::int64_t next = plan().users_over_time.next_change_ns(now);
    if (next != kNeverNs) shard().loop().arm(change_, begin_ns() + static_cast<std::uint64_t>(next));
    check_end();
  }

  std::uint64_t active_ = 0;   // users below it have been started and not retired
};

}  // namespace

std::unique_ptr<Population> make_closed_population(Shard& shard, const PopulationPlan& plan) {
  return std::make_unique<ClosedPopulation>(shard, plan);
}

}  // namespace squall
