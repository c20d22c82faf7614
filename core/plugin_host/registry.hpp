// Finds and loads the plugins of a process, and answers by protocol or output name.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plugin_host/extensions.hpp"
#include "plugin_host/plugin.hpp"

namespace squall {

/// Thread: main. Plugins stay loaded when the registry is gone.
class Registry {
 public:
  /// `is_checked`: of what is loaded. It goes with checking tables in `extensions`.
  explicit Registry(const Extensions& extensions, bool is_checked = false) : host_(extensions.host()), is_checked_(is_checked) {}
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Loads every lib*.so of `directory` that is not loaded yet, in the order of their names.
  /// A missing directory is an error; so is the first file that cannot be loaded.
  Result<bool> load_directory(const std::filesystem::path& directory);
  Result<const Plugin*> load_file(const std::filesystem::path& path);

  /// A plugin that is part of the program: tests have scripted ones.
  void add(const Plugin& plugin) { plugins_.push_back(added_.emplace_back(std::make_unique<Plugin>(plugin)).get()); }

  const std::vector<const Plugin*>& plugins() const { return plugins_; }
  const Plugin* find_protocol(std::string_view name) const;
  const Plugin* find_output(std::string_view name) const;
  const Plugin* find_tasks(std::string_view name) const;   // "shop"

 private:
  const sq_host* host_;
  const bool is_checked_;
  std::vector<const Plugin*> plugins_;  // those from files live as long as their libraries
  std::vector<std::unique_ptr<const Plugin>> added_;
};

/// Where plugins are looked for: `--plugin-path` and SQUALL_PLUGIN_PATH (colon-separated) first, then the
/// folder lib/squall/plugins beside the program's bin.
std::vector<std::filesystem::path> plugin_directories(const std::string& option_path);

}  // namespace squall
