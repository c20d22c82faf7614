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

std::string load_text(const PopulationSpec& population, const RunSpec& run) {
  const Load& load = population.load;
  double peak = load.model == Load::Model::open ? load.rate_per_s : load.users;
  for (const Stage& stage : load.stages) peak = std::max(peak, stage.value);
  std::string text;
  switch (load.model) {
    case Load::Model::closed: text = fmt::format("{} users in a loop", count_text(peak)); break;
    case Load::Model::open: text = fmt::format("{}{}", format_rate(peak), load.poisson ? ", poisson" : ""); break;
    case Load::Model::fleet: {
      text = fmt::format("{} users", count_text(load.users));
      const double time = static_cast<double>(run.for_ns);
      if (load.every_by_task.empty()) {
        const DurationSource every = std::holds_alternative<std::int64_t>(load.every) ? DurationSource(std::get<std::int64_t>(load.every))
                                     : std::holds_alternative<Distribution>(load.every) ? DurationSource(std::get<Distribution>(load.every))
                                                                                        : DurationSource(std::int64_t{0});
        text += fmt::format(", each every {}", source_text(every));
        const double period = std::holds_alternative<Distribution>(every) ? std::get<Distribution>(every).mean()
                                                                          : static_cast<double>(std::get<std::int64_t>(every));
        if (time > 0 && period > 0) text += fmt::format(": {:.0f} in {}", load.users * time / period, format_duration(run.for_ns));
      }
      break;
    }
  }
  if (load.model == Load::Model::open && run.for_ns > 0 && load.stages.empty())
    text += fmt::format(": {:.0f} in {}", std::ceil(load.rate_per_s * static_cast<double>(run.for_ns) / 1e9), format_duration(run.for_ns));
  if (!load.stages.empty()) text += fmt::format(" at most, {} stages", load.stages.size());
  if (population.start_ns > 0) text += fmt::format(", from {}", format_duration(population.start_ns));
  if (population.sessions > 0) text += fmt::format(", {} sessions", population.sessions);
  return text;
}

}  // namespace

std::string describe_plan(const Scenario& scenario) {
  std::string out = fmt::format("scenario    {}\n", scenario.name);
  for (const TargetSpec& target : scenario.targets)
    out += fmt::format("target      {:<12} {}{}\n", target.name, target.url, target.tls.insecure ? "  (certificates not verified)" : "");
  for (const auto& data : scenario.datasets)
    out += fmt::format("data        {:<12} {} records of {} columns\n", data->name, data->size(), data->columns().size());
  for (const PopulationSpec& population : scenario.populations) {
    std::string tasks;
    for (const auto& [task, weight] : population.tasks) {
      if (!tasks.empty()) tasks += ", ";
      tasks += scenario.tasks[task].name;
      if (population.tasks.size() > 1) tasks += fmt::format(" {}", weight);
    }
    out += fmt::format("population  {:<12} {} ({})\n", population.name, load_text(population, scenario.run), tasks);
  }
  out += fmt::format("run         {}\n", scenario.run.for_ns > 0 ? format_duration(scenario.run.for_ns) : "until every population has ended");
  return out;
}

}  // namespace squall
