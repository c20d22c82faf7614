// The command line: verbs, flags and their SQUALL_… variables. Parses and dispatches, nothing else.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "options.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kInternal = 109;

/// --spawn-rate => SQUALL_SPAWN_RATE, without exception.
CLI::Option* with_environment(CLI::Option* option) {
  std::string name = "SQUALL_" + option->get_single_name();
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return option->envname(name);
}

/// A typo in a container's manifest would be silent otherwise.
void warn_of_unknown_variables(CLI::App& app) {
  std::vector<std::string> known = {"SQUALL_AGENT_ID", "SQUALL_ON_AGENT_LOSS", "SQUALL_PLUGIN_PATH", "SQUALL_NATS_URL",
                                    "SQUALL_BIN_DIR", "SQUALL_BUILD_TESTS", "SQUALL_FULL"};
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (const CLI::Option* option : verb->get_options()) {
      if (!option->get_envname().empty()) known.push_back(option->get_envname());
    }
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (!name.starts_with("SQUALL_") || name.starts_with("SQUALL_VAR_") || name.starts_with("SQUALL_SECRET_")) continue;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fmt::print(stderr, "squall: warning: nothing reads the variable {}{}\n", name, did_you_mean(name, names));
  }
}

struct RawFlags {
  std::vector<std::string> sets, stages, only;
};

void add_load_flags(CLI::App& verb, Options& options, RawFlags& raw) {
  LoadOptions& load = options.load;
  with_environment(verb.add_option("--users,-u,--vus", load.users, "users of the only population"));
  with_environment(verb.add_option("--rate", load.rate, "arrivals, such as 500/s, of the only population"));
  with_environment(verb.add_option("--duration,-d,-t,--run-time,--for", load.duration, "how long, such as 30s or 5m"));
  with_environment(verb.add_option("--iterations,-i", load.iterations, "stop after so many iterations in all"));
  verb.add_option("--stage,-s", raw.stages, "DURATION:USERS, repeatable");
  with_environment(verb.add_option("--host,-H", load.host, "replaces the only target, or the one named default"));
  verb.add_option("--set,-e,--env", raw.sets, "NAME=VALUE of the scenario's vars, repeatable");
  with_environment(verb.add_option("--seed", load.seed, "of every random choice"));
  with_environment(verb.add_option("--scale", load.scale, "multiplies users, rates and sessions"));
  with_environment(verb.add_option("--compress", load.compress, "divides intervals, multiplies rates"));
  verb.add_option("--only", raw.only, "a population or task, repeatable");
  with_environment(verb.add_option("--drain", load.drain, "how long running iterations may go on at the end"));
  with_environment(verb.add_option("--grace,--stop-timeout", load.grace, "the same after a signal, and for on_stop"));
  with_environment(verb.add_option("--slack", load.slack, "how late a start may be so that wakes are shared (less CPU)"));
  with_environment(verb.add_option("--plugin-path", options.plugin_path, "folders of plugins, colon-separated"));
}

void add_run_flags(CLI::App& verb, Options& options) {
  with_environment(verb.add_option("--shards", options.shards, "threads that generate load")->check(CLI::Range(1u, 256u)));
  verb.add_option("--json", options.json, "the result as JSON to FILE, or to stdout")->expected(0, 1)->type_name("FILE");
  verb.add_option("--html", options.html, "the result as a page to FILE")->type_name("FILE");
  with_environment(verb.add_option("--results", options.results, "folder for result.json and the timeline"));
  verb.add_option("--out,-o", options.outputs, "an output: NAME[=FILE], repeatable");
  with_environment(verb.add_flag("--quiet,-q", options.quiet, "only the verdict"));
  with_environment(verb.add_flag("--no-color", options.no_color, "no colours"));
  with_environment(verb.add_flag("--strict", options.strict, "each warning of the generator makes the run invalid"));
  with_environment(verb.add_flag("--strict-outputs", options.strict_outputs, "an output that loses data ends 111"));
  with_environment(verb.add_flag("--accept-invalid", options.accept_invalid, "exit as if an invalid run were valid"));
  with_environment(verb.add_flag("--exit-code-on-error", options.exit_code_on_error, "exit 1 when operations failed"));
  verb.add_flag_function("--headless", [](std::int64_t) {}, "accepted; runs have no page by default");
}

