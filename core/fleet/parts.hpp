// A scenario's whole run: setup, the load, teardown. Setup and teardown are runs of their own, with one user, one
// iteration and the same data; so whatever they do, the load's clock begins at 0 and its statistics are its own.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/plan.hpp"
#include "engine/shared_data.hpp"
#include "fleet/local_run.hpp"
#include "fleet/run_result.hpp"

namespace squall {

class OutputRunner;

struct PartPlan {
  std::unique_ptr<Scenario> scenario;   // of this part alone
  std::unique_ptr<Plan> plan;           // nullptr: the scenario has no such part
};

struct RunPlans {
  /// Binds all parts; mistakes of each stand once in `errors`. `scenario`, `registry` outlive it. Thread: main.
  static std::unique_ptr<RunPlans> make(const Scenario& scenario, const Registry& registry,
                                        std::vector<PlanError>& errors);
  std::unique_ptr<Plan> load;
  PartPlan setup, teardown;
  std::unique_ptr<SharedData> shared;   // what setup leaves behind, datasets' positions, records in users' hands
};

struct PartOptions {
  std::function<LocalRunOptions(const Plan&)> options_of;    // asked as each part begins
  std::function<void(std::string_view part)> on_part;        // setup or teardown begins; may be empty
};

/// The result of the load; of setup, when that did not come to its end: then the load does not begin (108, or 105 after
/// a signal). Teardown runs in any case, but not beside a thread that hangs; its failure is a warning.
/// Outputs get the load alone. Errors: as run_locally(). Thread: main; blocks.
Result<RunResult> run_parts(const RunPlans& plans, const PartOptions& options, OutputRunner* outputs);

}  // namespace squall
