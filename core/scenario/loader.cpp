#include "scenario/loader.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "scenario/decoder.hpp"
#include "scenario/files.hpp"
#include "scenario/include.hpp"
#include "scenario/walk.hpp"
#include "stats/threshold.hpp"

namespace squall {

bool ParamValue::is_constant() const {
  if (payload != kNone || std::holds_alternative<Distribution>(leaf)) return false;
  if (const auto* hole = std::get_if<Template>(&leaf); hole && !hole->is_constant()) return false;
  return std::ranges::all_of(children, [](const auto& child) { return child.second.is_constant(); });
}

Decoder::Decoder(std::vector<std::string> files, std::string folder, const OperationCatalog& catalog,
                 const LoadOptions& options, Diagnostics& diagnostics)
    : files_(std::move(files)), folder_(std::move(folder)), catalog_(catalog), options_(options), diagnostics_(diagnostics) {}

void Decoder::decode(const Node& root) {
  scenario_.file = files_.front();
  scenario_.files = files_;
  scenario_.name = std::filesystem::path(scenario_.file).stem().string();
  if (!root.is_map()) {
    if (root.is_null()) error({1, 1}, 1, "the file is empty", "a scenario has targets, tasks and populations");
    else error(root, fmt::format("a scenario is a map of keys, this is {}", root.kind_name()), "it has targets, tasks and populations");
    return;
  }
  const MapReader map(*this, root, kScenarioKeys, "at the top of a scenario");
  decode_vars(map["vars"]);
  if (const Node* name = map["scenario"]) scenario_.name = text(*name, {}, "'scenario'");
  if (const Node* description = map["description"]) scenario_.description = text(*description, {}, "'description'");
  if (const Node* seed = map["seed"]) scenario_.seed = whole(*seed, {}, "'seed'").value_or(0);
  Node tasks = map["tasks"] ? *map["tasks"] : Node{}, populations = map["populations"] ? *map["populations"] : Node{};
  add_compiled_tasks(tasks, populations);
  if (tasks.is_null() && !map["tasks"]) error(root.mark, 1, "a scenario needs 'tasks'");
  if (!map["populations"]) error(root.mark, 1, "a scenario needs 'populations'");

  // Names first, then what uses them.
  decode_data(map["data"]);
  population_each_ = expand_for_each(populations, "population");
  add_probes(map["probes"], tasks, populations);
  add_setup(root, tasks, populations);
  decode_tasks(&tasks);
  decode_populations(map["populations"] ? &populations : nullptr);
  collect_names();
  collect_setup_names();
  decode_targets(map["targets"]);
  decode_plugins(map["plugins"]);
  decode_payloads(map["payloads"]);
  for (std::size_t i = 0; i < scenario_.tasks.size(); ++i) {
    reader_ = &made_by_task_[i];
    decode_task(tasks_node_.items[i], scenario_.tasks[i]);
  }
  for (std::size_t i = 0; i < scenario_.populations.size(); ++i) {
    reader_ = &made_by_population_[i];
    const Bound bound(*this, each_of(i));
    decode_population(populations_node_.items[i], scenario_.populations[i], populations_node_.keys[i]);
  }
  reader_ = nullptr;
  hand_names_to_compiled();
  check_circles();
  check_traces();
  check_for_each();
  move_setup();
  add_folder_options();
  decode_profiles(map["profiles"], map["profile"]);
  decode_run(map["run"]);
  decode_outputs(map["outputs"]);
  apply_options();
  count_barriers();
  decode_thresholds(map["thresholds"]);
  if (!diagnostics_.has_errors()) warn_about_records();
  const auto give_slots = [&](PopulationSpec& population) {
    population.locals = locals_;
    population.states = states_;
  };
  std::ranges::for_each(scenario_.populations, give_slots);
  for (auto* part : {&scenario_.setup, &scenario_.teardown})
    if (*part) give_slots(**part);
}

/// A plugin that takes a `directory` begins relative paths there: the scenario's own, when nothing is said.
void Decoder::add_folder_options() {
  for (ProtocolSpec& protocol : scenario_.protocols) {
    const ProtocolInfo* info = catalog_.protocol(protocol.name);
    const bool takes = info && std::ranges::find(info->options, "directory", &ParamInfo::name) != info->options.end();
    const bool is_given = std::ranges::any_of(protocol.options, [](const auto& option) { return option.first == "directory"; });
    if (!takes || is_given) continue;
    std::error_code failed;
    const auto folder = std::filesystem::absolute(folder_.empty() ? "." : folder_, failed);
    protocol.options.emplace_back("directory", Value{folder.lexically_normal().string()});
  }
}

/// `tasks`, and whatever they do as steps.
std::set<std::string> Decoder::reached_from(const std::set<std::string>& tasks) const {
  std::set<std::string> reached;
  std::vector<std::string> open(tasks.begin(), tasks.end());
  while (!open.empty()) {
    const std::string name = open.back();
    open.pop_back();
    if (!reached.insert(name).second) continue;
    for (std::size_t i = 0; i < made_by_task_.size(); ++i)
      if (scenario_.tasks[i].name == name) open.insert(open.end(), made_by_task_[i].does.begin(), made_by_task_[i].does.end());
  }
  return reached;
}

std::set<std::uint32_t> Decoder::datasets_read_by(std::size_t population) const {
  std::set<std::string> tasks = made_by_population_[population].does;
  for (const auto& [task, weight] : scenario_.populations[population].tasks) tasks.insert(scenario_.tasks[task].name);
  tasks = reached_from(tasks);
  std::set<std::uint32_t> datasets = made_by_population_[population].reads;
  for (std::size_t i = 0; i < made_by_task_.size(); ++i)
    if (tasks.contains(scenario_.tasks[i].name)) datasets.insert(made_by_task_[i].reads.begin(), made_by_task_[i].reads.end());
  return datasets;
}

/// `do` unrolls: a task that comes back to itself would never end, nor would the loader's followers.
void Decoder::check_circles() {
  for (std::size_t start = 0; start < made_by_task_.size(); ++start) {
    const Task& task = scenario_.tasks[start];
    if (reached_from(made_by_task_[start].does).contains(task.name))
      error(task.mark, static_cast<std::uint32_t>(task.name.size()), fmt::format("task '{}' does itself, over `do`", task.name));
  }
  for (const auto& [population, place] : after_) {
    std::uint32_t next = scenario_.populations[population].after;
    for (std::size_t hops = 0; next != kNone && hops < scenario_.populations.size(); ++hops) {
      if (next == population) {
        error(place, fmt::format("population '{}' waits for itself, over `after`", scenario_.populations[population].name));
        break;
      }
      next = scenario_.populations[next].after;
    }
  }
}

namespace {

void add_sample_names(const Steps& steps, const std::vector<BarrierSpec>& barriers, std::vector<std::string>& names) {
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  walk_steps(steps, {}, [&](const Step& step) {   // what is done by `do` has its names from its own task
    if (const auto* s = std::get_if<OperationStep>(&step.what)) add(s->name);
    if (const auto* s = std::get_if<GroupStep>(&step.what)) add(s->name);
    if (const auto* s = std::get_if<UntilStep>(&step.what)) add(s->name);
    if (const auto* s = std::get_if<BarrierStep>(&step.what); s && s->barrier < barriers.size()) add(barriers[s->barrier].name);
  });
}

void add_written_names(const Node& node, std::vector<std::string>& names) {
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (node.is_map() && node.keys[i].text == "name" && item.is_scalar() && std::ranges::find(names, item.text) == names.end())
      names.push_back(item.text);
    add_written_names(item, names);
  }
}

}  // namespace

