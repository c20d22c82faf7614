// Populations: who does what, and the shapes of load.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "scenario/decoder.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kMaxUsers = 10'000'000;
constexpr std::string_view kArrivals[] = {"even", "poisson"};
constexpr std::string_view kBusy[] = {"wait", "drop"};
constexpr std::string_view kPhases[] = {"random", "staggered", "aligned"};
constexpr std::string_view kOverruns[] = {"queue", "skip"};
constexpr std::string_view kConnections[] = {"keep", "new"};
constexpr std::string_view kEligible[] = {"each_iteration", "at_user_start"};

}  // namespace

void Decoder::decode_populations(const Node* node) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) return error(*node, fmt::format("'populations' is a map of populations, this is {}", node->kind_name()));
  populations_node_ = *node;
  for (const Node& key : node->keys) {
    PopulationSpec population;
    population.name = key.text;
    population.mark = key.mark;
    const std::size_t index = scenario_.populations.size(), first_made = node->keys.size() - made_roles_.size();
    if (index >= first_made) {
      population.role = made_roles_[index - first_made];
      population.tasks.emplace_back(static_cast<std::uint32_t>(own_tasks() + index - first_made), 1);
    }
    if (const Each& each = each_of(index); !each.name.empty()) {
      population.each_of = each.of;
      population.fixed_records = {{each.dataset, each.row}};
    }
    scenario_.populations.push_back(std::move(population));
  }
  // Which tasks they do comes first: what a population's users keep is known to these tasks.
  for (std::size_t i = 0; i < node->keys.size(); ++i)
    if (const Bound bound(*this, each_of(i)); node->items[i].is_map() && scenario_.populations[i].role == PopulationSpec::Role::users) decode_shares(node->items[i].find("tasks"), scenario_.populations[i], node->keys[i]);
}

void Decoder::decode_shares(const Node* given, PopulationSpec& population, const Node& key) {
  if (given == nullptr) {
    if (own_tasks() == 1) population.tasks.emplace_back(0, 1);
    else error(key, fmt::format("population '{}' needs 'tasks'", population.name), scenario_.tasks.empty() ? std::string() : fmt::format("such as `tasks: {}`", scenario_.tasks[0].name));
    return;
  }
  const Node node = fold(*given, {});
  const auto add = [&](const Node& name, double weight) {
    if (!name.is_scalar()) return error(name, fmt::format("a task's name is a word, this is {}", name.kind_name()));
    const std::uint32_t task = find_task(name);
    if (task == kNone) return;
    for (const auto& [other, share] : population.tasks)
      if (other == task) return error(name, fmt::format("task '{}' stands twice", name.text), "write `tasks: { name: weight }`");
    population.tasks.emplace_back(task, weight);
  };
  if (node.is_scalar()) {
    add(node, 1);
  } else if (node.is_list()) {
    for (const Node& item : node.items) add(item, 1);
  } else if (node.is_map()) {
    for (std::size_t i = 0; i < node.keys.size(); ++i)
      add(node.keys[i], positive(node.items[i], {}, UnitKind::none, fmt::format("the weight of '{}'", node.keys[i].text)).value_or(1));
  }
  if (node.items.empty() && !node.is_scalar()) error(*given, fmt::format("population '{}' has no tasks", population.name));
}

