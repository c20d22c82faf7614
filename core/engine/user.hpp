// A virtual user: where it stands in its task (strand.hpp), what it captured, its sessions. It runs
// until it must wait (an operation, a timer, a budget token), and is resumed by its shard's loop.
// Who starts its iterations, and when, is its population's part.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/barrier.hpp"
#include "engine/call.hpp"
#include "engine/picked_record.hpp"
#include "engine/plan.hpp"
#include "engine/record_store.hpp"
#include "engine/strand.hpp"
#include "net/environment.hpp"
#include "payload/template.hpp"
#include "stats/sample.hpp"

namespace squall {

class CompiledPass;
class Population;
class Shard;
class UserObserver;

/// Thread: its shard's. 100,000 of them live in a process: keep it small.
class User final : public Scope {
 public:
  /// `rank`: its place among its shard's users of this population.
  User(Population& population, std::uint64_t index, std::uint32_t rank);
  ~User() override;
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  // absent -> starting (connect, on_start) -> free <-> iterating -> stopping (on_stop) -> absent
  enum class State : std::uint8_t { absent, starting, free, iterating, stopping };
  static constexpr std::uint64_t kAtOnce = 0;
  static constexpr std::uint64_t kIdlePassNs = 1'000'000;   // what a loop around nothing waits each time
  State state() const { return state_; }

  /// Runs connect and on_start, then tells the population that it is free.
  void start();
  /// One iteration of a task. `due_ns`: when it should have begun, kAtOnce: when its first step begins;
  /// `ready_ns` ≥ due_ns: from when only the generator itself is to blame for lateness. Times are the
  /// loop's clock.
  void begin_iteration(std::uint32_t task, std::uint64_t due_ns, std::uint64_t ready_ns, std::uint64_t arrival);
  /// No further iteration; after the running one on_stop, then it is gone.
  void retire();
  /// The run stops: what runs is cut short, then on_stop (unless `is_final`).
  void cut(bool is_final);
  /// The drain has begun: a wait that would outlast it ends the iteration at once.
  void drop_wait();
  /// Free, but its next iteration needs a token that is on its way: resume() tells the population again.
  void wait_for_token() { main_.waits_for_token = true; }

  bool is_retiring() const { return retiring_; }
  /// Whether the last iteration waited for an operation: the next may then follow it at once.
  bool has_waited() const { return has_waited_; }
  /// Whether its last iteration took any time: without an operation, a wait or a barrier it may have been over at once.
  bool took_time() const { return has_waited_ || has_rested_; }
  Population& owner() const { return population_; }
  std::uint64_t index() const { return user_index; }
  std::uint32_t rank() const { return rank_; }
  std::uint64_t iterations_begun() const { return turns_; }
  std::uint64_t free_since_ns() const { return free_since_ns_; }
  std::uint32_t task() const { return task_; }

  /// Free, but each task that is left needs a record: the population is told again when one of these datasets has one.
  /// False, and it does not wait: one has by now.
  bool wait_until_free(const std::vector<std::uint32_t>& datasets);
  /// `eligible: at_user_start`: by entry of the population's tasks, what was free when it started.
  bool was_eligible(std::uint32_t entry) const;

  // From the shard.
  void on_call_done(Call& call);
  CompiledPass* compiled() { return compiled_.get(); }
  /// One of its strands waited for it, but may have left meanwhile: the end of a budget retires those who wait for it.
  void token_came();

  // Scope
  std::int64_t unix_ns() const override;
  const Value* local(std::uint32_t slot) const override;
  const Value* setup(std::uint32_t slot) const override;
  std::optional<std::string_view> field(std::uint32_t dataset, std::uint32_t column) override;
  std::string_view field_error(std::uint32_t dataset) const override;
  Value& state(std::uint32_t slot) override;
  ArrivalSeries* series(std::uint32_t slot) override;

  struct Clock : TimerNode { User* user = nullptr; };
  struct NextTurn : Deferred { User* user = nullptr; };
  std::uint64_t choice_turn = 0;   // the population's: its place among the tasks

  enum class Next : std::uint8_t { go_on, stop };   // of the interpreter

