// One plugin: looked at before any of its code runs, then loaded for good.
// A plugin is never unloaded: template statics, thread-exit destructors and late callbacks of the
// libraries it brings would point into nothing.
#pragma once

#include <squall/abi.h>

#include <filesystem>
#include <string>
#include <vector>

#include "result.hpp"

namespace squall {

struct Plugin {
  std::filesystem::path path;
  const sq_plugin* root = nullptr;          // lives to the end of the process
  const sq_protocol* protocol = nullptr;    // the interfaces it has, or nullptr
  const sq_output* output = nullptr;
  const sq_tasks* tasks = nullptr;
  std::string file = {};                    // the path's last part

  /// By which users know it: its protocol, output or tasks; before it has told them, its file. A signal handler may ask.
  const char* name() const noexcept;
};

/// What a plugin says of its failure; one that says nothing is quoted so, with its status.
std::string failure_text(const sq_error& error, sq_status status);

/// The plugin whose library holds `address` (code or data of it); nullptr: none that was loaded. [any]
const Plugin* find_plugin_at(const void* address) noexcept;
/// The innermost frame of the calling thread that is a plugin's; nullptrs: there is none. [any]
struct PluginFrame {
  const Plugin* plugin = nullptr;
  void* address = nullptr;
};
PluginFrame find_plugin_on_stack() noexcept;

/// Looks at the ELF symbol table of `path` and says in one sentence what is wrong with it as a plugin:
/// not ELF, truncated, no entry, another ABI major, more than the one exported symbol. Runs no code of it.
Result<bool> inspect_plugin(const std::filesystem::path& path);

/// inspect_plugin, then loads (now, local), compares versions, calls init and asks for its interfaces. A plugin whose
/// code has changed what belongs to the process is refused, too. Lives to the end of the process. `is_checked`: it is
/// asked through tables that look at what it answers, as `host` then gives it such tables, too.
/// Errors: one sentence each, with the plugin's path. Thread: main.
Result<const Plugin*> load_plugin(const std::filesystem::path& path, const sq_host* host, bool is_checked = false);

}  // namespace squall