void Decoder::decode_population(const Node& node, PopulationSpec& population, const Node& key) {
  const std::string where = fmt::format("in population '{}'", population.name);
  if (!node.is_map()) return error(node.is_null() ? key : node, fmt::format("population '{}' is a map, this is {}", population.name, node.kind_name()));
  const MapReader map(*this, node, kPopulationKeys, where);
  if (const Node* start = map["start"]) population.start_ns = static_cast<std::int64_t>(std::llround(static_cast<double>(duration(*start, "'start'")) / options_.compress));
  if (const Node* after = map["after"]) {
    std::vector<std::string> others;
    for (std::uint32_t i = 0; i < scenario_.populations.size(); ++i) {
      if (scenario_.populations[i].name == population.name || scenario_.populations[i].role != PopulationSpec::Role::users) continue;
      others.push_back(scenario_.populations[i].name);
      if (scenario_.populations[i].name == after->text) population.after = i;
    }
    if (after->text == population.name) error(*after, "a population cannot come after itself");
    else if (population.after != kNone) after_.emplace_back(static_cast<std::uint32_t>(&population - scenario_.populations.data()), *after);
    else unknown(*after, "population", after->text, others);
  }
  if (const Node* end = map["stop_after"]) population.stop_after = decode_budget(*end);
  if (const Node* sessions = map["sessions"]) population.sessions = whole(*sessions, {}, "'sessions'", 1, kMaxUsers).value_or(0);
  if (const Node* connection = map["connection"]) population.new_connection = word(*connection, "'connection'", kConnections) == 1;
  if (const Node* eligible = map["eligible"]) population.eligible_at_user_start = word(*eligible, "'eligible'", kEligible) == 1;
  if (const Node* background = map["background"]) population.background = boolean(*background, {}, "'background'");
  if (const Node* over = map["connect_over"]) population.connect_over_ns = duration(*over, "'connect_over'");
  if (const Node* given = map["tags"]) population.tags = tags(*given);

  if (const Node* load = map["load"]) decode_load(*load, population);
  else if (!options_.users && !options_.rate && !options_.stages) error(key, fmt::format("population '{}' needs 'load'", population.name), "write `load: { users: 10 }` or `load: { rate: 100/s }`");

  const auto index = static_cast<std::size_t>(&population - scenario_.populations.data());
  const NameScope scope{.locals = &population_locals_[index], .varies = true};
  if (const Node* steps = map["on_start"]) population.on_start = decode_steps(*steps, {scope, where, true});
  if (const Node* steps = map["on_stop"]) population.on_stop = decode_steps(*steps, {scope, where, true});
}

void Decoder::decode_load(const Node& given, PopulationSpec& population) {
  Load& load = population.load;
  const Node node = fold(given, {});
  if (!node.is_map()) {
    if (!(node.is_null() && given.is_scalar())) error(given, fmt::format("'load' is a map, this is {}", node.kind_name()), "write `load: { users: 10 }` or `load: { rate: 100/s }`");
    return;
  }
  const MapReader map(*this, node, kLoadKeys, fmt::format("in the load of '{}'", population.name));
  const Node *users = map["users"], *rate = map["rate"], *stages = map["stages"], *every = map["every"], *trace = map["trace"];
  const bool has_later = std::ranges::any_of(node.keys, [&](const Node& key) {
    return std::ranges::any_of(kLoadKeys, [&](const Key& k) { return k.is_later && k.name == key.text; });
  });
  if (!users && !rate && !stages && !trace && !has_later) error(given, "a load needs 'users', 'rate', 'stages' or 'trace'");
  if (users && rate) error(node.keys[0], "'users' and 'rate' do not go together", "a rate makes its own users, at most `max_users`");
  if (stages && (users || rate)) error(*stages, fmt::format("'stages' and '{}' do not go together", users ? "users" : "rate"));
  if (const Node* other = users ? users : rate ? rate : stages ? stages : every; trace && other)
    return error(*trace, "a 'trace' says when each arrival comes: 'users', 'rate', 'stages' and 'every' do not go with it", "`max_users` limits its users");
  if (every && !users && !has_later) error(*every, "'every' needs 'users': how many devices there are");

  if (users) load.users = static_cast<double>(whole(*users, {}, "'users'", 0, kMaxUsers).value_or(1));
  if (rate) {
    load.model = Load::Model::open;
    load.rate_per_s = positive(*rate, {}, UnitKind::rate, "'rate'").value_or(1);
  }
  if (stages) decode_stages(*stages, load);
  if (trace) decode_trace(*trace, map["time"], map["speed"], load);
  if (every) {
    load.model = Load::Model::fleet;
    decode_every(*every, population);
  }
  // What belongs to one model is a mistake in another: it would be ignored without a word.
  const auto only_for = [&](std::string_view key, Load::Model model, std::string_view needs) -> const Node* {
    const Node* found = map[key];
    if (found == nullptr || load.model == model || has_later) return found;
    const auto at = std::ranges::find(node.keys, key, &Node::text);
    error(*at, fmt::format("'{}' has no meaning without '{}'", key, needs));
    return nullptr;
  };
  if (const Node* ramp = only_for("ramp", Load::Model::closed, "users")) {
    load.ramp_ns = duration(*ramp, "'ramp'");
    if (stages) error(*ramp, "'ramp' and 'stages' do not go together");
  }
  for (const std::string_view key : {"time", "speed"})
    if (const Node* found = map[key]; found && !trace && !has_later) error(*std::ranges::find(node.keys, key, &Node::text), fmt::format("'{}' has no meaning without 'trace'", key));
  if (const Node* arrivals = only_for("arrivals", Load::Model::open, "rate"); arrivals && trace) error(*arrivals, "'arrivals' has no meaning with 'trace', which says when each comes");
  else if (arrivals) load.poisson = word(*arrivals, "'arrivals'", kArrivals) == 1;
  if (const Node* most = only_for("max_users", Load::Model::open, "rate")) load.max_users = whole(*most, {}, "'max_users'", 1, kMaxUsers).value_or(load.max_users);
  if (const Node* busy = only_for("when_busy", Load::Model::open, "rate")) load.drop_when_busy = word(*busy, "'when_busy'", kBusy) == 1;
  if (const Node* jitter = only_for("jitter", Load::Model::fleet, "every")) decode_jitter(*jitter, load);
  if (const Node* phase = only_for("phase", Load::Model::fleet, "every")) load.phase = static_cast<decltype(load.phase)>(word(*phase, "'phase'", kPhases));
  if (const Node* overrun = only_for("overrun", Load::Model::fleet, "every")) load.skip_on_overrun = word(*overrun, "'overrun'", kOverruns) == 1;
  if (const Node* bytes = map["bytes"]) population.bytes_per_s = positive(*bytes, {}, UnitKind::byte_rate, "'bytes'").value_or(0);
  if (const Node* over = map["connect_over"]) population.connect_over_ns = duration(*over, "'connect_over'");
}