 private:
  friend class CompiledPass;
  enum class Part : std::uint8_t { none, connect, on_start, task, on_stop };
  using End = PartEnd;
  using Frame = Strand::Frame;
  /// The strand that runs, as long as this lives: the user's steps are those of `at_`.
  class At {
   public:
    At(User& user, Strand& strand) : user_(user), before_(user.at_), strand_(strand) {
      user.at_ = &strand;
      exchange_draws();
    }
    ~At() {
      exchange_draws();
      user_.at_ = before_;
    }
    At(const At&) = delete;
    At& operator=(const At&) = delete;

   private:
    void exchange_draws() { if (strand_.parent) std::swap(user_.draws, strand_.draws); }
    User& user_;
    Strand* const before_;
    Strand& strand_;
  };
  static constexpr std::uint64_t kStartDraws = std::uint64_t{1} << 32;   // on_start's are not those of the first iteration
  struct Held { std::uint32_t dataset, slot, record; bool for_user; };
  /// Of those who acquire exclusive records; user_records.cpp.
  struct Records {
    std::vector<Held> held;
    std::unique_ptr<RecordStore::Waiter> waiter;                  // in line for a record
    std::vector<std::unique_ptr<RecordStore::Waiter>> watching;   // in line to hear that one is free
    std::vector<std::uint32_t> skipped;   // entries that this pass has tried
    bool waits_instead = false;           // there was no other entry
    std::vector<bool> eligible;           // at_user_start; else empty
  };

  void run_part(Part part, const Program& program);
  void run();
  /// What a strand waited for has come; it is gone afterwards when it was a branch's, and the last.
  void go_on(Strand& strand);
  void finish_call(Call& call);
  /// Starts what has its arguments, its session and its tokens.
  void launch(Call& call, const sq_value* args, std::uint32_t count, std::uint32_t flags);
  void record_call(Call& call, Outcome outcome, ErrorClass error, std::string_view detail);
  Next run_compiled(const Instruction& code);
  // Branches; user_parallel.cpp.
  Next begin_branches(const Instruction& code);
  bool begin_next_branch(Strand& parent);
  Next join();
  void settle(Strand& strand);
  void let_go(Strand& parent);
  void each_branch(Strand& parent, void (User::*what)(Strand&));
  void end_soon(Strand& strand);
  void cut_strand(Strand& strand);
  void drop_wait_of(Strand& strand);
  bool stop_waiting(Strand& strand);
  void end_waiting(Strand& strand);
  static Strand* find_waiting(Strand& strand);
  void disarm_waits(Strand& strand);
  static void wait_is_over(TimerNode& node) noexcept;
  /// The frames around the step that runs, the innermost first, those around a `parallel` too; `look` returns false to stop.
  template <typename Look>
  void look_outwards(Look look) {
    for (Strand* strand = at_; strand; strand = strand->parent) {
      for (auto frame = strand->frames.rbegin(); frame != strand->frames.rend(); ++frame) {
        if (!look(*frame)) return;
      }
    }
  }
  Next step(const Instruction& code);
  Next start_call(const Instruction& code);
  Next wait_until(std::uint64_t at_ns);
  Next begin_wait(const Instruction& code);
  Next begin_repeat(const Instruction& code);
  Next again(const Instruction& code);
  Next poll_again(const Instruction& code);
  Next note_metric(const Instruction& code);
  std::uint32_t choose_branch(const Instruction& code);
  /// A step failed before it had begun (a name without a value …): a failed sample.
  Next fail_step(const Instruction& code, ErrorClass error, std::string_view detail);
  Next after_failure(const Instruction& code, ErrorClass error);
  std::uint32_t behind(const Instruction& code) const;
  /// A step failed with this class: so have the groups around it, as far as an `until`.
  void blame_groups(ErrorClass error);
  void leave(End end, ErrorClass error);            // ends the part that runs
  /// A task's step has asked for a record of data with `on_end: stop_task`, and none was left.
  bool has_no_data_left() const;
  void end_for_want_of_data();
  void close_group(Frame& frame, Outcome outcome, ErrorClass error, std::string_view detail = {});
  /// Of this user and iteration; times and outcome are the caller's.
  Sample sample_of(std::uint32_t series) const;
  void record_failure(std::uint32_t series, ErrorClass error, std::string_view detail);
  /// An `until` with a sample of its own.
  static bool is_named(const Instruction& until) { return !std::get<UntilStep>(until.step->what).name.empty(); }
  void part_is_over(Part part, End end);
  void end_life();
  void set_retiring();
  void judge(Call& call, Outcome& outcome, ErrorClass& error, std::string& detail);
  void judge_answer(Call& call, Outcome& outcome, ErrorClass& error, std::string& detail);
  bool holds(const Check& check, Call& call, std::uint64_t response_ns, std::string* why);
  bool read_output(Call& call, std::uint32_t output, const std::string& key, sq_value& out);
  void capture(Call& call);
  std::optional<Value> read_capture(const Capture& capture, Call& call);
  void keep(std::uint32_t slot, Value value, bool for_user);
  void forget(std::uint32_t slot);
  std::optional<std::size_t> next_in_line(std::uint32_t dataset);
  void clear_iteration();
  void hand_on_setup();
  Records& records();
  Next acquire(const Instruction& code);
  Next release_record(const Instruction& code);
  Next skip_iteration(const Instruction& code, RecordStore& store);
  Next interrupt_for_want_of_record(RecordStore& store);
  void hold(const AcquireStep& what, std::uint32_t record);
  Next take_record(const Instruction& code);
  void keep_record(const Dataset& data, std::uint32_t slot, RecordView record, bool for_user);
  bool hand_back(std::uint32_t slot);
  void hand_back(const Held& held);
  void hand_back_all(bool for_user_too);
  std::unique_ptr<RecordStore::Waiter> make_waiter(RecordStore& store);
  void record_came();
  void record_is_free(RecordStore::Waiter& told);
  void leave_line(std::unique_ptr<RecordStore::Waiter> waiter, bool in_vain = true);
  void stop_watching(bool in_vain = true);
  /// False: it stands in none.
  bool leave_line_for_record();
  Next wait_at_barrier(const Instruction& code);
  void barrier_opened();
  Next pass_barrier();
  Next give_up_barrier(const Instruction& code);
  void leave_barrier();
  Value* locals();
  // To the observer; user_observed.cpp.
  std::string_view part_name() const;
  void tell_end(UserObserver& observer, End end) const;
  void tell_result(UserObserver& observer, Call& call, Outcome outcome, ErrorClass error, std::string_view detail);
  void settle_due();   // kAtOnce becomes now