constexpr const char* kOnceHelp =
    "one user, one iteration, each operation shown: on_start, each task of each population in turn, on_stop. "
    "TASK (or a population): only that. Rates, ramps, starts, thresholds and outputs do not apply; "
    "a wait lasts 1s at most. Exit 99 when an operation failed";
constexpr const char* kVerboseHelp =
    "with --once: what went out and came back, captures and checks; secrets and credentials are hidden";

/// Of a single operation: there is no task to name.
void add_once_flags(CLI::App& verb, Options& options) {
  verb.add_flag_function("--once", [&options](std::int64_t) { options.once = ""; }, "once, by one user, and shown; see -v");
  verb.add_flag("--verbose,-v", options.verbose, kVerboseHelp);
}

/// --once is about one user: what makes a load is left out, and said.
bool finish_once(Options& options) {
  if (!options.once) {
    if (!options.verbose) return true;
    fmt::print(stderr, "squall: -v shows every request, which is for one user: add --once\n");
    return false;
  }
  LoadOptions& load = options.load;
  std::vector<std::string_view> ignored;
  const auto drop = [&](auto& given, std::string_view name) {
    if (std::exchange(given, std::nullopt)) ignored.push_back(name);
  };
  drop(load.users, "--users");
  drop(load.rate, "--rate");
  drop(load.stages, "--stage");
  drop(load.iterations, "--iterations");
  drop(load.duration, "--for");
  drop(options.json, "--json");
  drop(options.html, "--html");
  drop(options.results, "--results");
  if (!options.outputs.empty()) ignored.push_back("--out");
  options.outputs.clear();
  if (!ignored.empty()) fmt::print(stderr, "squall: --once is one user and one iteration: {} left out\n", fmt::join(ignored, ", "));
  load.once = true;
  if (!options.once->empty()) load.only = {*options.once};
  return true;
}

bool finish(Options& options, const RawFlags& raw) {
  for (const std::string& text : raw.sets) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      fmt::print(stderr, "squall: --set {}: write NAME=VALUE\n", text);
      return false;
    }
    options.load.vars.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const std::string& stage : raw.stages) {
    options.load.stages = options.load.stages ? *options.load.stages + "," + stage : stage;
  }
  options.load.only = raw.only;
  return finish_once(options);
}