void Decoder::decode_every(const Node& given, PopulationSpec& population) {
  Load& load = population.load;
  const NameScope scope{.varies = false};
  const auto above_zero = [&](const DurationSource& source, const Node& at) {
    const auto* fixed = std::get_if<std::int64_t>(&source);
    const auto* drawn = std::get_if<Distribution>(&source);
    const bool is_said = at.is_scalar() && !parse_duration_ns(at.text);
    if ((fixed && *fixed <= 0 && !is_said && !at.is_map()) || (drawn && drawn->highest() <= 0)) error(at, "'every' must be above 0");
  };
  const Node node = fold(given, scope);
  const auto shape = node.is_map() ? value(node, scope) : std::nullopt;
  if (node.is_map() && shape && !is_distribution(*shape)) {  // one clock for each task
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto known = std::ranges::find_if(population.tasks, [&](const auto& share) { return scenario_.tasks[share.first].name == node.keys[i].text; });
      if (known == population.tasks.end()) {
        std::vector<std::string> own;
        for (const auto& [task, weight] : population.tasks) own.push_back(scenario_.tasks[task].name);
        error(node.keys[i], fmt::format("'{}' is neither a task of '{}' nor a distribution", node.keys[i].text, population.name), suggestion("task", node.keys[i].text, own));
        continue;
      }
      DurationSource source = interval(node.items[i], scope, "'every'", /*is_gap=*/true);
      above_zero(source, fold(node.items[i], scope));
      load.every_by_task.emplace_back(known->first, std::move(source));
    }
    for (const auto& [task, weight] : population.tasks)
      if (std::ranges::none_of(load.every_by_task, [&](const auto& clock) { return clock.first == task; }) && load.every_by_task.size() == node.keys.size())
        error(given, fmt::format("'every' says nothing about task '{}'", scenario_.tasks[task].name));
    return;
  }
  DurationSource source = interval(given, scope, "'every'", /*is_gap=*/true);
  above_zero(source, node);
  if (auto* fixed = std::get_if<std::int64_t>(&source)) load.every = *fixed;
  if (auto* drawn = std::get_if<Distribution>(&source)) {
    load.every_fixed = drawn->is_fixed();
    load.every = std::move(*drawn);
  }
}

