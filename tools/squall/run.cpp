// squall run: a scenario from file to verdict.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/plan.hpp"
#include "fleet/parts.hpp"
#include "fleet/output_runner.hpp"
#include "exports.hpp"
#include "options.hpp"
#include "payload/suggestion.hpp"
#include "plugin_host/last_words.hpp"
#include "toolbox.hpp"
#include "report/live.hpp"
#include "report/summary.hpp"
#include "run_scenario.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kBadScenario = 104, kPluginNotLoaded = 113, kInternal = 109;

/// Those of the file and of -o NAME[=VALUE]: VALUE is that of the output's first option. One that needs a file and has none
/// gets it in the results' folder.
std::vector<OutputSpec> all_outputs(const Toolbox& toolbox, const Scenario& scenario, const Options& options,
                                    std::vector<PlanError>& errors) {
  std::vector<OutputSpec> outputs = scenario.outputs;
  for (const std::string& text : options.outputs) {
    const auto equals = text.find('=');
    OutputSpec spec;
    spec.plugin = text.substr(0, equals);
    const OutputInfo* info = toolbox.catalog.output(spec.plugin);
    if (!info) {
      std::vector<std::string_view> names;
      for (const OutputInfo& known : toolbox.catalog.outputs) names.push_back(known.name);
      errors.push_back({{}, fmt::format("-o {}: no output '{}'{}; there are {}", text, spec.plugin,
                                        did_you_mean(spec.plugin, names), fmt::join(names, ", "))});
      continue;
    }
    const auto file = std::ranges::find(info->options, "file", &ParamInfo::name);
    const bool needs_file = file != info->options.end() && file->is_required();
    Value value;
    value.data = equals == std::string::npos ? std::string() : text.substr(equals + 1);
    if (value.text()->empty() && needs_file && options.exports.results) {
      std::error_code error;
      std::filesystem::create_directories(*options.exports.results, error);
      value.data = fmt::format("{}/samples.{}", *options.exports.results, spec.plugin);
    }
    if (value.text()->empty() && needs_file) {
      errors.push_back({{}, fmt::format("-o {0}: which file? write -o {0}=samples.{0}, or give --results DIR for DIR/samples.{0}",
                                        spec.plugin)});
      continue;
    }
    if (!value.text()->empty() && info->options.empty()) {
      errors.push_back({{}, fmt::format("-o {}: '{}' has no options", text, spec.plugin)});
      continue;
    }
    if (!value.text()->empty()) spec.options.emplace_back(info->options.front().name, value);
    outputs.push_back(std::move(spec));
  }
  return outputs;
}

}  // namespace

std::vector<Diagnostic> add_thresholds(const Scenario& scenario, const Plan& plan, ControllerOptions& options) {
  ThresholdNames names;
  names.has_late_steps = scenario.has_compiled;
  for (std::uint32_t i = 0; i < plan.series().size(); ++i) names.steps.push_back(plan.series().key(i).name);
  for (const Task& task : scenario.tasks) names.tasks.push_back(task.name);
  for (const MetricSpec& metric : scenario.metrics) {
    names.metrics.push_back({metric.name, metric.unit, metric.is_probe});
  }
  for (const PopulationSpec& population : scenario.populations) names.populations.push_back(population.name);
  std::vector<Diagnostic> mistakes;
  for (const ThresholdSpec& spec : scenario.thresholds) {
    auto parsed = parse_threshold(spec.text);
    std::optional<ThresholdError> error;
    if (auto* mistake = std::get_if<ThresholdError>(&parsed)) error = *mistake;
    else error = resolve_threshold(std::get<Threshold>(parsed), names);
    if (error) {
      mistakes.push_back({scenario.file_of(spec.mark), spec.mark.line, spec.mark.column, 1,
                          fmt::format("threshold '{}': {}", spec.text, error->message), error->hint});
    } else {
      options.thresholds.push_back(std::get<Threshold>(parsed));
    }
  }
  return mistakes;
}

std::vector<Diagnostic> diagnostics_of(const Scenario& scenario, const std::vector<PlanError>& errors) {
  std::vector<Diagnostic> list;
  for (const PlanError& error : errors)
    list.push_back({scenario.file_of(error.mark), error.mark.line, error.mark.column, 1, error.text, ""});
  return list;
}

