// The users of one population on one shard: who starts, who is free, and when the next iteration begins.
// The three load models are its three kinds; what is common to them (users, sessions, tokens, ends)
// stands here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/plan.hpp"
#include "engine/user.hpp"
#include "load/budget.hpp"
#include "payload/arrival_series.hpp"
#include "stats/window_record.hpp"

namespace squall {

class Shard;

/// Thread: its shard's.
class Population {
 public:
  static std::unique_ptr<Population> make(Shard& shard, const PopulationPlan& plan);
  virtual ~Population();
  Population(const Population&) = delete;
  Population& operator=(const Population&) = delete;

  const PopulationPlan& plan() const { return plan_; }
  Shard& shard() const { return shard_; }
  IterationCounts& counts();

  /// Spreads on_start and connects of users that exist from the beginning over the time before 0.
  virtual void connect() {}
  /// Its load begins; its times count from `begin_ns`, the planned moment, not from when the loop got to it.
  void begin(std::uint64_t begin_ns);
  void start_early(User& user) { start(user); }   // connect_over
  bool has_begun() const { return begin_ns_ != 0; }
  /// No iteration begins any more; users that are free leave, the others leave after theirs.
  void stop();
  /// The planned time is over. Only what is due later and still belongs to the run may begin.
  virtual void reach_horizon() { stop(); }
  /// Waits that would end after the drain are not worth waiting for; then everything that runs.
  void cut(bool is_final);
  void drop_waits();
  /// A budget is used up: nothing of `task` begins any more (kNone: nothing at all).
  void finish_task(std::uint32_t task);
  /// The same for an entry of `tasks`, whose data ends with it (`on_end: stop_task`).
  void data_is_used(std::uint32_t entry, const Dataset& data);
  /// Counts at the end of the run: what was planned and never begun.
  virtual void close_books() = 0;

  bool has_ended() const { return has_ended_; }
  void fill(PopulationWindow& window);   // gauges

  // From its users.
  virtual void user_free(User& user) = 0;
  void user_gone(User& user);
  void user_stopped(User&) { ++stopped_; }
  void user_retires(bool begins) { begins ? ++retiring_ : --retiring_; }
  void* session(User& user, std::uint32_t protocol, std::string& error);
  void close_session(User& user);
  ArrivalSeries* series(std::uint32_t slot);   // of open load; nullptr: its users have their own
  BudgetLease::Answer take_request_token(User& user);
  /// The operation that it was for did not begin.
  void give_back_request_token(User& user);
  /// Another entry for a pass that found no record, due when that was; kNone: there is none.
  std::uint32_t choose_instead(User& user, const std::vector<std::uint32_t>& skipped);
  /// By entry of plan().tasks: whether what it `needs` is free at this moment.
  std::vector<bool> eligible_now() const;

 protected:
  Population(Shard& shard, const PopulationPlan& plan);

  virtual void on_begin() = 0;
  virtual void on_stop() {}
  virtual std::uint64_t planned_users() const = 0;
  /// Whether it will begin nothing more by itself (its load is over).
  virtual bool load_is_over() const = 0;

  bool owns(std::uint64_t user) const;
  std::uint64_t owned_below(std::uint64_t users) const;
  User& user_at(std::uint64_t index);          // made when needed; REQUIRES: owned
  void start(User& user);
  void check_end();
  bool is_stopped() const { return is_stopped_; }
  std::uint64_t load_time(std::uint64_t now_ns) const { return now_ns > begin_ns_ ? now_ns - begin_ns_ : 0; }
  std::uint64_t begin_ns() const { return begin_ns_; }

  bool task_is_finished(std::uint32_t entry) const { return finished_[entry]; }
  bool all_finished() const;
  /// A token for an iteration of this entry of `tasks`, where a budget counts iterations.
  BudgetLease::Answer take_iteration_token(std::uint32_t entry, User* waiter);
  /// For closed and fleet users: which task is next; kNone: none is left, or the user waits for a token or a record.
  std::uint32_t choose_task(User& user);
  /// Whether the record that this entry `needs` is free.
  bool has_what_it_needs(std::uint32_t entry) const;

  const std::vector<std::unique_ptr<User>>& users() const { return users_; }

 private:
  BudgetLease::Answer take(std::uint32_t budget, BudgetPlan::Unit unit, User* waiter);
  std::uint64_t session_index(const User& user) const;
  std::size_t session_place(const User& user) const;   // in sessions_, times the number of protocols
  void close_sessions(std::size_t first);
  bool all_have_stopped() const;
  std::uint32_t needs_of(std::uint32_t entry) const;
  bool may_begin(const User& user, std::uint32_t entry) const;
  std::vector<std::uint32_t> needed_now() const;
  void give_back(std::uint32_t budget, BudgetPlan::Unit unit);
  /// Of the entry's budget and of the population's, where they count this unit: both or none.
  BudgetLease::Answer take_tokens(std::uint32_t entry, BudgetPlan::Unit unit, User* waiter);
  void give_back_tokens(std::uint32_t entry, BudgetPlan::Unit unit);
  bool exchange_iteration_token(std::uint32_t from, std::uint32_t to);

  Shard& shard_;
  const PopulationPlan& plan_;
  const std::size_t protocols_;                // of the plan
  std::vector<std::unique_ptr<User>> users_;   // by rank among the owned ones
  std::vector<std::uint32_t> rank_;            // slot -> rank within one turn of the slot table
  std::uint32_t owned_per_turn_ = 0;
  std::vector<bool> finished_;                 // by entry of plan().tasks
  bool has_needs_ = false;                     // of any entry
  std::vector<ArrivalSeries> series_;          // by slot of generator state; empty until one is asked for
  std::vector<void*> sessions_;                // by (rank or session, protocol)
  std::uint64_t begin_ns_ = 0;
  std::uint64_t present_ = 0;
  std::uint64_t peak_ = 0;   // of present_, since it was last told
  std::uint64_t stopped_ = 0;    // by a failure; never replaced
  std::uint64_t retiring_ = 0;
  bool is_stopped_ = false;
  bool has_ended_ = false;
};

std::unique_ptr<Population> make_closed_population(Shard& shard, const PopulationPlan& plan);
std::unique_ptr<Population> make_open_population(Shard& shard, const PopulationPlan& plan);
std::unique_ptr<Population> make_fleet_population(Shard& shard, const PopulationPlan& plan);

}  // namespace squall