void Decoder::decode_trace(const Node& given, const Node* time, const Node* speed, Load& load) {
  load.model = Load::Model::open;
  TraceLoad trace;
  trace.mark = given.mark;
  if (speed) trace.speed = positive(*speed, {}, UnitKind::none, "'speed'").value_or(1);
  if (!given.is_scalar()) return error(given, fmt::format("'trace' is a dataset's name, this is {}", given.kind_name()));
  trace.dataset = find_dataset(given);
  if (trace.dataset == kNone) return;
  const Dataset& data = *scenario_.datasets[trace.dataset];
  if (data.pick != Pick::sequential)
    error(given, fmt::format("records of '{}' are picked, and those of a trace come in the order of their times", data.name), "leave out its `pick`, or make another dataset of the file");
  if (said_to_wrap_.contains(trace.dataset))
    error(given, fmt::format("'{}' wraps, and a trace ends with its last record", data.name), "leave out its `on_end`, or make another dataset of the file");
  if (data.columns().empty()) return;   // it could not be read
  const std::string name = time ? text(*time, {}, "'time'") : "time";
  const auto column = data.column(name);
  if (time && !column) return error(*time, fmt::format("dataset '{}' has no column '{}'", data.name, name), suggestion("column", name, data.columns()));
  if (!column) return error(given, fmt::format("'time' must say which column of '{}' has the times", data.name), fmt::format("its columns are {}", fmt::join(data.columns(), ", ")));
  trace.column = *column;
  load.trace = trace;
}

void Decoder::check_traces() {
  for (std::size_t i = 0; i < scenario_.populations.size(); ++i) {
    const PopulationSpec& population = scenario_.populations[i];
    if (!population.load.trace) continue;
    std::set<std::uint32_t> reads = made_by_population_[i].reads;
    const std::set<std::string> done = reached_from(made_by_population_[i].does);
    for (std::size_t task = 0; task < made_by_task_.size(); ++task)
      if (done.contains(scenario_.tasks[task].name)) reads.insert(made_by_task_[task].reads.begin(), made_by_task_[task].reads.end());
    if (reads.contains(population.load.trace->dataset))
      error(population.mark, static_cast<std::uint32_t>(population.name.size()),
            fmt::format("on_start and on_stop of '{}' read '{}', whose records come with arrivals: they have none", population.name, scenario_.datasets[population.load.trace->dataset]->name));
  }
}

void Decoder::decode_jitter(const Node& given, Load& load) {
  Node node = fold(given, {});
  if (!node.is_scalar()) return error(given, fmt::format("'jitter' is a duration or a percentage, this is {}", node.kind_name()));
  if (node.text.starts_with("±")) node.text.erase(0, std::string_view("±").size());
  if (node.text.ends_with('%')) {
    Node number = node;
    number.text.pop_back();
    const double share = quantity(number, {}, UnitKind::none, "'jitter'").value_or(0) / 100;
    if (share < 0 || share > 1) return error(given, fmt::format("'jitter' is 0% to 100%, this is {}", node.text));
    load.jitter_share = share;
    return;
  }
  load.jitter_ns = quantity(node, {}, UnitKind::duration, "'jitter'").value_or(0) / options_.compress;
}

