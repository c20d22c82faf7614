// What the command line changes in a decoded scenario: --only, --users, --rate, --stage, --iterations,
// --seed, --scale; --compress multiplies rates here (intervals were divided where they were read).
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "payload/number_text.hpp"
#include "scenario/decoder.hpp"
#include "scenario/walk.hpp"

namespace squall {
namespace {


/// "10s:100,1m:100" as k6 writes stages; with a unit behind the number they are rates.
std::optional<std::string> parse_stages(const std::string& text, Load& load) {
  std::vector<Stage> stages;
  std::optional<bool> is_open;
  std::string_view rest = text;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find(','));
    const std::size_t colon = part.find(':');
    if (colon == part.npos) return fmt::format("'{}' is not a stage (write 10s:100)", part);
    const auto time = parse_duration_ns(part.substr(0, colon));
    if (!time) return time.error().text;
    const std::string_view number = part.substr(colon + 1);
    const bool open = number.find('/') != number.npos;
    if (is_open && *is_open != open) return "stages are all of users or all of rate";
    is_open = open;
    const auto value = parse_quantity(number, open ? UnitKind::rate : UnitKind::none);
    if (!value) return value.error().text;
    if (*value < 0) return fmt::format("'{}' is negative", number);
    stages.push_back({*time, *value, false});
    if (part.size() == rest.size()) break;
    rest.remove_prefix(part.size() + 1);
  }
  Load replaced;
  replaced.model = *is_open ? Load::Model::open : Load::Model::closed;
  replaced.stages = std::move(stages);
  replaced.max_users = load.max_users;
  load = std::move(replaced);
  return std::nullopt;
}

}  // namespace

bool Decoder::keep_only() {
  if (only_.empty()) return true;
  auto& populations = scenario_.populations;
  std::set<std::uint32_t> kept;
  for (const std::string& name : only_) {
    bool found = false;
    for (std::uint32_t p = 0; p < populations.size(); ++p)
      if (populations[p].name == name || populations[p].each_of == name) {
        kept.insert(p);
        found = true;
      }
    if (found) continue;
    for (std::uint32_t p = 0; p < populations.size(); ++p) {  // a task: everyone who does it, and does only that
      const auto share = std::ranges::find_if(populations[p].tasks, [&](const auto& s) { return scenario_.tasks[s.first].name == name; });
      if (share == populations[p].tasks.end()) continue;
      const auto only = *share;
      populations[p].tasks = {only};
      std::erase_if(populations[p].load.every_by_task, [&](const auto& clock) { return clock.first != only.first; });
      kept.insert(p);
      found = true;
    }
    if (!found) {
      std::vector<std::string> known = names_of_tasks();
      for (const PopulationSpec& population : populations) known.push_back(population.name);
      const bool is_idle_task = std::ranges::find(known, name) != known.end();
      option_error(fmt::format("{} {}: {}", options_.once ? "--once" : "--only", name,
                               is_idle_task ? "no population does this task" : "no population or task of that name"),
                   is_idle_task ? "" : suggestion("population", name, known));
      return false;
    }
  }
  for (std::uint32_t p = 0; p < populations.size(); ++p)
    if (populations[p].role == PopulationSpec::Role::probe) kept.insert(p);
  for (const std::uint32_t p : kept) {
    std::set<std::string> done = made_by_population_[p].does;
    for (const auto& [task, weight] : populations[p].tasks) done.insert(scenario_.tasks[task].name);
    kept_tasks_.merge(reached_from(done));
  }
  std::vector<std::uint32_t> moved(populations.size(), kNone);
  std::vector<PopulationSpec> left;
  for (const std::uint32_t p : kept) {
    moved[p] = static_cast<std::uint32_t>(left.size());
    left.push_back(std::move(populations[p]));
  }
  for (PopulationSpec& population : left)
    if (population.after != kNone) population.after = moved[population.after];
  populations = std::move(left);
  return true;
}

void Decoder::apply_options() {
  if (options_.seed) scenario_.seed = *options_.seed;
  if (!(options_.scale > 0) || !std::isfinite(options_.scale)) option_error("--scale must be above 0");
  if (!(options_.compress > 0) || !std::isfinite(options_.compress)) option_error("--compress must be above 0");
  if (!keep_only()) return;

  const bool shapes = options_.users || options_.rate || options_.stages || options_.iterations;
  std::vector<std::string> names;
  for (const PopulationSpec& population : scenario_.populations)
    if (population.role == PopulationSpec::Role::users) names.push_back(population.name);
  if (shapes && names.size() != 1) {
    const char* flag = options_.users ? "--users" : options_.rate ? "--rate" : options_.stages ? "--stage" : "--iterations";
    option_error(fmt::format("{} is about one population, and this scenario has {}", flag, names.size()),
                 fmt::format("choose one with --only ({}), or multiply all with --scale", fmt::join(names, ", ")));
    return;
  }
  if (shapes) {
    PopulationSpec& population = scenario_.populations[0];
    Load& load = population.load;
    if (options_.stages)
      if (auto mistake = parse_stages(*options_.stages, load)) option_error("--stage: " + *mistake);
    if (options_.rate) {
      const auto rate = parse_rate_per_s(*options_.rate);
      if (!rate) option_error("--rate: " + rate.error().text);
      else if (*rate <= 0) option_error("--rate must be above 0");
      const bool was_open = load.model == Load::Model::open;
      if (!was_open) load = Load{};
      load.model = Load::Model::open;
      load.stages.clear();
      load.trace.reset();
      load.rate_per_s = rate ? *rate : 1;
    }
    if (options_.users) {
      Number number;
      if (!parse_number(*options_.users, number) || !number.is_whole || number.whole < 1)
        option_error(fmt::format("--users is a whole number above 0, this is '{}'", *options_.users));
      else if (load.model == Load::Model::open) load.max_users = static_cast<std::uint64_t>(number.whole);
      else {
        load.users = static_cast<double>(number.whole);
        load.stages.clear();
      }
    }
    if (options_.iterations) population.stop_after.iterations = *options_.iterations;
  }
  scale();
}

