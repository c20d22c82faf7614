// A scenario file to a Scenario, or to all mistakes that are in it.
// Runs no code of the file, opens no socket, reads no clock; opens only the files that the scenario lists,
// and only inside the scenario's own folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario/catalog.hpp"
#include "scenario/diagnostics.hpp"
#include "scenario/scenario.hpp"

namespace squall {

/// What the command line and the environment say beside the file.
struct LoadOptions {
  std::vector<std::pair<std::string, std::string>> vars;   // --set name=value, in the order given
  /// Value of an environment variable; not given: the process's own environment.
  std::function<std::optional<std::string>(const std::string&)> env;

  // Of the only population (or the one that `only` leaves).
  std::optional<std::string> users, rate, stages;          // "50", "500/s", "10s:100,1m:100"
  std::optional<std::uint64_t> iterations;                 // total over all its users

  std::optional<std::string> duration;                     // run.for: "60s"
  std::optional<std::string> drain, grace, slack, busy_poll;
  std::optional<std::string> host;                         // replaces the only target, or the one named `default`
  std::optional<std::uint64_t> seed;
  double scale = 1;                                        // users, rates, sessions
  double compress = 1;                                     // intervals
  std::vector<std::string> only;                           // populations or tasks; comes before the profile
  std::optional<std::string> profile;                      // which of `profiles` runs
  bool once = false;                                       // one pass of one user: no threshold is judged
  bool read_files = true;                                  // false: datasets stay empty (editors)
  /// Before a data file that takes seconds to read is read; bytes of it.
  std::function<void(const std::string& path, std::uint64_t bytes)> on_large_file;
};

struct LoadResult {
  std::unique_ptr<Scenario> scenario;                      // null when there are errors
  Diagnostics diagnostics;                                 // errors and warnings
  explicit operator bool() const { return scenario != nullptr; }
};

LoadResult load_scenario(const std::string& path, const OperationCatalog& catalog, const LoadOptions& options = {});
/// `name` stands in messages; files are looked for in `folder`.
LoadResult load_scenario_text(std::string text, const std::string& name, const std::string& folder,
                              const OperationCatalog& catalog, const LoadOptions& options = {});

/// `plugins.X.library` of a file, before any plugin is loaded; none when the file cannot be read.
struct PluginLibrary { std::string file; Mark mark; };
std::vector<PluginLibrary> plugin_libraries(const std::string& path);

/// Of one population, as its plan has it.
struct PlannedLoad {
  std::uint64_t iterations = 0;   // 0: not known beforehand
  std::int64_t replay_ns = 0;     // when the last arrival of a trace is due
};

/// The plan in a few lines, for `squall check` and the head of a run: targets, populations with their peaks,
/// records, where they end.
std::string describe_plan(const Scenario& scenario, const std::vector<PlannedLoad>& planned = {});

}  // namespace squall
