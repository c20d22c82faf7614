// Barriers: what a step says of one, and how many users it waits for.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scenario/decoder.hpp"
#include "scenario/walk.hpp"

namespace squall {

void Decoder::decode_barrier(const Node& key, const Node& value, Step& out) {
  BarrierStep step;
  step.timeout_ns = 30'000'000'000;
  BarrierSpec spec;
  spec.mark = key.mark;
  spec.wants_all = true;
  const MapReader map(*this, value, kBarrierKeys, "in 'barrier'");
  if (value.is_scalar()) spec.name = value.text;
  else if (const Node* name = map["name"]) spec.name = text(*name, {}, "'name'");
  if (spec.name.empty()) return error(key, "'barrier' needs a name", "write `barrier: start`, or `barrier: { name: start, users: 10 }`");
  if (const Node* users = map["users"]; users && users->text != "all") {
    spec.wants_all = false;
    spec.users = whole(*users, {}, "'users'", 1).value_or(1);
  }
  if (const Node* timeout = map["timeout"]) step.timeout_ns = static_cast<std::int64_t>(positive(*timeout, {}, UnitKind::duration, "'timeout'").value_or(0));
  const auto same = std::ranges::find(scenario_.barriers, spec.name, &BarrierSpec::name);
  step.barrier = static_cast<std::uint32_t>(same - scenario_.barriers.begin());
  if (same == scenario_.barriers.end()) scenario_.barriers.push_back(spec);
  else if (same->wants_all != spec.wants_all || same->users != spec.users)
    error(key, fmt::format("barrier '{}' waits for others in line {}", spec.name, same->mark.line), "say the same number of users");
  out.what = step;
}

void Decoder::count_barriers() {
  for (PopulationSpec& population : scenario_.populations) {
    std::set<std::uint32_t> barriers;
    const auto look = [&](const Step& step) {
      if (const auto* barrier = std::get_if<BarrierStep>(&step.what)) barriers.insert(barrier->barrier);
    };
    for (const auto& [task, weight] : population.tasks) walk_steps(scenario_.tasks[task].steps, scenario_.tasks, look);
    walk_steps(population.on_start, scenario_.tasks, look);
    for (const std::uint32_t index : barriers) {
      BarrierSpec& barrier = scenario_.barriers[index];
      if (!barrier.wants_all) continue;
      if (population.load.model == Load::Model::open || !population.load.stages.empty()) {
        error(barrier.mark, 1, fmt::format("barrier '{}' waits for all users of population '{}', and how many these are changes", barrier.name, population.name),
              "say how many: `users: 10`");
        continue;
      }
      barrier.users += static_cast<std::uint64_t>(population.load.users);
      population.barriers.push_back(index);
    }
  }
}

}  // namespace squall