void print_mistakes(const std::vector<Diagnostic>& mistakes) {
  Diagnostics list;
  for (const Diagnostic& mistake : mistakes) list.add(mistake);
  fmt::print(stderr, "{}", list.print());
}

// Returning would take away what the thread that hangs still uses. One that has crashed ends the process itself.
void end_process(int code) {
  std::fflush(nullptr);
  leave_to_the_fallen();
  std::_Exit(code);
}

int run_scenario(const Toolbox& toolbox, Scenario& scenario, const Options& options) {
  if (options.load.once) return run_once(toolbox, scenario, options);
  std::vector<PlanError> errors;
  const auto plans = RunPlans::make(scenario, toolbox.registry, errors);
  std::unique_ptr<OutputRunner> outputs;
  LocalRunOptions run;
  if (errors.empty()) {
    if (const auto mistakes = add_thresholds(scenario, *plans->load, run.controller); !mistakes.empty()) {
      print_mistakes(mistakes);
      return kBadScenario;
    }
  }
  if (errors.empty()) {
    const auto specs = all_outputs(toolbox, scenario, options, errors);
    if (errors.empty() && !specs.empty()) outputs = OutputRunner::make(specs, toolbox.registry, errors);
  }
  if (!errors.empty()) {
    print_mistakes(diagnostics_of(scenario, errors));
    return kBadScenario;
  }
  if (!can_write_exports(options.exports)) return kBadCommandLine;
  run.shards = options.shards;
  run.checks_plugins = options.check_plugins;
  run.controller.verdict.valid.lag_ns = scenario.run.valid_lag_ns;
  run.controller.verdict.strict = options.strict;
  run.controller.verdict.strict_outputs = options.strict_outputs;
  run.controller.verdict.accept_invalid = options.accept_invalid;
  run.controller.verdict.exit_code_on_error = options.exit_code_on_error;

  std::unique_ptr<Live> live;
  if (!options.quiet) {
    LiveOptions style;
    style.is_terminal = ::isatty(STDERR_FILENO) && !std::getenv("CI");
    style.color = wants_color(options, stderr);
    style.scenario = scenario.name;
    style.planned_ns = plans->load->horizon_ns() == kNeverNs ? 0 : plans->load->horizon_ns();
    live = std::make_unique<Live>(style);
    run.on_tick = [&live](Controller& controller, std::int64_t now) {
      live->show(controller.snapshot(), now, controller.is_stopping());
    };
  }
  PartOptions parts;
  parts.options_of = [&](const Plan&) { return run; };
  parts.on_part = [&](std::string_view part) {
    if (part == "teardown") live.reset();   // the load is over
    if (!options.quiet) fmt::print(stderr, "squall: {}\n", part);
  };
  auto outcome = run_parts(*plans, parts, outputs.get());
  live.reset();
  if (!outcome) {
    fmt::print(stderr, "squall: {}\n", outcome.error().text);
    return kInternal;
  }
  const RunResult& result = *outcome;
  const auto& json = options.exports.json;
  if (!options.quiet && !(json && (json->empty() || *json == "-"))) print_summary(options, result);
  const bool is_written = write_exports(options.exports, result);
  std::string why;
  for (const std::string& reason : result.verdict.reasons) why += (why.empty() ? ": " : "; ") + reason;
  fmt::print(stderr, "squall: {}{}{}\n", verdict_word(result.verdict.word), unjudged_text(result), why);
  const int code = is_written ? result.verdict.exit_code : strongest_exit_code({result.verdict.exit_code, kInternal});
  if (result.is_abandoned) end_process(code);
  return code;
}

int run_command(const Options& options) {
  const auto toolbox = load_toolbox(options.plugin_path, options.file, options.quiet ? SQ_LOG_WARN : SQ_LOG_INFO,
                                    options.check_plugins);
  if (!toolbox) return kPluginNotLoaded;
  const LoadResult loaded = load_scenario(options.file, toolbox->catalog, options.load);
  const std::string text = loaded.diagnostics.print();
  if (!text.empty()) fmt::print(stderr, "{}", text);
  if (!loaded) return loaded.diagnostics.has_only_option_errors() ? kBadCommandLine : kBadScenario;
  return run_scenario(*toolbox, *loaded.scenario, options);
}

}  // namespace squall
