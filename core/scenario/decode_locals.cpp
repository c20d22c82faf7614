// What steps capture, set and acquire: which names there are, where they are seen, which slots they take.
// Found before any step is decoded, since on_start gives names to tasks and tasks to each other.
#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "scenario/decoder.hpp"

namespace squall {

void Decoder::collect_made(const Node& steps, Made& made) {
  const auto add = [&](const Node& key, const std::string& name, std::uint32_t dataset, bool kept) {
    made.names.try_emplace(name, key, dataset);
    if (kept) made.kept.insert(name);
  };
  for (const Node& step : steps.items) {
    if (!step.is_map()) continue;
    const Node* keep = step.find("keep");
    const bool step_keeps = keep && keep->text == "user";
    for (std::size_t i = 0; i < step.keys.size(); ++i) {
      const std::string& word = step.keys[i].text;
      const Node& what = step.items[i];
      if (word == "capture" || word == "set") {
        for (std::size_t k = 0; k < what.keys.size(); ++k) {
          const Node* inner_keep = what.items[k].find("keep");
          add(what.keys[k], what.keys[k].text, kNone, step_keeps || (inner_keep && inner_keep->text == "user"));
        }
      } else if (word == "acquire" || word == "take") {
        const Node* from = what.is_map() ? what.find("from") : &what;
        const Node* as = what.is_map() ? what.find("as") : nullptr;
        if (from == nullptr || !from->is_scalar()) continue;
        for (std::uint32_t d = 0; d < scenario_.datasets.size(); ++d)
          if (scenario_.datasets[d]->name == from->text) add(as ? *as : *from, as ? as->text : from->text, d, step_keeps);
      } else if (const TaskInfo* compiled = catalog_.task(word)) {
        for (const std::string& name : compiled->sets) add(step.keys[i], name, kNone, step_keeps);
      } else if (word == "do" && what.is_scalar()) {
        made.does.insert(what.text);
      } else if (word == "either") {
        for (const Node& branch : what.items)
          if (const Node* inner = branch.find("steps")) collect_made(*inner, made);
      } else if (word == "steps" || word == "else" || word == "parallel") {
        collect_made(what, made);
      }
    }
  }
}

std::uint32_t Decoder::slot_of(const std::string& name, std::uint32_t dataset) {
  const auto [found, is_new] = slots_.try_emplace({name, dataset}, locals_);
  if (is_new) {
    const std::size_t columns = dataset == kNone ? 1 : scenario_.datasets[dataset]->columns().size();
    locals_ += static_cast<std::uint32_t>(std::max<std::size_t>(columns, 1));
  }
  return found->second;
}

void Decoder::add_locals(const Made& made, bool only_kept, Locals& out) {
  for (const auto& [name, place] : made.names) {
    if (only_kept && !made.kept.contains(name)) continue;
    out.try_emplace(name, Local{slot_of(name, place.second), place.second});
  }
}

void Decoder::collect_names() {
  const std::size_t tasks = scenario_.tasks.size();
  made_by_task_.resize(tasks);
  task_locals_.resize(tasks);
  for (std::size_t i = 0; i < tasks; ++i) collect_made(steps_of_task(tasks_node_.items[i]), made_by_task_[i]);

  // A name must not hide another: two things of one name read the same and mean different records.
  for (const Made& made : made_by_task_)
    for (const auto& [name, place] : made.names) {
      if (is_root(name)) error(place.first, fmt::format("'{}' cannot be a name of yours, templates know it already", name));
      if (vars_.contains(name)) error(place.first, fmt::format("'{}' hides the var of that name", name), "choose another name");
      for (std::uint32_t d = 0; d < scenario_.datasets.size(); ++d)
        if (scenario_.datasets[d]->name == name && d != place.second)
          error(place.first, fmt::format("'{}' hides the dataset of that name", name), "choose another name");
    }

  // Tasks that are done as steps see and are seen: what one captures, the other may use.
  const auto task_named = [&](const std::string& name) -> std::optional<std::size_t> {
    for (std::size_t i = 0; i < tasks; ++i)
      if (scenario_.tasks[i].name == name) return i;
    return std::nullopt;
  };
  std::vector<std::set<std::size_t>> together(tasks);
  for (std::size_t i = 0; i < tasks; ++i) together[i].insert(i);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < tasks; ++i)
      for (const std::string& name : made_by_task_[i].does) {
        const auto other = task_named(name);
        if (!other) continue;
        const std::size_t before = together[i].size() + together[*other].size();
        together[i].insert(together[*other].begin(), together[*other].end());
        together[*other].insert(together[i].begin(), together[i].end());
        changed |= together[i].size() + together[*other].size() != before;
      }
  }
  for (std::size_t i = 0; i < tasks; ++i)
    for (const std::size_t other : together[i]) add_locals(made_by_task_[other], false, task_locals_[i]);

  // What a population's users keep is seen by all their tasks.
  const std::size_t populations = scenario_.populations.size();
  made_by_population_.resize(populations);
  population_locals_.resize(populations);
  for (std::size_t p = 0; p < populations; ++p) {
    const Node& node = populations_node_.items[p];
    for (const char* list : {"on_start", "on_stop"})
      if (const Node* steps = node.find(list)) collect_made(*steps, made_by_population_[p]);
    add_locals(made_by_population_[p], false, population_locals_[p]);
    for (const std::string& name : made_by_population_[p].does)
      if (const auto task = task_named(name)) add_locals(made_by_task_[*task], false, population_locals_[p]);
    for (const auto& [task, weight] : scenario_.populations[p].tasks)
      add_locals(made_by_task_[task], true, population_locals_[p]);
    const Locals kept = population_locals_[p];
    for (const auto& [task, weight] : scenario_.populations[p].tasks)
      for (const std::size_t other : together[task]) task_locals_[other].insert(kept.begin(), kept.end());
  }
  for (const Locals& locals : task_locals_) all_locals_.insert(locals.begin(), locals.end());
  for (const Locals& locals : population_locals_) all_locals_.insert(locals.begin(), locals.end());
}

