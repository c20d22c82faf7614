// squall-plugin-check: holds a plugin that it knows nothing of to the rules of abi.h. `squall plugins check` runs it.
#include <fmt/format.h>
#include <squall/testing/check.hpp>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "board.hpp"
#include "child.hpp"
#include "tests.hpp"
#include "traces.hpp"

namespace squall::plugin_check {
namespace {

constexpr int kPassed = 0, kFailed = 1, kBadCommandLine = 2;

void nothing(const Subject&) {}

const Test kTests[] = {
    {"loading", "the entry, init and get_interface do as they should", Test::Of::plugin, nothing},
    {"bare-host", "a host without any table is refused with a reason, or served", Test::Of::bare_host, nothing},
    {"description", "names, docs, defaults and choices are what they say", Test::Of::plugin, test_described},
    {"options", "any options are taken or refused with a reason, and are not read afterwards", Test::Of::protocol, test_options},
    {"parameters", "any parameters are taken or refused with a reason, and are not read afterwards", Test::Of::protocol, test_parameters},
    {"sessions", "sessions come and go in any order", Test::Of::protocol, test_sessions},
    {"calls", "each call ends once and in time, whatever the network does, and its results can be read", Test::Of::protocol, test_calls},
    {"cancel", "a call that is cancelled ends in time", Test::Of::protocol, test_cancel},
    {"side-by-side", "calls of one session do not disturb each other", Test::Of::protocol, test_side_by_side},
    {"life", "random lives end with nothing left behind", Test::Of::protocol, test_life},
    {"leaks", "memory does not grow with calls", Test::Of::protocol, test_leaks},
    {"passes", "each pass ends, whatever is answered", Test::Of::tasks, test_passes},
    {"cut", "a pass that is cut ends in time", Test::Of::tasks, test_cut_passes},
    {"task-leaks", "memory does not grow with passes", Test::Of::tasks, test_task_leaks},
    {"output-options", "any options are taken or refused with a reason, and it closes", Test::Of::output, test_output_options},
    {"batches", "each batch is written once, and all of it accounted for", Test::Of::output, test_batches},
    {"output-leaks", "memory does not grow with batches", Test::Of::output, test_output_leaks},
};

struct Interfaces {
  bool is_loaded = false, has_protocol = false, has_tasks = false, has_output = false;
  bool has(Test::Of of) const {
    switch (of) {
      case Test::Of::protocol: return has_protocol;
      case Test::Of::tasks: return has_tasks;
      case Test::Of::output: return has_output;
      default: return true;
    }
  }
};

void run(const Test& test, Subject subject) {
  fake::on_failure = [](const std::source_location&, const std::string& text) { find(text); };
  subject.has_nothing = test.of == Test::Of::bare_host;
  if (load(subject)) test.run(subject);
}

/// True when it holds.
bool report(const Test& test, const std::string& ended, const std::string& said) {
  const Board& found = board();
  const bool holds = ended.empty() && found.findings_count == 0;
  fmt::print("{:<7} {:<15} {}\n", holds ? "ok" : "FAILED", test.name, holds && found.note[0] ? found.note : test.holds);
  for (std::uint32_t i = 0; i < found.findings_count; ++i) {
    const Board::Finding& one = found.findings[i];
    fmt::print("        {}\n          {}{}\n", one.text, one.times > 1 ? fmt::format("{} times, first in: ", one.times) : "in: ", one.where);
  }
  if (found.more) fmt::print("        and {} more\n", found.more);
  if (!ended.empty()) fmt::print("        {}\n          in: {}\n", ended, found.where);
  for (std::size_t begin = 0; !holds && begin < said.size();) {
    const std::size_t end = std::min(said.find('\n', begin), said.size());
    if (end > begin) fmt::print("        | {}\n", said.substr(begin, end - begin));
    begin = end + 1;
  }
  std::fflush(stdout);
  return holds;
}

int check(const Subject& subject, const std::vector<std::string>& wanted, std::chrono::seconds limit) {
  Interfaces interfaces;
  unsigned failed = 0, passed = 0;
  std::string failed_names;
  for (const Test& test : kTests) {
    // The first is always run: it tells what there is to test.
    if (interfaces.is_loaded && (!interfaces.has(test.of) || (!wanted.empty() && std::ranges::find(wanted, test.name) == wanted.end()))) continue;
    std::string said;
    const std::string ended = run_in_child([&] { run(test, subject); }, limit, said);
    const bool holds = report(test, ended, said);
    (holds ? passed : failed) += 1;
    if (!holds) failed_names += fmt::format(" {}", test.name);
    if (!interfaces.is_loaded && !holds) break;
    if (!interfaces.is_loaded) interfaces = {true, board().has_protocol != 0, board().has_tasks != 0, board().has_output != 0};
  }
  if (!failed) {
    fmt::print("{}: all {} tests of the kit passed (seed {})\n", std::filesystem::path(subject.path).filename().string(), passed, subject.seed);
    return kPassed;
  }
  fmt::print("{}: {} of {} tests failed:{} (seed {}; --test NAME --seed {} repeats one)\n", std::filesystem::path(subject.path).filename().string(), failed,
             passed + failed, failed_names, subject.seed, subject.seed);
  return kFailed;
}

int run_program(int argc, char** argv) {
  CLI::App app("squall plugins check: holds a plugin to the rules of squall's plugin ABI", "squall plugins check");
  Subject subject;
  std::vector<std::string> tests, values;
  unsigned limit = 60;
  app.add_option("FILE", subject.path, "the library")->required()->check(CLI::ExistingFile);
  app.add_option("--test", tests, "only this test; may be given several times")->check([](const std::string& name) {
    std::string names;
    for (const Test& test : kTests) {
      if (name == test.name) return std::string();
      names += fmt::format(" {}", test.name);
    }
    return fmt::format("no test '{}'; there are{}", name, names);
  });
  app.add_option("--operation", subject.only, "only this operation or task; may be given several times");
  app.add_option("--set", values, "a value for every parameter or option of that name: --set topic=a/b")->type_name("NAME=VALUE");
  app.add_option("--seed", subject.seed, "what everything is drawn from")->capture_default_str();
  app.add_option("--limit", limit, "seconds that one test may take")->check(CLI::Range(1u, 86'400u))->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kPassed : kBadCommandLine;
  }
  for (const std::string& value : values) {
    const std::size_t equals = value.find('=');
    if (equals == value.npos || equals == 0) {
      fmt::print(stderr, "squall: --set {}: write NAME=VALUE\n", value);
      return kBadCommandLine;
    }
    subject.given[value.substr(0, equals)] = value.substr(equals + 1);
  }
  subject.path = std::filesystem::canonical(subject.path).string();
  board();
  return check(subject, tests, std::chrono::seconds(limit));
}

}  // namespace
}  // namespace squall::plugin_check

int main(int argc, char** argv) {
  squall::plugin_check::count_the_heap_exactly(argv);
  return squall::plugin_check::run_program(argc, argv);
}
