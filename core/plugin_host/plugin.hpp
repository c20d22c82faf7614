// One plugin: looked at before any of its code runs, then loaded for good.
// A plugin is never unloaded: template statics, thread-exit destructors and late callbacks of the
// libraries it brings would point into nothing.
#pragma once

#include <squall/abi.h>

#include <filesystem>
#include <string>

#include "result.hpp"

namespace squall {

struct Plugin {
  std::filesystem::path path;
  const sq_plugin* root = nullptr;          // lives to the end of the process
  const sq_protocol* protocol = nullptr;    // the interfaces it has, or nullptr
  const sq_output* output = nullptr;
  const sq_tasks* tasks = nullptr;
};

/// Looks at the ELF symbol table of `path` and says in one sentence what is wrong with it as a plugin:
/// not ELF, truncated, no entry, another ABI major, more than the one exported symbol. Runs no code of it.
Result<bool> inspect_plugin(const std::filesystem::path& path);

/// inspect_plugin, then loads (now, local), compares versions, calls init and asks for its interfaces.
/// Errors: one sentence each, with the plugin's path. Thread: main.
Result<Plugin> load_plugin(const std::filesystem::path& path, const sq_host* host);

}  // namespace squall