void Decoder::scale() {
  const double x = options_.scale, k = options_.compress;
  for (PopulationSpec& population : scenario_.populations) {
    Load& load = population.load;
    if (population.role == PopulationSpec::Role::probe) {   // it looks at the target as often as before
      if (auto* every = std::get_if<std::int64_t>(&load.every)) *every = std::llround(static_cast<double>(*every) * k);
      continue;
    }
    if (load.trace && x != 1) {
      option_error(fmt::format("--scale: population '{}' replays a trace, whose arrivals are as many as they were", population.name),
                   "`speed` and --compress make it denser");
      continue;
    }
    const auto count = [&](double n) { return n > 0 ? std::max(1.0, std::round(n * x)) : 0.0; };  // nobody vanishes
    if (x != 1) {
      load.users = count(load.users);
      load.rate_per_s *= x;
      for (Stage& stage : load.stages) stage.value *= x;
      if (population.sessions) population.sessions = static_cast<std::uint64_t>(count(static_cast<double>(population.sessions)));
      population.bytes_per_s *= x;
      if (x > 1 && load.model == Load::Model::open) load.max_users = static_cast<std::uint64_t>(std::ceil(static_cast<double>(load.max_users) * x));
    }
    if (load.model == Load::Model::open) {
      load.rate_per_s *= k;
      if (load.trace) load.trace->speed *= k;
      for (Stage& stage : load.stages) stage.value *= k;
    }
  }
}

namespace {

std::set<std::uint32_t> acquired_by(const Steps& steps, const std::vector<Task>& tasks) {
  std::set<std::uint32_t> datasets;
  walk_steps(steps, tasks, [&](const Step& step) {
    if (const auto* acquire = std::get_if<AcquireStep>(&step.what)) datasets.insert(acquire->dataset);
  });
  return datasets;
}

double peak_users(const Load& load) {
  double users = load.users;
  if (load.model != Load::Model::open)
    for (const Stage& stage : load.stages) users = std::max(users, stage.value);
  return users;
}

}  // namespace

void Decoder::warn_about_records() {
  for (const PopulationSpec& population : scenario_.populations) {
    const double users = peak_users(population.load);
    std::set<std::uint32_t> acquired;   // by on_start, or by each task: a user with another one does that meanwhile
    for (std::size_t i = 0; i < population.tasks.size(); ++i) {
      std::set<std::uint32_t> by_task = acquired_by(scenario_.tasks[population.tasks[i].first].steps, scenario_.tasks);
      if (i == 0) acquired = std::move(by_task);
      else std::erase_if(acquired, [&](std::uint32_t dataset) { return !by_task.contains(dataset); });
    }
    acquired.merge(acquired_by(population.on_start, scenario_.tasks));
    for (const std::uint32_t dataset : acquired) {
      if (dataset >= scenario_.datasets.size()) continue;
      const Dataset& data = *scenario_.datasets[dataset];
      if (users > static_cast<double>(data.size()))
        warn(population.mark, fmt::format("population '{}' has {} users, dataset '{}' only {} exclusive records: some users always wait", population.name, users, data.name, data.size()));
    }
    if (!only_.empty()) continue;   // what --only left out has no index any more
    for (const std::uint32_t dataset : datasets_read_by(static_cast<std::size_t>(&population - scenario_.populations.data()))) {
      const Dataset& data = *scenario_.datasets[dataset];
      if (data.pick != Pick::per_user || data.on_end != OnEnd::wrap || users <= static_cast<double>(data.size())) continue;
      warn(population.mark,
           fmt::format("population '{}' has {} users, dataset '{}' only {} records: some users have the same", population.name, users, data.name, data.size()),
           "`on_end: fail` fails those who find none");
    }
  }
  for (const auto& task : scenario_.tasks) {
    const auto index = static_cast<std::uint32_t>(&task - scenario_.tasks.data());
    if (index >= own_tasks()) break;
    const bool is_used = std::ranges::any_of(scenario_.populations, [&](const PopulationSpec& p) {
                           return std::ranges::any_of(p.tasks, [&](const auto& share) { return share.first == index; });
                         }) ||
                         std::ranges::any_of(made_by_task_, [&](const Made& m) { return m.does.contains(task.name); }) ||
                         std::ranges::any_of(made_by_population_, [&](const Made& m) { return m.does.contains(task.name); });
    if (!is_used && only_.empty()) warn(task.mark, fmt::format("no population does task '{}'", task.name));
  }
}

}  // namespace squall