int run_program(int argc, char** argv) {
  Options options;
  RawFlags raw;
  CLI::App app("squall: load-test anything, mixed, at wire speed, and never lie about it", "squall");
  app.require_subcommand(1);
  app.set_version_flag("--version,-V", std::string("squall ") + SQUALL_VERSION);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return fmt::format("squall: {} (squall --help says more)\n", error.what());
  });

  CLI::App* run = app.add_subcommand("run", "run a scenario");
  run->add_option("FILE", options.file, "the scenario");
  run->add_option("--once", options.once, kOnceHelp)->expected(0, 1)->type_name("TASK");
  run->add_flag("--verbose,-v", options.verbose, kVerboseHelp);
  add_load_flags(*run, options, raw);
  add_run_flags(*run, options);

  CLI::App* check = app.add_subcommand("check", "find all mistakes of a scenario and print its plan; sends nothing");
  check->alias("validate");
  check->add_option("FILE", options.file, "the scenario")->required();
  add_load_flags(*check, options, raw);

  CLI::App* call = app.add_subcommand("call", "one operation as a load: squall call http.get http://127.0.0.1:8080/ --users 10");
  call->add_option("OPERATION", options.operation, "such as http.get")->required();
  call->add_option("ARGUMENTS", options.arguments, "an address, and name=value for each parameter");
  add_load_flags(*call, options, raw);
  add_run_flags(*call, options);
  add_once_flags(*call, options);
  const std::pair<const char*, const char*> shorts[] = {
      {"get", "http.get"}, {"publish", "mqtt.publish"}, {"dump", "tcp.dump"}, {"job", "job.run"}};
  std::vector<CLI::App*> short_verbs;
  for (const auto& [verb, operation] : shorts) {
    CLI::App* added = app.add_subcommand(verb, fmt::format("short for: call {}", operation));
    added->add_option("ARGUMENTS", options.arguments, "an address, and name=value for each parameter");
    add_load_flags(*added, options, raw);
    add_run_flags(*added, options);
    add_once_flags(*added, options);
    short_verbs.push_back(added);
  }

  CLI::App* plugins = app.add_subcommand("plugins", "the plugins found, and what they offer");
  plugins->add_option("VERB", options.plugin_verb, "list, or info OPERATION");
  plugins->add_option("NAME", options.plugin_name, "an operation or protocol");
  plugins->add_flag("--json", options.plugins_json, "as JSON");
  with_environment(plugins->add_option("--plugin-path", options.plugin_path, "folders of plugins, colon-separated"));

  CLI::App* create = app.add_subcommand("new", "a scenario to begin with: squall new scenario NAME");
  std::string kind;
  create->add_option("KIND", kind, "scenario")->required()->check(CLI::IsMember({"scenario"}));
  create->add_option("NAME", options.new_name, "file name, or - for stdout")->required();
  create->add_option("--template", options.new_template, "http, mqtt, tcp, udp, bulk, job or mixed");
  create->add_flag("--force", options.force, "overwrite the file");

  std::string topic;
  CLI::App* help = app.add_subcommand("help", "this text, or: squall help exit-codes");
  help->add_option("TOPIC", topic, "exit-codes");
  CLI::App* version = app.add_subcommand("version", "the program's version");

  // CLI11 says only that a verb is missing; a mistyped one deserves its name and a hint.
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(verb->get_name());
      for (const std::string& alias : verb->get_aliases()) names.push_back(alias);
    }
    const std::vector<std::string_view> verbs(names.begin(), names.end());
    if (std::find(verbs.begin(), verbs.end(), argv[1]) == verbs.end()) {
      fmt::print(stderr, "squall: no verb '{}'{}; there are {}\n", argv[1], did_you_mean(argv[1], verbs),
                 fmt::join(names, ", "));
      return kBadCommandLine;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? 0 : kBadCommandLine;
  }
  if (run->parsed() && options.file.empty()) {   // --once FILE: the file was taken for a task
    if (options.once) options.file = std::exchange(*options.once, "");
    if (options.file.empty()) {
      fmt::print(stderr, "squall: run: FILE is required (squall run --help says more)\n");
      return kBadCommandLine;
    }
  }
  if (!finish(options, raw)) return kBadCommandLine;
  warn_of_unknown_variables(app);
  if (run->parsed()) return run_command(options);
  if (check->parsed()) return check_command(options);
  if (call->parsed()) return call_command(std::move(options));
  for (std::size_t i = 0; i < short_verbs.size(); ++i) {
    if (!short_verbs[i]->parsed()) continue;
    options.operation = shorts[i].second;
    return call_command(std::move(options));
  }
  if (plugins->parsed()) return plugins_command(options);
  if (create->parsed()) return new_command(options);
  if (version->parsed()) {
    fmt::print("squall {}\n", SQUALL_VERSION);
    return 0;
  }
  if (help->parsed() && topic == "exit-codes") return exit_codes_command();
  fmt::print("{}", app.help());
  return 0;
}

}  // namespace
}  // namespace squall

int main(int argc, char** argv) {
  try {
    return squall::run_program(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "squall: internal error: {}\n", error.what());
    return squall::kInternal;
  }
}
