// A whole run in virtual time: controller and shards in one thread, no socket, no sleep, and a scripted
// protocol plugin whose operation ends when a function of its start time says so.
#pragma once

#include <squall/abi.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/host_api.hpp"
#include "engine/loop.hpp"
#include "engine/plan.hpp"
#include "engine/shard.hpp"
#include "fleet/controller.hpp"
#include "plugin_host/extensions.hpp"
#include "plugin_host/registry.hpp"

namespace squall::testing {

/// How one scripted operation ends. Times are the loop's clock.
struct ScriptedEnd {
  std::uint64_t end_ns = 0;
  std::uint32_t outcome = SQ_OUT_OK;
  std::uint32_t kind = SQ_K_NONE;
  std::int32_t code = 0;
};

/// What the plugin does; set by a test before its run, empty: every operation takes no time.
struct Script {
  std::function<ScriptedEnd(std::uint64_t session, std::uint32_t op, std::uint64_t start_ns)> on_start;
  std::string delivery;               // each call records and counts in a series of that name, made when it comes to it
  std::uint64_t started[4] = {};      // calls begun by operation
  std::uint64_t sessions_open = 0, sessions_opened = 0;
  std::uint64_t released = 0;
  std::uint64_t beside = 0;           // calls that were told to be made side by side
  std::uint64_t shards_opened = 0;
  std::uint64_t shards_at_most = UINT64_MAX;   // the next one cannot be opened
};
Script& script();

/// Files of further plugins of the runs to come.
std::vector<std::string>& more_plugins();

/// Protocol "script" with the operations do, login, logout, other.
const Plugin& scripted_plugin();

/// Knows every name as the first of its kind: column 0 of dataset 0, the variable in slot 0 …
struct EveryName final : Names {
  explicit EveryName(Reference::Kind kind) : kind(kind) {}
  const Reference::Kind kind;
  Result<Reference> resolve(std::string_view) override {
    Reference reference;
    reference.kind = kind;
    return reference;
  }
  std::uint32_t add_state(std::string_view) override { return 0; }
};

/// A scenario to fill in: protocol "script", no targets.
struct ScenarioBuilder {
  Scenario scenario;
  ScenarioBuilder();
  /// A task of operations by index; returns the task's index.
  std::uint32_t task(std::string name, std::vector<std::uint32_t> operations);
  /// The only user does these steps so often, as task 0.
  PopulationSpec& one_user(Steps steps, std::uint64_t iterations);
  Step operation(std::uint32_t op, std::string name) const;
  static Step wait(std::int64_t ns);
  PopulationSpec& population(std::string name, std::vector<std::pair<std::uint32_t, double>> tasks);
  /// The same with open load.
  PopulationSpec& arrivals(std::string name, std::vector<std::pair<std::uint32_t, double>> tasks, double rate_per_s);
};

class VirtualRun final : public ShardLink {
 public:
  explicit VirtualRun(const Scenario& scenario, std::uint32_t shards = 1,
                      std::vector<std::string> thresholds = {});
  ~VirtualRun() override;

  /// Calls `what` at a run time, from outside the shards (as a signal would come).
  void at(std::int64_t run_time_ns, std::function<void(VirtualRun&)> what);
  RunResult run();

  /// Grants of budgets reach their shard only so much later.
  void delay_grants(std::uint64_t ns) { grant_delay_ns_ = ns; }

  Controller& controller() { return *controller_; }
  const std::vector<PlanError>& errors() const { return errors_; }

  void grant(std::uint32_t shard, std::uint32_t budget, const BudgetGrant& grant) override;
  void stop(std::uint32_t shard, std::int64_t drain_ns, std::int64_t grace_ns) override;
  void begin_population(std::uint32_t shard, std::uint32_t population) override;

 private:
  static constexpr std::uint64_t kZeroNs = 1'000'000'000'000;

  Extensions extensions_;
  Registry registry_;
  std::vector<PlanError> errors_;
  std::unique_ptr<Plan> plan_;
  SlotTable slots_;
  SharedData shared_;
  std::unique_ptr<Controller> controller_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::multimap<std::uint64_t, std::function<void(VirtualRun&)>> events_;
  std::uint64_t now_ns_ = 0, grant_delay_ns_ = 0;
};

/// Value of quantile q of a series by its step name, in ns; main phase.
const SeriesTotals& series_named(const RunResult& result, std::string_view name);

}  // namespace squall::testing