/// What thresholds may name: of the whole scenario, or of what --only or the profile leaves.
ThresholdNames Decoder::threshold_names(bool is_whole) const {
  ThresholdNames names;
  names.has_late_steps = has_compiled_;
  for (const MetricSpec& metric : scenario_.metrics) {
    names.metrics.push_back({metric.name, metric.unit, metric.is_probe});
  }
  for (const Task& task : std::span(scenario_.tasks).first(tasks_of_load())) {
    if (!is_whole && !kept_tasks_.contains(task.name)) continue;
    names.tasks.push_back(task.name);
    add_sample_names(task.steps, scenario_.barriers, names.steps);
  }
  for (const PopulationSpec& population : scenario_.populations) {
    names.populations.push_back(population.name);
    add_sample_names(population.on_start, scenario_.barriers, names.steps);
    add_sample_names(population.on_stop, scenario_.barriers, names.steps);
  }
  return names;
}

void Decoder::decode_thresholds(const Node* given) {
  if (given == nullptr || given->is_null()) return;
  const Node node = fold(*given, {});
  if (!node.is_list()) return error(node, fmt::format("'thresholds' is a list of rules, this is {}", node.kind_name()), "write `thresholds: [ p99(page) < 250ms ]`");
  ThresholdNames names = threshold_names(/*is_whole=*/only_.empty());
  if (diagnostics_.has_errors()) {  // a step that was dropped for its mistakes still has its name
    add_written_names(tasks_node_, names.steps);
    add_written_names(populations_node_, names.steps);
  }
  for (const Node& item_given : node.items) {
    const Node item = fold(item_given, {});
    if (!item.is_scalar()) {
      if (!(item.is_null() && item_given.is_scalar())) error(item_given, fmt::format("a threshold is one rule, this is {}", item.kind_name()), "write p99(page) < 250ms");
      continue;
    }
    const auto complain = [&](const ThresholdError& mistake) {
      Node at = item;
      at.mark.column += static_cast<std::uint32_t>(mistake.offset) + (item.quoted ? 1 : 0);
      at.length = static_cast<std::uint32_t>(item.text.size() - std::min(mistake.offset, item.text.size()));
      error(at, mistake.message, mistake.hint);
    };
    auto parsed = parse_threshold(item.text);
    if (const auto* mistake = std::get_if<ThresholdError>(&parsed)) {
      complain(*mistake);
      continue;
    }
    if (const auto mistake = resolve_threshold(std::get<Threshold>(parsed), names)) {
      if (options_.once) continue;
      ThresholdNames all = threshold_names(/*is_whole=*/true);
      for (const Node& key : populations_node_.keys) all.populations.push_back(key.text);
      add_written_names(populations_node_, all.steps);
      if (auto whole = std::get<Threshold>(parsed); !only_.empty() && !resolve_threshold(whole, all)) {
        warn(item.mark, fmt::format("'{}' is not judged: what it names does not run", item.text));
        continue;
      }
      complain(*mistake);
    }
    scenario_.thresholds.push_back({item.text, item.mark});
  }
}

