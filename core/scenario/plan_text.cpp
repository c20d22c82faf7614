// The plan in words: what a run would do, before it does it.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "payload/units.hpp"
#include "scenario/loader.hpp"

namespace squall {
namespace {

std::string count_text(double n) { return n == std::floor(n) ? fmt::format("{:.0f}", n) : fmt::format("{:.1f}", n); }

std::string source_text(const DurationSource& source) {
  if (const auto* fixed = std::get_if<std::int64_t>(&source)) return format_duration(*fixed);
  if (const auto* drawn = std::get_if<Distribution>(&source)) return fmt::format("{} on average", format_duration(std::llround(drawn->mean())));
  return "a time of its own";
}

std::string load_text(const Scenario& scenario, const PopulationSpec& population) {
  const Load& load = population.load;
  double peak = load.model == Load::Model::open ? load.rate_per_s : load.users;
  for (const Stage& stage : load.stages) peak = std::max(peak, stage.value);
  std::string text;
  switch (load.model) {
    case Load::Model::closed: text = fmt::format("{} users in a loop", count_text(peak)); break;
    case Load::Model::open:
      if (load.trace) text = fmt::format("the arrivals of {} at {} × their pace", scenario.datasets[load.trace->dataset]->name, load.trace->speed);
      else text = fmt::format("{}{}", format_rate(peak), load.poisson ? ", poisson" : "");
      break;
    case Load::Model::fleet:
      text = fmt::format("{} users", count_text(load.users));
      if (const auto* fixed = std::get_if<std::int64_t>(&load.every)) text += ", each every " + format_duration(*fixed);
      if (const auto* drawn = std::get_if<Distribution>(&load.every)) text += ", each every " + source_text(*drawn);
      break;
  }
  if (!load.stages.empty()) text += fmt::format(" at most, {} stages", load.stages.size());
  if (population.start_ns > 0) text += fmt::format(", from {}", format_duration(population.start_ns));
  if (population.sessions > 0) text += fmt::format(", {} sessions", population.sessions);
  return text;
}

std::string budget_text(const Budget& budget) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : " or ") + part; };
  if (budget.iterations) add(fmt::format("{} iterations", budget.iterations));
  if (budget.requests) add(fmt::format("{} requests", budget.requests));
  if (budget.bytes) add(format_size(static_cast<double>(budget.bytes)));
  if (budget.time_ns) add(format_duration(budget.time_ns));
  return text;
}

/// What is known of the number of iterations: exactly, or on average when arrivals are drawn.
std::string planned_text(const PopulationSpec& population, const RunSpec& run, const PlannedLoad& planned) {
  const Load& load = population.load;
  const std::int64_t time_ns = run.warmup_ns + run.for_ns - population.start_ns;
  std::string text;
  if (planned.iterations > 0) {
    text = fmt::format(": {} iterations", planned.iterations);
    if (planned.replay_ns > 0) text += fmt::format(" in {}", format_duration(planned.replay_ns));
  } else if (load.model == Load::Model::open && load.poisson && run.for_ns > 0 && load.stages.empty() && time_ns > 0) {
    text = fmt::format(": about {:.0f} iterations", load.rate_per_s * static_cast<double>(time_ns) / 1e9);
  }
  if (const std::string end = budget_text(population.stop_after); !end.empty()) text += fmt::format(", stops after {}", end);
  return text;
}

}  // namespace

std::string describe_plan(const Scenario& scenario, const std::vector<PlannedLoad>& planned) {
  std::string out = fmt::format("scenario    {}\n", scenario.name);
  for (const TargetSpec& target : scenario.targets)
    out += fmt::format("target      {:<12} {}{}\n", target.name, target.url, target.tls.insecure ? "  (certificates not verified)" : "");
  for (const auto& data : scenario.datasets)
    out += fmt::format("data        {:<12} {} records of {} columns{}\n", data->name, data->size(), data->columns().size(), data->is_streamed() ? ", streamed" : "");
  for (const Task& task : scenario.tasks)
    if (const std::string end = budget_text(task.stop_after); !end.empty())
      out += fmt::format("task        {:<12} stops after {}\n", task.name, end);
  for (std::size_t i = 0; i < scenario.populations.size(); ++i) {
    const PopulationSpec& population = scenario.populations[i];
    std::string tasks;
    for (const auto& [task, weight] : population.tasks) {
      if (!tasks.empty()) tasks += ", ";
      tasks += scenario.tasks[task].name;
      if (population.tasks.size() > 1) tasks += fmt::format(" {}", weight);
    }
    out += fmt::format("population  {:<12} {} ({}){}\n", population.name, load_text(scenario, population), tasks,
                       planned_text(population, scenario.run, i < planned.size() ? planned[i] : PlannedLoad{}));
  }
  const auto steps_of = [&](const PopulationSpec& part) {
    const std::size_t steps = scenario.tasks[part.tasks.front().first].steps.size();
    return fmt::format("{} step{}", steps, steps == 1 ? "" : "s");
  };
  if (scenario.setup) out += fmt::format("setup       {}, once before the load\n", steps_of(*scenario.setup));
  if (scenario.teardown) out += fmt::format("teardown    {}, once after it\n", steps_of(*scenario.teardown));
  out += fmt::format("run         {}\n", scenario.run.for_ns > 0 ? format_duration(scenario.run.for_ns) : "until every population has ended");
  return out;
}

}  // namespace squall
