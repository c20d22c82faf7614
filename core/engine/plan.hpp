// The plan: what a scenario becomes before it runs. Protocols are opened, every operation of every
// population is bound once, tasks are programs, load is shapes, shares are slots.
// Immutable while the run goes on; every shard reads the same plan.
#pragma once

#include <squall/abi.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/arguments.hpp"
#include "engine/program.hpp"
#include "engine/user_certificates.hpp"
#include "load/arrivals.hpp"
#include "load/fleet_schedule.hpp"
#include "load/slots.hpp"
#include "load/user_shape.hpp"
#include "load/weighted_choice.hpp"
#include "net/target.hpp"
#include "plugin_host/registry.hpp"
#include "scenario/scenario.hpp"
#include "stats/series.hpp"

namespace squall {

/// An open protocol plugin; closed with the plan.
struct ProtocolInstance {
  const sq_protocol* protocol = nullptr;
  void* instance = nullptr;
  const Plugin* plugin = nullptr;
};

/// An argument that a compiled task gives by position.
struct LateSlot {
  std::uint32_t param = 0;                      // SQ_PARAM_TO: the target
  std::uint32_t type = SQ_T_NULL;               // SQ_T_*, as the protocol wants it
};

/// One operation step of one population's program, ready to be started.
struct BoundOperation {
  const OperationStep* spec = nullptr;
  const sq_op* op = nullptr;
  std::uint32_t protocol = 0;                   // index into Plan::protocols
  void* prepared = nullptr;
  std::vector<const ParamValue*> slots;         // evaluated per call, in the order of args
  const Template* target_template = nullptr;    // its target is the last slot
  const Target* target = nullptr;               // else this one (nullptr: the operation has none)
  std::int64_t timeout_ns = 0;
  bool judges_code = false;                     // a code outside op->code_min … code_max fails it
  std::uint32_t code_output = kNone;            // index of op->code_output
  std::uint32_t series = 0;
  std::vector<LateSlot> late_slots;             // of a compiled task's: its arguments; `slots` is empty then
};

/// A compiled task at one place of the scenario.
struct TaskUse {
  const Plugin* plugin = nullptr;
  const sq_tasks* tasks = nullptr;               // the plugin's
  void* task = nullptr;                         // from task_open; closed with the plan
  std::string name;                             // "shop.browse"
  std::uint32_t population = 0;
  const Task* scenario_task = nullptr;          // whose step it is; nullptr: on_start, on_stop
  std::string part;                             // which of these
  std::uint32_t failures = 0;                   // series of its failures
};

struct TaskPlan {
  std::uint32_t task = 0;
  Program program;
  std::uint32_t budget = kNone;                 // index into Plan::budgets
};

struct PopulationPlan {
  const PopulationSpec* spec = nullptr;
  std::uint32_t index = 0;
  std::vector<TaskPlan> tasks;
  std::optional<WeightedChoice> choice;
  Program connect, on_start, on_stop;
  std::uint32_t budget = kNone;                 // index into Plan::budgets
  std::uint64_t users = 0;                      // most there can be
  std::uint64_t slot_offset = 0;                // users of the populations before it
  UserShape users_over_time;                    // closed
  RateShape arrivals_over_time;                 // open
  std::optional<ArrivalTrace> trace;            // open: recorded arrivals in place of them
  std::vector<FleetSchedule> schedules;         // fleet: one, or one a task
  std::uint64_t planned = 0;                    // iterations known beforehand (open, fleet); 0: not known
  bool has_end = false;                         // it ends by itself

  /// Of open load, from its begin.
  std::int64_t arrivals_ns() const { return trace ? trace->duration_ns() : arrivals_over_time.duration_ns(); }
};

/// `stop_after`: shared by everything that names it, over all shards.
struct BudgetPlan {
  enum class Unit : std::uint8_t { iterations, requests, bytes } unit = Unit::iterations;
  std::uint64_t total = 0;
  std::string owner;                            // "task feed", "population lake"
  std::uint32_t task = kNone, population = kNone;   // one of them: what ends when it is used up
};

/// A mistake that only binding finds: a plugin refuses a parameter, the engine cannot run a feature yet.
struct PlanError {
  Mark mark;            // in the scenario file; line 0: the whole file
  std::string text;
};

class LateBindings;

/// Where samples of a step are added up; `task` nullptr: those of a part such as on_start.
SeriesKey series_key(const PopulationSpec& population, const Task* task, const std::string& part, const std::string& name,
                     const std::string& operation, const std::string& type, SeriesKind kind,
                     const std::map<std::string, std::string>& tags);
/// The output by whose code an operation is judged, and whether it is, for want of a check on it. `spec`, `op` are set.
void judge_code(BoundOperation& bound);
std::int64_t operation_timeout_ns(const BoundOperation& bound);

class Plan {
 public:
  /// Binds everything. `scenario`, `registry` outlive the plan. Thread: main.
  static std::unique_ptr<Plan> make(const Scenario& scenario, const Registry& registry,
                                    std::vector<PlanError>& errors);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const Scenario& scenario() const { return scenario_; }
  const TargetTable& targets() const { return targets_; }
  const std::vector<ProtocolInstance>& protocols() const { return protocols_; }
  const std::vector<BoundOperation>& operations() const { return operations_; }
  const std::vector<PopulationPlan>& populations() const { return populations_; }
  const std::vector<TaskUse>& task_uses() const { return task_uses_; }
  /// What compiled tasks bind while the run goes on. Thread: any.
  LateBindings& late() const { return *late_; }
  const std::vector<BudgetPlan>& budgets() const { return budgets_; }
  SeriesTable& series() const { return *series_; }
  /// Series of what a plugin reports outside its calls; kNone for a handle that nobody has. Looks texts up for one that
  /// was made after the plan: the caller keeps what it gets. [any]
  std::uint32_t delivery_series(std::uint32_t population, std::uint32_t handle) const;

  /// Warm-up and steady time; kNeverNs when the run ends with its populations.
  std::int64_t horizon_ns() const { return horizon_ns_; }
  static constexpr std::uint64_t kKeptBytes = 1 << 20;   // of an output that somebody may read
  /// Time before run time 0 in which users connect: the longest connect_over.
  std::int64_t connect_ns() const { return connect_ns_; }

 private:
  class Builder;
  explicit Plan(const Scenario& scenario);

  const Scenario& scenario_;
  UserCertificates certificates_;
  TargetTable targets_;
  std::vector<ProtocolInstance> protocols_;
  std::vector<BoundOperation> operations_;
  std::vector<PopulationPlan> populations_;
  std::vector<BudgetPlan> budgets_;
  std::vector<TaskUse> task_uses_;
  std::unique_ptr<LateBindings> late_;
  std::unique_ptr<SeriesTable> series_;
  std::vector<std::vector<std::uint32_t>> delivery_series_;   // by population, handle
  CallMemory statics_;
  std::int64_t horizon_ns_ = 0;
  std::int64_t connect_ns_ = 0;
};

}  // namespace squall
