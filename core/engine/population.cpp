#include "engine/population.hpp"

#include <algorithm>
#include <utility>

#include "engine/shard.hpp"

namespace squall {

std::unique_ptr<Population> Population::make(Shard& shard, const PopulationPlan& plan) {
  switch (plan.spec->load.model) {
    case Load::Model::open: return make_open_population(shard, plan);
    case Load::Model::fleet: return make_fleet_population(shard, plan);
    default: return make_closed_population(shard, plan);
  }
}

Population::Population(Shard& shard, const PopulationPlan& plan)
    : shard_(shard), plan_(plan), protocols_(shard.plan().protocols().size()), finished_(plan.tasks.size(), false) {
  for (std::uint32_t entry = 0; entry < plan.tasks.size(); ++entry) has_needs_ = has_needs_ || needs_of(entry) != kNone;
  // Owned users are numbered within one turn of the slot table, so that users_ has no holes.
  const SlotTable& slots = shard.slots();
  rank_.assign(slots.size(), kNone);
  const std::uint64_t offset = plan.spec->sessions ? 0 : plan.slot_offset;
  for (std::uint32_t k = 0; k < slots.size(); ++k) {
    if (slots.owns_user(shard.index(), k, offset)) rank_[k] = owned_per_turn_++;
  }
}

Population::~Population() = default;

IterationCounts& Population::counts() { return shard_.recorder().iterations(plan_.index); }

// With `sessions` a user lives where its session lives: both go by the index of the session.
bool Population::owns(std::uint64_t user) const {
  const std::uint64_t placed = plan_.spec->sessions ? user % plan_.spec->sessions : user;
  return rank_[placed % rank_.size()] != kNone;
}

std::uint64_t Population::owned_below(std::uint64_t users) const {
  std::uint64_t owned = 0;
  if (!plan_.spec->sessions) {
    owned = users / rank_.size() * owned_per_turn_;
    users %= rank_.size();
  }
  for (std::uint64_t k = 0; k < users; ++k) owned += owns(k);
  return owned;
}

User& Population::user_at(std::uint64_t index) {
  std::size_t rank;
  if (plan_.spec->sessions) {
    rank = index;   // sparse, but such populations are small against their sessions' cost
  } else {
    rank = index / rank_.size() * owned_per_turn_ + rank_[index % rank_.size()];
  }
  if (rank >= users_.size()) users_.resize(rank + 1);
  if (!users_[rank]) users_[rank] = std::make_unique<User>(*this, index, static_cast<std::uint32_t>(rank));
  return *users_[rank];
}

void Population::begin(std::uint64_t begin_ns) {
  if (has_begun() || is_stopped_) return;
  begin_ns_ = begin_ns;
  on_begin();
  check_end();
}

void Population::start(User& user) {
  peak_ = std::max(peak_, ++present_);
  user.start();
}

void Population::stop() {
  if (is_stopped_) return;
  is_stopped_ = true;
  on_stop();
  for (auto& user : users_) {
    if (user && user->state() != User::State::absent) user->retire();
  }
  check_end();
}

void Population::drop_waits() {
  for (auto& user : users_) {
    if (user) user->drop_wait();
  }
}

void Population::cut(bool is_final) {
  is_stopped_ = true;
  for (auto& user : users_) {
    if (user) user->cut(is_final);
  }
  check_end();
}

ArrivalSeries* Population::series(std::uint32_t slot) {
  if (plan_.spec->load.model != Load::Model::open) return nullptr;
  if (series_.empty()) series_.resize(plan_.spec->states);
  return &series_[slot];
}

void Population::finish_task(std::uint32_t task) {
  bool is_ours = task == kNone;
  for (std::size_t entry = 0; entry < plan_.tasks.size(); ++entry) {
    if (task != kNone && plan_.tasks[entry].task != task) continue;
    is_ours = is_ours || !finished_[entry];
    finished_[entry] = true;
  }
  if (is_ours && all_finished()) stop();
}

void Population::data_is_used(std::uint32_t entry, const Dataset& data) {
  if (finished_[entry]) return;
  const std::uint32_t task = plan_.tasks[entry].task;
  shard_.note_data_used(plan_.spec->name, shard_.plan().scenario().tasks[task].name, data);
  finish_task(task);
}

bool Population::all_finished() const {
  return std::all_of(finished_.begin(), finished_.end(), [](bool finished) { return finished; });
}

void Population::user_gone(User&) {
  --present_;
  for (const std::uint32_t barrier : plan_.spec->barriers) shard_.barrier(barrier).lose_one(shard_.loop().read_ns());
  check_end();
}

void Population::check_end() {
  if (has_ended_ || present_ > 0) return;
  if (!is_stopped_ && !(has_begun() && (load_is_over() || all_have_stopped()))) return;
  has_ended_ = true;
  shard_.population_ended(*this);
}

/// Nobody replaces a user that a failure stopped: when it was the last one, nothing more will begin.
bool Population::all_have_stopped() const {
  return stopped_ > 0 && plan_.spec->load.stages.empty() && stopped_ >= owned_below(plan_.users);
}

void Population::fill(PopulationWindow& window) {
  window.users_planned = planned_users();
  window.users_present = present_;
  window.users_peak = std::exchange(peak_, present_);
  window.users_retiring = retiring_;
  window.users_stopped = stopped_;
}

// ---- sessions --------------------------------------------------------------------------------------------

std::uint64_t Population::session_index(const User& user) const {
  return plan_.spec->sessions ? user.index() % plan_.spec->sessions : user.index();
}

std::size_t Population::session_place(const User& user) const {
  return plan_.spec->sessions ? session_index(user) : user.rank();
}

void* Population::session(User& user, std::uint32_t protocol, std::string& error) {
  const std::size_t place = session_place(user);
  if ((place + 1) * protocols_ > sessions_.size()) sessions_.resize((place + 1) * protocols_, nullptr);
  void*& session = sessions_[place * protocols_ + protocol];
  if (!session) session = shard_.open_session(protocol, plan_.index, session_index(user), error);
  return session;
}

void Population::close_sessions(std::size_t first) {
  for (std::size_t protocol = 0; protocol < protocols_ && first + protocol < sessions_.size(); ++protocol) {
    void*& session = sessions_[first + protocol];
    if (session) shard_.close_session(static_cast<std::uint32_t>(protocol), session);
    session = nullptr;
  }
}

// A shared session lives until nobody is left who could use it.
void Population::close_session(User& user) {
  if (plan_.spec->sessions) {
    if (present_ > 1) return;
    for (std::size_t first = 0; first < sessions_.size(); first += protocols_) close_sessions(first);
    return;
  }
  close_sessions(session_place(user) * protocols_);
}

// ---- tokens and tasks ------------------------------------------------------------------------------------

BudgetLease::Answer Population::take(std::uint32_t budget, BudgetPlan::Unit unit, User* waiter) {
  if (budget == kNone || shard_.plan().budgets()[budget].unit != unit) return BudgetLease::Answer::taken;
  return shard_.take_token(budget, waiter);
}

void Population::give_back(std::uint32_t budget, BudgetPlan::Unit unit) {
  if (budget != kNone && shard_.plan().budgets()[budget].unit == unit) shard_.give_back_token(budget);
}

BudgetLease::Answer Population::take_tokens(std::uint32_t entry, BudgetPlan::Unit unit, User* waiter) {
  const std::uint32_t of_task = plan_.tasks[entry].budget;
  const auto first = take(of_task, unit, waiter);
  if (first != BudgetLease::Answer::taken) return first;
  const auto second = take(plan_.budget, unit, waiter);
  if (second != BudgetLease::Answer::taken) give_back(of_task, unit);
  return second;
}

void Population::give_back_tokens(std::uint32_t entry, BudgetPlan::Unit unit) {
  give_back(plan_.tasks[entry].budget, unit);
  give_back(plan_.budget, unit);
}

BudgetLease::Answer Population::take_request_token(User& user) {
  return take_tokens(user.task(), BudgetPlan::Unit::requests, &user);
}

void Population::give_back_request_token(User& user) { give_back_tokens(user.task(), BudgetPlan::Unit::requests); }

BudgetLease::Answer Population::take_iteration_token(std::uint32_t entry, User* waiter) {
  return take_tokens(entry, BudgetPlan::Unit::iterations, waiter);
}

std::uint32_t Population::needs_of(std::uint32_t entry) const {
  return shard_.plan().scenario().tasks[plan_.tasks[entry].task].needs;
}

bool Population::has_what_it_needs(std::uint32_t entry) const {
  if (!has_needs_) return true;
  const std::uint32_t needs = needs_of(entry);
  return needs == kNone || shard_.records(needs).has_free();
}

std::vector<bool> Population::eligible_now() const {
  std::vector<bool> eligible;
  for (std::uint32_t entry = 0; entry < plan_.tasks.size(); ++entry) eligible.push_back(has_what_it_needs(entry));
  return eligible;
}

bool Population::may_begin(const User& user, std::uint32_t entry) const {
  if (finished_[entry]) return false;
  return plan_.spec->eligible_at_user_start ? user.was_eligible(entry) : has_what_it_needs(entry);
}

/// Datasets for whose records the tasks that are left wait; empty: nothing that can still come is waited for.
std::vector<std::uint32_t> Population::needed_now() const {
  std::vector<std::uint32_t> needed;
  if (plan_.spec->eligible_at_user_start) return needed;
  for (std::uint32_t entry = 0; entry < plan_.tasks.size(); ++entry) {
    if (!finished_[entry] && needs_of(entry) != kNone) needed.push_back(needs_of(entry));
  }
  return needed;
}

std::uint32_t Population::choose_instead(User& user, const std::vector<std::uint32_t>& skipped) {
  if (!plan_.spec->load.every_by_task.empty()) return kNone;   // each task has a clock of its own
  const auto& choice = *plan_.choice;
  const auto may = [&](std::uint32_t entry) {
    return may_begin(user, entry) && std::ranges::find(skipped, entry) == skipped.end();
  };
  const std::uint64_t turn = user.choice_turn;
  const std::uint32_t entry = plan_.spec->load.model == Load::Model::open
                                  ? choice.choose_for_arrival(user.arrival_index, may)
                                  : choice.choose(user.index(), user.choice_turn, may);
  if (entry < choice.entries() && exchange_iteration_token(user.task(), entry)) return entry;
  user.choice_turn = turn;
  return kNone;
}

/// The population's own token serves either task: when it was the last, no other is to be had.
bool Population::exchange_iteration_token(std::uint32_t from, std::uint32_t to) {
  const std::uint32_t had = plan_.tasks[from].budget, wanted = plan_.tasks[to].budget;
  if (had == wanted) return true;
  if (take(wanted, BudgetPlan::Unit::iterations, nullptr) != BudgetLease::Answer::taken) return false;
  give_back(had, BudgetPlan::Unit::iterations);
  return true;
}

std::uint32_t Population::choose_task(User& user) {
  const auto& choice = *plan_.choice;
  while (!is_stopped_) {
    const std::uint64_t turn = user.choice_turn;
    const std::uint32_t entry = choice.choose(user.index(), user.choice_turn,
                                              [&](std::uint32_t candidate) { return may_begin(user, candidate); });
    if (entry == choice.entries()) {
      const auto needed = needed_now();
      if (needed.empty()) break;
      user.choice_turn = turn;   // its turn has not passed
      if (user.wait_until_free(needed)) return kNone;
      continue;
    }
    switch (take_iteration_token(entry, &user)) {
      case BudgetLease::Answer::taken: return entry;
      case BudgetLease::Answer::waiting:
        user.choice_turn = turn;   // the same task again when tokens have come
        user.wait_for_token();
        return kNone;
      case BudgetLease::Answer::over: break;  // finish_task has been called: choose among the rest
    }
  }
  if (!is_stopped_) user.retire();
  return kNone;
}

}  // namespace squall
