// A shard: one thread's worth of the engine. It owns its users, calls, sessions, timers and statistics;
// nobody else touches them. It is told what to do by messages and answers through its Uplink, so that the
// same object runs on a thread with real sockets and in virtual time in a test.
//
// phase      until                                                       next
// waiting    connect time before run time 0                              running
// running    the horizon, stop(), or all populations ended               draining
// draining   no iteration runs any more, or `drain` has passed           cutting
// cutting    every user is gone, or `grace` has passed (then final cut)  closing
// closing    all plugins' shards are done                                finished
#pragma once

#include <squall/abi.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/call.hpp"
#include "engine/loop.hpp"
#include "engine/plan.hpp"
#include "engine/population.hpp"
#include "engine/shard_handle.hpp"
#include "engine/shared_data.hpp"
#include "load/budget.hpp"
#include "net/shard_net.hpp"
#include "scenario/dataset_reader.hpp"
#include "stats/recorder.hpp"

namespace squall {

class TrafficObserver;
class UserObserver;

/// What a shard tells whoever runs it. On a thread the messages are posted; in tests they are calls.
class Uplink {
 public:
  virtual ~Uplink() = default;
  virtual void records(std::uint32_t shard, std::vector<WindowRecord> records) = 0;
  virtual void budget(std::uint32_t shard, std::uint32_t budget, const BudgetState& state) = 0;
  virtual void population_ended(std::uint32_t shard, std::uint32_t population) = 0;
  virtual void event(std::uint32_t shard, std::string kind, std::string text) = 0;
  virtual void abort_asked(std::uint32_t shard, std::string who) = 0;
  virtual void finished(std::uint32_t shard) = 0;
  /// Every sample, for outputs that ask for them; called on the shard, must not block.
  virtual void sample(std::uint32_t shard, const Sample& sample) = 0;
};

struct ShardOptions {
  std::uint32_t index = 0;
  std::int64_t wall_anchor_ns = 0;   // CLOCK_REALTIME minus the loop's clock, read once per run
  bool wants_samples = false;
  Resolver* resolver = nullptr;
  UserObserver* observer = nullptr;      // `--once`: the only shard has one
  TrafficObserver* traffic = nullptr;    // … and with -v this one, too
};

class Shard final {
 public:
  /// The plan, slots and shared data outlive it; so does the loop, whose thread is this shard's.
  Shard(const Plan& plan, const SlotTable& slots, Loop& loop, Uplink& uplink, SharedData& shared, ShardOptions options);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Messages from the run; on the shard's thread.
  /// Opens the plugins' shards and arms everything. `zero_ns`: run time 0 on the loop's clock.
  /// Errors: one line when a plugin cannot open; what the others have opened is closed then, until is_finished().
  std::string prepare(std::uint64_t zero_ns);
  /// No new iterations from now on; what runs may go on for `drain_ns`, then on_stop for `grace_ns`.
  void stop(std::int64_t drain_ns, std::int64_t grace_ns);
  void accept(std::uint32_t budget, const BudgetGrant& grant);
  void begin_population(std::uint32_t population);   // `after`: its predecessor has ended everywhere

  bool is_finished() const { return phase_ == Phase::finished; }

  // For its populations and users.
  const Plan& plan() const { return plan_; }
  const SlotTable& slots() const { return slots_; }
  Loop& loop() { return loop_; }
  Recorder& recorder() { return recorder_; }
  sq_shard* handle() { return &handle_; }
  UserObserver* observer() const { return options_.observer; }
  std::uint32_t index() const { return options_.index; }
  std::int64_t run_time(std::uint64_t now_ns) const {
    return static_cast<std::int64_t>(now_ns) - static_cast<std::int64_t>(zero_ns_);
  }
  std::int64_t unix_ns() const { return options_.wall_anchor_ns + static_cast<std::int64_t>(loop_.turn_ns()); }
  bool is_draining() const { return phase_ >= Phase::draining; }
  std::uint64_t drain_end_ns() const { return drain_end_ns_; }
  std::uint64_t load_end_ns() const { return load_end_ns_; }
  std::uint64_t next_position(std::uint32_t dataset) {
    return shared_.positions[dataset].fetch_add(1, std::memory_order_relaxed);
  }
  /// Valid until the next call.
  Result<RecordView> read_record(std::uint32_t dataset, std::uint64_t record) { return data_readers_[dataset].read(record); }
  RecordStore& records(std::uint32_t dataset) { return *shared_.records[dataset]; }
  Barrier& barrier(std::uint32_t index) { return *shared_.barriers[index]; }
  std::vector<Value>& setup_values() { return shared_.setup; }

