// squall call: one operation as a load, without a file. It writes the scenario that a person would have
// written and loads that, so that both ways mean the same.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "options.hpp"
#include "run_scenario.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kBadScenario = 104, kPluginNotLoaded = 113;

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// JSON is YAML; numbers, maps and lists may be given as such, everything else is text.
std::string as_yaml(const std::string& text) {
  if (!text.empty() && (text[0] == '{' || text[0] == '[')) return text;
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_discarded() && (parsed.is_number() || parsed.is_boolean())) return text;
  return quoted(text);
}

/// A payload that is no description of one is its text: payload=hello.
std::string as_yaml(const std::string& text, const ParamInfo* param) {
  if (param && param->type == SQ_T_SOURCE && !text.starts_with('{')) return fmt::format("{{ text: {} }}", quoted(text));
  return as_yaml(text);
}

/// scheme://host:port and the rest of an address.
std::pair<std::string, std::string> split_address(const std::string& address) {
  const auto begin = address.find("://");
  const auto path = address.find('/', begin == std::string::npos ? 0 : begin + 3);
  if (path == std::string::npos) return {address, ""};
  return {address.substr(0, path), address.substr(path)};
}

/// The scenario's parts that the words after the verb become.
struct Call {
  std::string target, parameters, plugins;
  std::string mistake;
};

const ParamInfo* param_of(const OperationInfo* operation, std::string_view name) {
  if (!operation) return nullptr;
  const auto found = std::ranges::find(operation->params, name, &ParamInfo::name);
  return found == operation->params.end() ? nullptr : &*found;
}

/// A program and its arguments as they stand on the command line. Each argument is a value of its own, so that
/// templates work in it and nothing in it can become two.
void add_program(const std::vector<std::string>& words, std::size_t first, Call& call) {
  const std::string& program = words[first];
  if (program.find('/') == std::string::npos) {
    call.mistake = fmt::format("'{}' is no path; there is no PATH here: write ./{} or /usr/bin/{}", program, program, program);
    return;
  }
  std::string argv = quoted(program), args, values;
  for (std::size_t i = first + 1; i < words.size(); ++i) {
    argv += fmt::format(", \"${{arg.a{}}}\"", i);
    args += fmt::format("a{}: string, ", i);
    values += fmt::format("a{}: {}, ", i, quoted(words[i]));
  }
  const std::string name = quoted(program.substr(program.rfind('/') + 1));
  call.plugins = fmt::format("plugins: {{ job: {{ programs: {{ {}: {{ argv: [ {} ], args: {{ {} }} }} }} }} }}\n", name, argv, args);
  call.parameters += fmt::format("program: {}, args: {{ {} }}, ", name, values);
}

Call read_words(const Options& options, const OperationInfo* operation) {
  Call call;
  const std::vector<std::string>& words = options.arguments;
  const bool is_job = options.operation == "job.run";
  for (std::size_t i = 0; i < words.size() && call.mistake.empty(); ++i) {
    const std::string& word = words[i];
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (is_job && !(equals != std::string::npos && param_of(operation, name))) {
      add_program(words, i, call);
      break;
    }
    if (is_job && (name == "program" || name == "args")) {
      call.mistake = fmt::format("'{}' names a program of a scenario's list, and here is none: write the program itself: "
                                 "squall job -- /path/to/program ARGUMENT …", name);
      break;
    }
    const auto scheme = word.find("://");
    if (scheme != std::string::npos && (equals == std::string::npos || scheme < equals)) {
      const auto [origin, path] = split_address(word);
      call.target = origin;
      if (param_of(operation, "path")) call.parameters += fmt::format("path: {}, ", quoted(path.empty() ? "/" : path));
    } else if (equals == std::string::npos || equals == 0) {
      call.mistake = fmt::format("'{}': write an address or name=value", word);
    } else {
      call.parameters += fmt::format("{}: {}, ", name, as_yaml(word.substr(equals + 1), param_of(operation, name)));
    }
  }
  if (is_job && call.plugins.empty() && call.mistake.empty()) {
    call.mistake = "which program? write: squall job -- /path/to/program ARGUMENT …";
  }
  return call;
}

/// `targets`, with what the flags say of TLS.
std::string target_text(const Options& options, const std::string& address, std::string& mistake) {
  if (address.empty()) return "";
  std::string tls;
  for (const auto& [name, file] : {std::pair{"ca", &options.ca}, {"cert", &options.cert}, {"key", &options.key}}) {
    if (!file->empty()) tls += fmt::format("{}: {}, ", name, quoted(*file));
  }
  if (options.insecure) tls += "insecure: true, ";
  if (tls.empty()) return fmt::format("targets: {{ target: {} }}\n", quoted(address));
  const std::string scheme = address.substr(0, address.find("://"));
  if (scheme != "https" && scheme != "mqtts" && scheme != "tls" && scheme != "wss") {
    mistake = fmt::format("--ca, --cert, --key and --insecure are about TLS; {} has none (https://, mqtts:// and tls:// do)", address);
  }
  return fmt::format("targets: {{ target: {{ url: {}, tls: {{ {} }} }} }}\n", quoted(address), tls);
}

}  // namespace

int call_command(Options options) {
  const auto toolbox = load_toolbox(options.plugin_path, {}, SQ_LOG_WARN, options.check_plugins);
  if (!toolbox) return kPluginNotLoaded;
  Call call = read_words(options, toolbox->catalog.operation(options.operation));
  if (options.load.host) call.target = *std::exchange(options.load.host, std::nullopt);
  const std::string targets = target_text(options, call.target, call.mistake);
  if (!call.mistake.empty()) {
    fmt::print(stderr, "squall: {}\n", call.mistake);
    return kBadCommandLine;
  }
  const auto or_else = [](std::optional<std::string>& value, const char* otherwise) {
    return std::exchange(value, std::nullopt).value_or(otherwise);
  };
  std::string load;
  if (options.load.rate) load = fmt::format("rate: {}", as_yaml(or_else(options.load.rate, "")));
  else load = fmt::format("users: {}", or_else(options.load.users, "1"));
  const std::string duration = options.load.iterations && !options.load.duration ? "" : or_else(options.load.duration, "10s");
  std::string text = fmt::format("scenario: {}\n", options.operation) + targets + call.plugins;
  text += fmt::format("tasks: {{ call: {{ {}: {{ {} }} }} }}\n", options.operation, call.parameters);
  text += fmt::format("populations: {{ users: {{ tasks: call, load: {{ {} }} }} }}\n", load);
  if (!duration.empty()) text += fmt::format("run: {{ for: {} }}\n", duration);
  const LoadResult loaded = load_scenario_text(text, "(command line)", ".", toolbox->catalog, options.load);
  const std::string mistakes = loaded.diagnostics.print();
  if (!mistakes.empty()) fmt::print(stderr, "{}", mistakes);
  if (!loaded) return loaded.diagnostics.has_only_option_errors() ? kBadCommandLine : kBadScenario;
  return run_scenario(*toolbox, *loaded.scenario, options);
}

}  // namespace squall
