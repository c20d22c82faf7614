// `setup` and `teardown`: steps that one user takes once, before the load and after it. Each becomes a task and a
// population of its own, so that nothing but its time sets it apart; the load does not see them.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "scenario/decoder.hpp"
#include "scenario/node_writer.hpp"

namespace squall {
namespace {

using Role = PopulationSpec::Role;
constexpr std::pair<const char*, Role> kParts[] = {{"setup", Role::setup}, {"teardown", Role::teardown}};

}  // namespace

void Decoder::add_setup(const Node& root, Node& tasks, Node& populations) {
  if (!tasks.is_map() || !populations.is_map()) return;   // which is said elsewhere
  for (const auto& [name, role] : kParts) {
    const Node* given = root.find(name);
    if (given == nullptr || given->is_null()) continue;
    if (!given->is_list()) {
      error(*given, fmt::format("'{}' is a list of steps, this is {}", name, given->kind_name()), "each step begins with '- '");
      continue;
    }
    bool is_taken = false;
    for (const Node* map : {&std::as_const(tasks), &std::as_const(populations)}) {
      for (const Node& key : map->keys) {
        if (key.text != name) continue;
        error(key, fmt::format("'{}' is the name of the scenario's own {}", name, name), "choose another name");
        is_taken = true;
      }
    }
    if (is_taken) continue;
    const NodeWriter write(*given);
    made_roles_.push_back(role);
    tasks.keys.push_back(write.text(name));
    tasks.items.push_back(*given);
    populations.keys.push_back(write.text(name));
    populations.items.push_back(write.map({{"load", write.map({{"users", write.word("1")}})},
                                           {"stop_after", write.map({{"iterations", write.word("1")}})}}));
  }
}

/// What setup keeps, found before any step is decoded.
void Decoder::collect_setup_names() {
  for (const PopulationSpec& population : scenario_.populations) {
    if (population.role != Role::setup) continue;
    setup_task_ = population.tasks.front().first;
    for (const std::string& task : reached_from({population.name})) {
      for (std::size_t i = 0; i < made_by_task_.size(); ++i) {
        if (scenario_.tasks[i].name != task) continue;
        for (const auto& [name, place] : made_by_task_[i].names) {
          if (place.second != kNone || setup_names_.contains(name)) continue;   // a record goes back at the end
          setup_names_[name] = static_cast<std::uint32_t>(scenario_.setup_locals.size());
          scenario_.setup_locals.push_back(slot_of(name, kNone));
        }
      }
    }
  }
}

Result<Reference> Decoder::resolve_setup(const std::string& name, const NameScope& scope, std::string& hint) const {
  if (setup_task_ == kNone) {
    hint = "write `setup:` with the steps that find it out";
    return Error{fmt::format("'setup.{}': the scenario has no setup", name)};
  }
  if (!scope.varies || scope.for_life) {
    hint = "use it in steps and payloads";
    return Error{fmt::format("'setup.{}' cannot stand here: this value is read before setup runs", name)};
  }
  if (reader_ == &made_by_task_[setup_task_]) {
    hint = fmt::format("write ${{{}}}", name);
    return Error{"in setup itself names have no 'setup.' before them"};
  }
  if (const auto found = setup_names_.find(name); found != setup_names_.end()) {
    return Reference{.kind = Reference::Kind::setup, .index = found->second, .column = 0, .value = {}};
  }
  std::vector<std::string> known;
  for (const auto& [one, slot] : setup_names_) known.push_back(one);
  hint = known.empty() ? "a step of setup keeps a value by `capture` or `set`" : suggestion("name", name, known);
  return Error{fmt::format("setup keeps no '{}'", name)};
}

/// Thresholds, --only and profiles are about the load.
std::size_t Decoder::tasks_of_load() const {
  const auto is_apart = [](Role role) { return role == Role::setup || role == Role::teardown; };
  return scenario_.tasks.size() - static_cast<std::size_t>(std::ranges::count_if(made_roles_, is_apart));
}

/// They are decoded with the others, as the last ones, and run apart from them.
void Decoder::move_setup() {
  auto& populations = scenario_.populations;
  while (!populations.empty() && (populations.back().role == Role::setup || populations.back().role == Role::teardown)) {
    auto& place = populations.back().role == Role::setup ? scenario_.setup : scenario_.teardown;
    place = std::move(populations.back());
    populations.pop_back();
  }
}

}  // namespace squall