  Population& population_;
  const Program* program_ = nullptr;
  Strand* at_ = &main_;
  std::uint32_t task_ = 0;
  std::uint32_t rank_ = 0;
  State state_ = State::absent;
  Part part_ = Part::none;
  bool retiring_ = false;
  bool stop_after_part_ = false;  // stop_user
  bool cutting_ = false;
  bool final_ = false;
  bool has_waited_ = false;
  bool has_rested_ = false;       // a wait of its steps
  std::uint64_t free_since_ns_ = 0;
  std::uint64_t turns_ = 0;        // iterations begun
  std::uint32_t ended_data_ = kNone;   // the dataset that had no record for this iteration
  std::unique_ptr<Records> records_;
  std::unique_ptr<Barrier::Waiter> gate_;   // while it waits at a barrier
  std::unique_ptr<CompiledPass> compiled_;  // of those who have come to a compiled task
  std::unique_ptr<Value[]> locals_;
  std::unique_ptr<std::uint8_t[]> local_life_;  // 0 none, 1 iteration, 2 user
  std::unique_ptr<Value[]> states_;
  std::unique_ptr<PickedRecord[]> picks_;       // by dataset
  std::unique_ptr<PickedRecord[]> user_picks_;  // … in on_start, for the user's life
  Strand main_{*this};

 public:
  // The population's, and behind what every iteration touches: the clock for the next occurrence,
  // the next iteration begun from the loop.
  Clock clock;
  NextTurn next_turn;
};

}  // namespace squall
