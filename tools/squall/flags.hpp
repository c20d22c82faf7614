// The flags that verbs share, with their SQUALL_… variables, and what is said about flags and variables that nobody
// knows. Only main.cpp and flags.cpp see CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "options.hpp"

namespace squall {

/// As they were given; finish() puts them into the options.
struct RawFlags {
  std::vector<std::string> sets, stages, only;
};

/// --spawn-rate => SQUALL_SPAWN_RATE, without exception.
CLI::Option* with_environment(CLI::Option* option);
void add_load_flags(CLI::App& verb, Options& options, RawFlags& raw);
/// What is made of the result.
void add_export_flags(CLI::App& verb, Exports& exports);
void add_run_flags(CLI::App& verb, Options& options);
void add_once_flag(CLI::App& verb, Options& options);
/// Of a single operation: there is no task to name.
void add_plain_once_flag(CLI::App& verb, Options& options);
void add_tls_flags(CLI::App& verb, Options& options);
/// False when flags contradict each other; a sentence is printed.
bool finish(Options& options, const RawFlags& raw);

void warn_of_unknown_variables(CLI::App& app);
/// Lines for words that a verb does not take, each flag with the nearest one that there is.
std::string unknown_words(const CLI::App& verb, const std::vector<std::string>& words);

}  // namespace squall
