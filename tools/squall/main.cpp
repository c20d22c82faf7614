// The command line: verbs, flags and their SQUALL_… variables. Parses and dispatches, nothing else.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "flags.hpp"
#include "options.hpp"
#include "payload/suggestion.hpp"
#include "plugin_host/last_words.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kInternal = 109;
constexpr const char* kArgumentsHelp =
    "an address, and name=value for each parameter ('squall plugins info OPERATION' lists them)";
constexpr const char* kFromHelp =
    "a recording that a browser saved (developer tools, Network, Save all as HAR): its requests as steps, in the order in "
    "which they began, with the think times between; passwords, tokens and cookies stay out of the scenario";
constexpr const char* kJobHelp =
    "[stdin=TEXT] [env={NAME: VALUE}] [--] PROGRAM [ARGUMENT ...]: a path and its arguments; no shell, no PATH. "
    "Templates such as ${user.index} may stand in the arguments";

constexpr const char* kBuildFooter =
    "What a scenario names by `library: FILE.cpp` is compiled in the same way, once, and again when it, a header or a flag has "
    "changed.\n"
    "CXX is the compiler (g++), CXXFLAGS are more flags for it. SQUALL_SDK is the folder whose include/squall holds the headers; they "
    "are beside this program when it is not set. SQUALL_CACHE is where scenarios' libraries are kept ($XDG_CACHE_HOME/squall or "
    "~/.cache/squall); nobody else may be able to write there.";

const CLI::App* find_verb(const CLI::App& app, const std::string& name) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (verb->check_name(name)) return verb;
  }
  return nullptr;
}

bool is_scenario_name(std::string_view file) { return file.ends_with(".yaml") || file.ends_with(".yml"); }

