// What the command line (and SQUALL_… variables) said, as plain data. main.cpp and flags.cpp alone know CLI11.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scenario/loader.hpp"

namespace squall {

/// What is made of a result. Of a file "-" or "" is stdout.
struct Exports {
  std::optional<std::string> json, html, junit, markdown;
  std::optional<std::string> csv;              // what the names of its files begin with
  std::optional<std::string> results;          // folder
};

struct Options {
  std::string file;
  LoadOptions load;
  std::string plugin_path;
  bool check_plugins = false;
  std::uint32_t shards = 1;
  bool quiet = false;
  bool no_color = false;
  bool strict = false, strict_outputs = false, accept_invalid = false, exit_code_on_error = false;
  Exports exports;
  std::vector<std::string> outputs;            // NAME[=URI]
  std::optional<std::string> once;             // a task or population; "": all
  bool verbose = false;

  // squall call OPERATION key=value …
  std::string operation;
  std::vector<std::string> arguments;
  std::string ca, cert, key;                   // PEM files, of its target
  bool insecure = false;

  bool as_json = false;                        // check, plugins

  // squall plugins
  std::string plugin_verb, plugin_name;

  std::string build_output;                    // squall build FILE.cpp -o libx.so

  // squall schema
  bool keys_only = false;

  // squall new KIND NAME
  std::string new_kind;                          // scenario, or a kind of project: protocol, task, output
  std::string new_name, new_template = "http";   // without a name: the recording's
  std::optional<std::string> recording;          // --from, a HAR file
  bool assets = false, all_hosts = false;        // of the recording
  bool force = false;
};

// Each returns the process's exit code.
int run_command(const Options& options);
int check_command(const Options& options);
int call_command(Options options);
int plugins_command(const Options& options);
/// The words behind `squall plugins`, with `check` as the first: they are those of the conformance kit.
int check_plugin_command(int argc, char** argv);
int report_command(const Options& options);
int build_command(const Options& options);
int schema_command(const Options& options);
int new_command(const Options& options);
int new_from_har(const Options& options);
int new_project(const Options& options);
int exit_codes_command();

}  // namespace squall
