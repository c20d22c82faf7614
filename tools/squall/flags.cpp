#include "flags.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "payload/suggestion.hpp"
#include "report/series_view.hpp"

namespace squall {
namespace {

constexpr const char* kOnceHelp =
    "one user, one iteration, each operation shown: on_start, each task of each population in turn, on_stop. "
    "TASK (or a population): only that. Rates, ramps, starts, thresholds and outputs do not apply; "
    "a wait lasts 1s at most. Exit 99 when an operation failed";
constexpr const char* kCheckPluginsHelp =
    "for who writes one: what plugins are given ends when the ABI says so, streams come in small pieces, and what they give is "
    "looked at; slower";
constexpr const char* kVerboseHelp =
    "with --once: what went out and came back, captures and checks; secrets and credentials are hidden";

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
  drop(options.exports.json, "--json");
  drop(options.exports.html, "--html");
  drop(options.exports.junit, "--junit");
  drop(options.exports.csv, "--csv");
  drop(options.exports.markdown, "--markdown");
  drop(options.exports.results, "--results");
  if (!options.outputs.empty()) ignored.push_back("--out");
  options.outputs.clear();
  if (!ignored.empty()) fmt::print(stderr, "squall: --once is one user and one iteration: {} left out\n", fmt::join(ignored, ", "));
  load.once = true;
  if (!options.once->empty()) load.only = {*options.once};
  return true;
}

std::vector<std::string> names_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

}  // namespace

CLI::Option* with_environment(CLI::Option* option) {
  std::string name = "SQUALL_" + option->get_single_name();
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return option->envname(name);
}

void add_load_flags(CLI::App& verb, Options& options, RawFlags& raw) {
  LoadOptions& load = options.load;
  load.on_large_file = [&options](const std::string& path, std::uint64_t bytes) {
    if (!options.quiet) fmt::print(stderr, "squall: reading {}, {}\n", path, bytes_text(static_cast<double>(bytes)));
  };
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
  with_environment(verb.add_option("--profile", load.profile, "which of the scenario's profiles runs"));
  with_environment(verb.add_option("--drain", load.drain, "how long running iterations may go on at the end"));
  with_environment(verb.add_option("--grace,--stop-timeout", load.grace, "the same after a signal, and for on_stop"));
  with_environment(verb.add_option("--slack", load.slack, "how late a start may be so that wakes are shared (less CPU)"));
  with_environment(verb.add_option("--busy-poll", load.busy_poll,
                                   "how long before a start it looks instead of sleeping (less lag, more CPU)"));
  with_environment(verb.add_option("--plugin-path", options.plugin_path, "folders of plugins, colon-separated"));
}

void add_export_flags(CLI::App& verb, Exports& exports) {
  const auto add_file = [&](const char* flag, std::optional<std::string>& file, const char* what) {
    with_environment(verb.add_option(flag, file, fmt::format("the result as {} to FILE, or to stdout", what))->expected(0, 1)->type_name("FILE"));
  };
  add_file("--json", exports.json, "JSON");
  add_file("--html", exports.html, "a page");
  add_file("--junit", exports.junit, "JUnit XML (a case for each threshold)");
  add_file("--markdown", exports.markdown, "Markdown (GitHub's step summary)");
  with_environment(verb.add_option("--csv", exports.csv, "the result as Locust's four files: PREFIX_stats.csv, …_stats_history.csv, "
                                                         "…_failures.csv, …_exceptions.csv")->type_name("PREFIX"));
}

void add_run_flags(CLI::App& verb, Options& options) {
  with_environment(verb.add_option("--shards", options.shards, "threads that generate load")->check(CLI::Range(1u, 256u)));
  add_export_flags(verb, options.exports);
  with_environment(verb.add_option("--results", options.exports.results, "folder for all of a run: 'squall report' renders it again")->type_name("DIR"));
  verb.add_option("--out,-o", options.outputs, "an output: NAME, or NAME=VALUE for its first option (a file, an address); repeatable");
  with_environment(verb.add_flag("--quiet,-q", options.quiet, "only the verdict"));
  with_environment(verb.add_flag("--no-color", options.no_color, "no colours"));
  with_environment(verb.add_flag("--strict", options.strict, "each warning of the generator makes the run invalid"));
  with_environment(verb.add_flag("--strict-outputs", options.strict_outputs, "an output that loses data ends 111"));
  with_environment(verb.add_flag("--accept-invalid", options.accept_invalid, "exit as if an invalid run were valid"));
  with_environment(verb.add_flag("--exit-code-on-error", options.exit_code_on_error, "exit 1 when operations failed"));
  with_environment(verb.add_flag("--check-plugins", options.check_plugins, kCheckPluginsHelp));
  verb.add_flag_function("--headless", [](std::int64_t) {}, "accepted; runs have no page by default");
}

void add_tls_flags(CLI::App& verb, Options& options) {
  with_environment(verb.add_option("--ca", options.ca, "certificates to trust, PEM; the system's when absent")->type_name("FILE"));
  with_environment(verb.add_option("--cert", options.cert, "own certificate, PEM")->type_name("FILE"));
  with_environment(verb.add_option("--key", options.key, "its key, PEM")->type_name("FILE"));
  with_environment(verb.add_flag("--insecure,-k", options.insecure, "do not verify the target's certificate"));
}

void add_once_flag(CLI::App& verb, Options& options) {
  verb.add_option("--once", options.once, kOnceHelp)->expected(0, 1)->type_name("[TASK]");
  verb.add_flag("--verbose,-v", options.verbose, kVerboseHelp);
}

void add_plain_once_flag(CLI::App& verb, Options& options) {
  verb.add_flag_function("--once", [&options](std::int64_t) { options.once = ""; }, "once, by one user, and shown; see -v");
  verb.add_flag("--verbose,-v", options.verbose, kVerboseHelp);
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

/// A typo in a container's manifest would be silent otherwise.
void warn_of_unknown_variables(CLI::App& app) {
  std::vector<std::string> known = {"SQUALL_AGENT_ID", "SQUALL_ON_AGENT_LOSS", "SQUALL_PLUGIN_PATH", "SQUALL_NATS_URL",
                                    "SQUALL_SDK", "SQUALL_CACHE", "SQUALL_BIN_DIR", "SQUALL_BUILD_TESTS", "SQUALL_FULL"};
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

std::string unknown_words(const CLI::App& verb, const std::vector<std::string>& words) {
  std::string text;
  const std::vector<std::string> names = names_of(verb);
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto is_a_flag = [](const std::string& word) { return word.starts_with('-') && word.size() > 1; };
  const bool has_flag = std::ranges::any_of(words, is_a_flag);
  for (const std::string& word : words) {
    const std::string flag = word.substr(0, word.find('='));
    const bool is_flag = is_a_flag(word);
    if (has_flag && !is_flag) continue;   // most likely that flag's value
    text += fmt::format("squall {}: {} '{}'{}\n", verb.get_name(), is_flag ? "no flag" : "one word too many:", is_flag ? flag : word,
                        is_flag ? did_you_mean(flag, known) : "");
  }
  return text + fmt::format("squall: 'squall {} --help' lists its flags\n", verb.get_name());
}

}  // namespace squall
