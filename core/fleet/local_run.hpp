// A run on this machine: a controller on the control thread (Asio), and one agent whose shards are threads.
// The bus between them is in this process: messages to the controller are posted to its io_context,
// messages to a shard to its loop. Signals, the one-second tick and DNS live on the control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/plan.hpp"
#include "engine/shared_data.hpp"
#include "fleet/controller.hpp"
#include "fleet/run_result.hpp"

namespace squall {

class TrafficObserver;
class UserObserver;

struct LocalRunOptions {
  std::uint32_t shards = 1;
  bool pin_threads = true;                  // one core a shard, where there are enough
  bool checks_plugins = false;              // said in the result: such a run is slower
  ControllerOptions controller;
  UserObserver* observer = nullptr;         // with one shard only; called on its thread
  TrafficObserver* traffic = nullptr;
  /// Called once a second on the control thread with the newest statistics.
  std::function<void(Controller&, std::int64_t run_time_ns)> on_tick;
};

class OutputRunner;

/// Runs to the end and returns the result. SIGINT and SIGTERM stop it: once politely, twice at once.
/// A shard that stands still for half a minute is given up: `is_abandoned`, and the thread lives on with the plan.
/// `shared` is made for the plan's scenario, or for one that it is a part of. `outputs` may be nullptr. Errors: one line when the run could not begin (exit code in facts: 109).
/// Thread: main; blocks.
Result<RunResult> run_locally(const Plan& plan, SharedData& shared, LocalRunOptions options, OutputRunner* outputs);

}  // namespace squall
