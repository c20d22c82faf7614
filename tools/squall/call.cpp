// squall call: one operation as a load, without a file. It writes the scenario that a person would have
// written and loads that, so that both ways mean the same.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "options.hpp"
#include "toolbox.hpp"
#include "run_scenario.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kBadScenario = 104, kPluginNotLoaded = 113;

/// JSON is YAML; numbers, maps and lists may be given as such, everything else is text.
std::string as_yaml(const std::string& text) {
  if (!text.empty() && (text[0] == '{' || text[0] == '[')) return text;
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_discarded() && (parsed.is_number() || parsed.is_boolean())) return text;
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// scheme://host:port and the rest of an address.
std::pair<std::string, std::string> split_address(const std::string& address) {
  const auto begin = address.find("://");
  const auto path = address.find('/', begin == std::string::npos ? 0 : begin + 3);
  if (path == std::string::npos) return {address, ""};
  return {address.substr(0, path), address.substr(path)};
}

}  // namespace

int call_command(Options options) {
  const auto toolbox = load_toolbox(options.plugin_path);
  if (!toolbox) return kPluginNotLoaded;
  std::string target, parameters;
  const OperationInfo* operation = toolbox->catalog.operation(options.operation);
  bool takes_path = false;
  if (operation) {
    for (const ParamInfo& param : operation->params) takes_path = takes_path || param.name == "path";
  }
  for (const std::string& argument : options.arguments) {
    const auto equals = argument.find('=');
    const auto scheme = argument.find("://");
    if (scheme != std::string::npos && (equals == std::string::npos || scheme < equals)) {
      const auto [origin, path] = split_address(argument);
      target = origin;
      if (takes_path) parameters += fmt::format("path: {}, ", as_yaml(path.empty() ? "/" : path));
      continue;
    }
    if (equals == std::string::npos || equals == 0) {
      fmt::print(stderr, "squall: '{}': write an address or name=value\n", argument);
      return kBadCommandLine;
    }
    parameters += fmt::format("{}: {}, ", argument.substr(0, equals), as_yaml(argument.substr(equals + 1)));
  }
  if (options.load.host) target = *std::exchange(options.load.host, std::nullopt);
  const auto or_else = [](std::optional<std::string>& value, const char* otherwise) {
    return std::exchange(value, std::nullopt).value_or(otherwise);
  };
  std::string load;
  if (options.load.rate) load = fmt::format("rate: {}", as_yaml(or_else(options.load.rate, "")));
  else load = fmt::format("users: {}", or_else(options.load.users, "1"));
  const std::string duration = options.load.iterations && !options.load.duration ? "" : or_else(options.load.duration, "10s");
  std::string text = fmt::format("scenario: {}\n", options.operation);
  if (!target.empty()) text += fmt::format("targets: {{ target: {} }}\n", as_yaml(target));
  text += fmt::format("tasks: {{ call: {{ {}: {{ {} }} }} }}\n", options.operation, parameters);
  text += fmt::format("populations: {{ users: {{ tasks: call, load: {{ {} }} }} }}\n", load);
  if (!duration.empty()) text += fmt::format("run: {{ for: {} }}\n", duration);
  const LoadResult loaded = load_scenario_text(text, "(command line)", ".", toolbox->catalog, options.load);
  const std::string mistakes = loaded.diagnostics.print();
  if (!mistakes.empty()) fmt::print(stderr, "{}", mistakes);
  if (!loaded) return kBadScenario;
  return run_scenario(*toolbox, *loaded.scenario, options);
}

}  // namespace squall
