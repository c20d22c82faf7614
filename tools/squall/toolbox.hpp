// What every verb needs first: the host's tables, the plugins, and the catalog of what they offer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "plugin_host/extensions.hpp"
#include "plugin_host/registry.hpp"
#include "scenario/catalog.hpp"

namespace squall {

struct Toolbox {
  Extensions extensions;
  Registry registry;
  OperationCatalog catalog;

  explicit Toolbox(bool check_plugins);
};

/// Loads all plugins of the directories, and those that `scenario` (a path; empty: none) brings along; prints a sentence and returns nullptr when one cannot be (exit 113).
/// Of what plugins log, shown is what has at least `log_level` (SQ_LOG_*). `check_plugins`: for those who look for a
/// plugin's mistake, at the cost of speed.
std::unique_ptr<Toolbox> load_toolbox(const std::string& plugin_path, const std::string& scenario = {},
                                      std::uint32_t log_level = SQ_LOG_WARN, bool check_plugins = false);

/// The last line on stderr: what the run was worth, and why.
void print_end(const std::string& text);

}  // namespace squall