int unknown_verb(std::string_view said, std::string_view word, CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
    for (const std::string& alias : verb->get_aliases()) names.push_back(alias);
  }
  if (said != "no verb") names.push_back("exit-codes");
  const std::vector<std::string_view> known(names.begin(), names.end());
  fmt::print(stderr, "squall: {} '{}'{}; there are {}\n", said, word, did_you_mean(word, known), fmt::join(names, ", "));
  return kBadCommandLine;
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
  add_once_flag(*run, options);
  add_load_flags(*run, options, raw);
  add_run_flags(*run, options);

  CLI::App* check = app.add_subcommand("check", "find all mistakes of a scenario and print its plan; sends nothing");
  check->alias("validate");
  check->add_option("FILE", options.file, "the scenario")->required();
  check->add_flag("--json", options.as_json, "the mistakes as a JSON list, for editors and CI, and no plan");
  add_load_flags(*check, options, raw);

  CLI::App* call = app.add_subcommand("call", "one operation as a load: squall call http.get http://127.0.0.1:8080/ --users 10");
  call->add_option("OPERATION", options.operation, "such as http.get")->required();
  call->add_option("ARGUMENTS", options.arguments, kArgumentsHelp);
  add_load_flags(*call, options, raw);
  add_run_flags(*call, options);
  add_tls_flags(*call, options);
  add_plain_once_flag(*call, options);
  const std::pair<const char*, const char*> shorts[] = {
      {"get", "http.get"}, {"publish", "mqtt.publish"}, {"dump", "tcp.dump"}, {"job", "job.run"}};
  std::vector<CLI::App*> short_verbs;
  for (const auto& [verb, operation] : shorts) {
    CLI::App* added = app.add_subcommand(verb, fmt::format("short for: call {}", operation));
    added->add_option("ARGUMENTS", options.arguments, std::string_view(verb) == "job" ? kJobHelp : kArgumentsHelp);
    add_load_flags(*added, options, raw);
    add_run_flags(*added, options);
    add_tls_flags(*added, options);
    add_plain_once_flag(*added, options);
    short_verbs.push_back(added);
  }

  CLI::App* plugins = app.add_subcommand("plugins", "the plugins found, and what they offer");
  plugins->add_option("VERB", options.plugin_verb, "list; info OPERATION; or check FILE.so, which holds a plugin to the rules (plugins check --help)");
  plugins->add_option("NAME", options.plugin_name, "an operation or protocol");
  plugins->add_flag("--json", options.as_json, "as JSON");
  with_environment(plugins->add_option("--plugin-path", options.plugin_path, "folders of plugins, colon-separated"));

  CLI::App* report = app.add_subcommand("report", "a stored run, rendered again: its summary, or what the flags ask for");
  report->add_option("RUN", options.file, "the folder that run --results has written")->required();
  add_export_flags(*report, options.exports);
  with_environment(report->add_flag("--no-color", options.no_color, "no colours"));

  CLI::App* build = app.add_subcommand("build", "one C++ file of tasks, a protocol or an output to a plugin; flags for the compiler stand behind --");
  build->add_option("FILE", options.file, "its source")->required();
  build->add_option("-o,--output", options.build_output, "the library; libNAME.so beside the source when absent");
  build->footer(kBuildFooter);

  CLI::App* schema = app.add_subcommand("schema", "the scenario language as a JSON Schema, for editors");
  schema->add_flag("--keys", options.keys_only, "a line for each key instead: map, key, type, meaning");
  with_environment(schema->add_option("--plugin-path", options.plugin_path, "folders of plugins, colon-separated"));

  CLI::App* create = app.add_subcommand("new", "something to begin with: squall new scenario NAME, or --from what a browser recorded; squall new protocol NAME; squall new task NAME; squall new output NAME");
  create->add_option("KIND", options.new_kind, "scenario: a file that runs; protocol: a project of a plugin that builds and runs; task: users' behaviour in C++, and its scenario; output: where a run's numbers go, in C++")
      ->required()->check(CLI::IsMember({"scenario", "protocol", "task", "output"}));
  create->add_option("NAME", options.new_name,
                     "scenario: file name, or - for stdout; with --from the recording's name when absent. protocol, task, output: folder, whose "
                     "last part is the name of what it makes");
  CLI::Option* from_template = create->add_option("--template", options.new_template, "http, mqtt, tcp, udp, bulk, job or mixed");
  CLI::Option* from_recording = create->add_option("--from", options.recording, kFromHelp)->type_name("FILE.har")->excludes(from_template);
  create->add_flag("--assets", options.assets, "with --from: keep images, fonts, styles, scripts and media")->needs(from_recording);
  create->add_flag("--all-hosts", options.all_hosts, "with --from: keep requests to other origins than the first page's")->needs(from_recording);
  create->add_flag("--force", options.force, "overwrite the files");

  std::string topic;
  CLI::App* help = app.add_subcommand("help", "this text; of a verb: squall help VERB; squall help exit-codes");
  help->add_option("TOPIC", topic, "exit-codes, or a verb");
  CLI::App* version = app.add_subcommand("version", "the program's version");

  // The verbs share their options. With a callback of its own a verb reads its variables only when it is the one that was
  // given: else each other verb's would be read after its flags, and win.
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) verb->parse_complete_callback([] {});

  // CLI11 says only that a verb is missing; a mistyped one deserves its name and a hint.
  if (argc > 1 && argv[1][0] != '-' && !find_verb(app, argv[1])) return unknown_verb("no verb", argv[1], app);
  if (argc > 2 && std::string_view(argv[1]) == "plugins" && std::string_view(argv[2]) == "check") return check_plugin_command(argc - 2, argv + 2);
  // What stands behind -- belongs to the program that is called, flags and all. (CLI11 takes it for the end of the
  // verb as soon as a word has come before it.)
  std::vector<std::string> behind;
  const bool is_call = argc > 1 && (std::string_view(argv[1]) == "call" || std::string_view(argv[1]) == "build" ||
                                    std::ranges::any_of(shorts, [&](const auto& verb) { return std::string_view(argv[1]) == verb.first; }));
  for (int i = 2; is_call && i < argc; ++i) {
    if (std::string_view(argv[i]) != "--") continue;
    behind.assign(argv + i + 1, argv + argc);
    argc = i;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    const CLI::App* verb = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
    fmt::print(stderr, "{}", unknown_words(*verb, verb->remaining(true)));
    return kBadCommandLine;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? 0 : kBadCommandLine;
  }
  options.arguments.insert(options.arguments.end(), behind.begin(), behind.end());
  if (run->parsed() && options.file.empty()) {   // --once FILE, --json FILE: taken for the flag's own value
    if (options.once) options.file = std::exchange(*options.once, "");
    else if (options.exports.json && is_scenario_name(*options.exports.json)) options.file = std::exchange(*options.exports.json, "");
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
  if (report->parsed()) return report_command(options);
  if (build->parsed()) return build_command(options);
  if (schema->parsed()) return schema_command(options);
  if (create->parsed() && options.new_kind != "scenario" && (*from_template || *from_recording)) {
    fmt::print(stderr, "squall: new {}: --template and --from are for scenarios\n", options.new_kind);
    return kBadCommandLine;
  }
  if (create->parsed()) return new_command(options);
  if (version->parsed()) {
    fmt::print("squall {}\n", SQUALL_VERSION);
    return 0;
  }
  if (topic == "exit-codes") return exit_codes_command();
  if (topic.empty()) {
    fmt::print("{}", app.help());
    return 0;
  }
  if (const CLI::App* verb = find_verb(app, topic)) {
    fmt::print("{}", verb->help(app.get_name()));
    return 0;
  }
  return unknown_verb("nothing to say about", topic, app);
}

}  // namespace
}  // namespace squall

/// Each connection is an open file; the soft limit of 1,024 is for programs that use select().
static void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char** argv) {
  try {
    squall::prepare_last_words();
    allow_many_files();
    return squall::run_program(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "squall: internal error: {}\n", error.what());
    return squall::kInternal;
  }
}