void Decoder::decode_stages(const Node& given, Load& load) {
  const Node node = fold(given, {});
  if (!node.is_list() || node.items.empty()) return error(given, fmt::format("'stages' is a list of stages, this is {}", node.is_list() ? "empty" : node.kind_name()), "write `stages: [ { for: 30s, users: 100 } ]`");
  std::optional<bool> is_open;
  for (const Node& item_given : node.items) {
    const Node item = fold(item_given, {});
    if (!item.is_map()) {
      error(item_given, fmt::format("a stage is a map, this is {}", item.kind_name()), "write `{ for: 30s, users: 100 }`");
      continue;
    }
    const MapReader map(*this, item, kStageKeys, "in a stage");
    Stage stage;
    if (const Node* time = map["for"]) stage.for_ns = duration(*time, "'for'");
    else error(item, "a stage needs 'for'");
    const Node *users = map["users"], *rate = map["rate"];
    if (!users == !rate) {
      error(item, "a stage has either 'users' or 'rate'");
      continue;
    }
    if (is_open && *is_open != (rate != nullptr)) error(item, "stages are all of users or all of rate");
    is_open = rate != nullptr;
    if (users) stage.value = static_cast<double>(whole(*users, {}, "'users'", 0, kMaxUsers).value_or(0));
    else stage.value = quantity(*rate, {}, UnitKind::rate, "'rate'").value_or(0);
    if (const Node* jump = map["jump"]) stage.jump = boolean(*jump, {}, "'jump'");
    load.stages.push_back(stage);
  }
  if (is_open.value_or(false)) load.model = Load::Model::open;
  if (std::ranges::all_of(load.stages, [](const Stage& s) { return s.value == 0; }) && !load.stages.empty())
    error(given, "these stages never have any load");
}

Budget Decoder::decode_budget(const Node& given) {
  Budget budget;
  const Node node = fold(given, {});
  const MapReader map(*this, node, kBudgetKeys, "in 'stop_after'");
  if (const Node* n = map["iterations"]) budget.iterations = whole(*n, {}, "'iterations'", 1).value_or(0);
  if (const Node* n = map["requests"]) budget.requests = whole(*n, {}, "'requests'", 1).value_or(0);
  if (const Node* n = map["bytes"]) budget.bytes = static_cast<std::uint64_t>(positive(*n, {}, UnitKind::size, "'bytes'").value_or(0));
  if (const Node* n = map["time"]) budget.time_ns = static_cast<std::int64_t>(positive(*n, {}, UnitKind::duration, "'time'").value_or(0));
  if (!node.is_map() || node.keys.empty()) error(given, "'stop_after' is a map with iterations, requests, bytes or time");
  return budget;
}

/// `profiles` names groups of populations, and one of them runs. What --only says comes first.
void Decoder::decode_profiles(const Node* profiles, const Node* chosen) {
  only_ = options_.only;
  if (profiles == nullptr || profiles->is_null()) {
    if (chosen) error(*chosen, "'profile' says which of 'profiles' runs, and there are none", "write `profiles: { small: [ visitors ] }`");
    if (options_.profile) option_error(fmt::format("--profile {}: the scenario has no profiles", *options_.profile));
    return;
  }
  if (!profiles->is_map()) return error(*profiles, fmt::format("'profiles' is a map of names and populations, this is {}", profiles->kind_name()));
  const std::string wanted = options_.profile ? *options_.profile : chosen ? text(*chosen, NameScope{.env = true}, "'profile'") : "";
  std::vector<std::string> names, known;
  for (const PopulationSpec& population : scenario_.populations)
    if (population.role == PopulationSpec::Role::users) {
      known.push_back(population.name);
      if (!population.each_of.empty() && std::ranges::find(known, population.each_of) == known.end()) known.push_back(population.each_of);
    }
  bool is_found = false;
  for (std::size_t i = 0; i < profiles->keys.size(); ++i) {
    names.push_back(profiles->keys[i].text);
    const Node given = fold(profiles->items[i], {});
    const std::vector<Node> list = given.is_list() ? given.items : std::vector<Node>{given};
    const bool is_wanted = profiles->keys[i].text == wanted && options_.only.empty();
    is_found = is_found || profiles->keys[i].text == wanted;
    for (const Node& population : list) {
      if (!population.is_scalar()) error(population.mark.line ? population : profiles->keys[i], "a profile is a list of populations");
      else if (std::ranges::find(known, population.text) == known.end()) unknown(population, "population", population.text, known);
      else if (is_wanted) only_.push_back(population.text);
    }
  }
  if (is_found || !options_.only.empty()) return;
  if (options_.profile) option_error(fmt::format("--profile {}: no such profile", wanted), suggestion("profile", wanted, names));
  else if (chosen) unknown(*chosen, "profile", wanted, names);
  else error(profiles->mark, 1, "'profile' must say which of 'profiles' runs", fmt::format("write `profile: {}`, or give --profile", names.empty() ? "NAME" : names[0]));
}

}  // namespace squall