// ---- lookups

std::uint32_t Decoder::protocol_index(const std::string& name, Mark mark) {
  for (std::uint32_t i = 0; i < scenario_.protocols.size(); ++i)
    if (scenario_.protocols[i].name == name) return i;
  scenario_.protocols.push_back({name, {}, mark});
  return static_cast<std::uint32_t>(scenario_.protocols.size() - 1);
}

std::uint32_t Decoder::find_dataset(const Node& name) {
  for (std::uint32_t i = 0; i < scenario_.datasets.size(); ++i)
    if (scenario_.datasets[i]->name == name.text) return i;
  unknown(name, "dataset", name.text, names_of_datasets());
  return kNone;
}

std::uint32_t Decoder::find_task(const Node& name) {
  for (std::uint32_t i = 0; i < own_tasks(); ++i)
    if (scenario_.tasks[i].name == name.text) return i;
  std::vector<std::string> names = names_of_tasks();
  for (const TaskInfo& compiled : catalog_.tasks) {   // those that a population does are among them already
    if (std::ranges::find(names, compiled.name) == names.end()) names.push_back(compiled.name);
  }
  unknown(name, "task", name.text, names);
  return kNone;
}

namespace {
template <typename List>
std::vector<std::string> names_of(const List& list) {
  std::vector<std::string> names;
  for (const auto& item : list) {
    if constexpr (requires { item->name; }) names.push_back(item->name);
    else names.push_back(item.name);
  }
  return names;
}
}  // namespace

std::vector<std::string> Decoder::names_of_targets() const { return names_of(scenario_.targets); }
std::vector<std::string> Decoder::names_of_datasets() const { return names_of(scenario_.datasets); }
std::vector<std::string> Decoder::names_of_payloads() const { return names_of(scenario_.payloads); }
std::vector<std::string> Decoder::names_of_tasks() const {
  return names_of(std::span(scenario_.tasks).first(own_tasks()));
}

}  // namespace squall