  /// Starts a user at a run time before 0 (connect_over).
  void start_at(User& user, std::int64_t run_time_ns);
  void population_ended(Population& population);
  void abort_run(const std::string& who);
  void note_data_used(const std::string& population, const std::string& task, const Dataset& data);
  void note_start(std::uint64_t due_ns, std::uint64_t ready_ns, std::uint64_t started_ns) {
    recorder_.lag(run_time(due_ns), static_cast<std::int64_t>(started_ns - std::min(started_ns, ready_ns)));
  }

  Call& take_call();
  void give_call(Call& call) { calls_.give(call); }
  void begin(Call& call);
  void cancel(Call& call, bool is_cut);
  void release(Call& call);
  void record(const Sample& sample);

  void* open_session(std::uint32_t protocol, std::uint32_t population, std::uint64_t index, std::string& error);
  void close_session(std::uint32_t protocol, void* session);

  BudgetLease::Answer take_token(std::uint32_t budget, User* waiter);
  void give_back_token(std::uint32_t budget);
  void unpark(User& user);

  // From the host's tables.
  void on_complete(Call& call);
  void on_progress(Call& call, std::uint64_t out, std::uint64_t in);
  /// One of its outputs. False: there is none; or the plugin gave what cannot be one, and `wrong` says so.
  bool output_of(const Call& call, std::uint32_t output, sq_str key, sq_value& out, const char*& wrong) const;
  /// The same; what cannot be one is a fault and fails the call.
  bool read_output(Call& call, std::uint32_t output, sq_str key, sq_value& out);
  /// A copy of what the plugin says of a call.
  std::string detail_of(const Call& call) const;
  const Plugin* plugin_of(const Call& call) const { return plan_.protocols()[call.operation->protocol].plugin; }
  void on_deadline(Call& call);
  void limit(Call& call, std::uint64_t at_ns);
  std::uint32_t delivery_series(std::uint32_t population, std::uint32_t handle);
  void record_delivery(std::uint64_t session, std::uint32_t handle, std::uint64_t due_ns, std::uint64_t end_ns,
                       std::uint32_t outcome, std::uint32_t kind, std::uint64_t bytes);
  void count_delivery(std::uint64_t session, std::uint32_t handle, std::uint64_t count);

 private:
  enum class Phase : std::uint8_t { waiting, running, draining, cutting, closing, finished };
  struct Closing;   // a plugin's shard_close
  struct ProtocolShard {
    void* state = nullptr;
    std::uint64_t sessions = 0;
    std::unique_ptr<Closing> closing;   // outlives done(), which may come twice
  };
  struct Step : TimerNode { Shard* shard = nullptr; void (Shard::*what)() = nullptr; };
  struct BudgetPlace {
    BudgetLease lease;
    std::vector<User*> waiting;
    bool is_over = false;
  };

  void arm(Step& step, std::uint64_t at_ns) { loop_.arm(step, at_ns); }
  void begin_connecting();
  void begin_running();
  void begin_starting_populations();
  void reach_horizon();
  void begin_draining(std::int64_t drain_ns, std::int64_t grace_ns, void (Population::*end_load)());
  void tick();
  void drain_is_over();
  void grace_is_over();
  void check_gone();
  void refuse_call(Call& call, std::string_view what, const char* detail);
  void complete_astray(Call& call);
  bool knows_session(std::uint64_t session) const;
  void begin_closing();
  void plugin_closed();
  void take_all_back();
  void tell_of_limit();
  void finish();
  void send_budget(std::uint32_t budget);
  void budget_is_over(std::uint32_t budget);
  double busy();
  void fill_gauges();

  const Plan& plan_;
  const SlotTable& slots_;
  Loop& loop_;
  Uplink& uplink_;
  SharedData& shared_;
  ShardOptions options_;
  ShardHandle handle_;
  Recorder recorder_;
  std::unique_ptr<ShardNet> net_;
  CallPool calls_;
  std::vector<ProtocolShard> protocols_;
  std::vector<std::vector<std::uint32_t>> deliveries_;   // series by population, handle, as far as asked for
  std::vector<std::unique_ptr<Population>> populations_;
  std::vector<BudgetPlace> budgets_;
  std::vector<DatasetReader> data_readers_;
  std::size_t plugins_open_ = 0;
  bool has_told_limit_ = false;

  Phase phase_ = Phase::waiting;
  std::uint64_t zero_ns_ = 0;
  std::uint64_t load_end_ns_ = 0;
  std::uint64_t drain_end_ns_ = 0;
  std::int64_t drain_ns_ = 0, grace_ns_ = 0;
  Step connect_, run_, horizon_, tick_, drain_, grace_, close_guard_;
  std::vector<std::unique_ptr<Step>> starts_;
  struct Spent { std::int64_t cpu_ns = 0, delay_ns = 0; };   // without what went into looking for a deadline
  Spent spent() const;
  Spent spent_;                    // up to the last tick
  std::uint64_t busy_wall_ns_ = 0; // the same
  double cpu_s_ = 0;   // since the tick before it
};

}  // namespace squall