LoadResult load_scenario_text(std::string text, const std::string& name, const std::string& folder,
                              const OperationCatalog& catalog, const LoadOptions& options) {
  LoadResult result;
  Node root = parse_yaml(text, name, result.diagnostics);
  const bool is_readable = !(root.is_null() && result.diagnostics.has_errors());
  if (is_readable) {
    std::vector<std::string> files{name};
    include_files(root, folder, files, result.diagnostics);
    Decoder decoder(std::move(files), folder, catalog, options, result.diagnostics);
    decoder.decode(root);
    if (!result.diagnostics.has_errors()) result.scenario = std::make_unique<Scenario>(decoder.take());
  }
  return result;
}

LoadResult load_scenario(const std::string& path, const OperationCatalog& catalog, const LoadOptions& options) {
  auto text = read_text(path);
  if (!text) {
    LoadResult result;
    result.diagnostics.add({path, 0, 0, 1, text.error().text, {}});
    return result;
  }
  return load_scenario_text(std::move(*text), path, std::filesystem::path(path).parent_path().string(), catalog, options);
}

std::vector<PluginLibrary> plugin_libraries(const std::string& path) {
  std::vector<PluginLibrary> libraries;
  const auto text = read_text(path);
  if (!text) return libraries;
  Diagnostics ignored;
  const Node root = parse_yaml(*text, path, ignored);
  const Node* plugins = root.find("plugins");
  if (plugins == nullptr || !plugins->is_map()) return libraries;
  for (const Node& options : plugins->items)
    if (const Node* library = options.find("library"); library && library->is_scalar()) libraries.push_back({library->text, library->mark});
  return libraries;
}

}  // namespace squall
