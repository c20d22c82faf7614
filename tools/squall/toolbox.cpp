#include "toolbox.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "build.hpp"
#include "engine/host_api.hpp"
#include "plugin_host/last_words.hpp"
#include "scenario/files.hpp"
#include "scenario/loader.hpp"

namespace squall {
namespace {

std::uint32_t least_shown = SQ_LOG_WARN;   // before plugins are loaded, and not changed then

void write_log(std::uint32_t level, std::string_view text) {
  if (level < least_shown) return;
  fmt::print(stderr, "squall: {}{}\n", level >= SQ_LOG_ERROR ? "error: " : "", text);
}

constexpr const char* kWhereLibrariesLie = "a library lies beside the scenario, or in a plugin directory";

/// `plugins.NAME.library`: a file beside the scenario, source or compiled; a name without a folder may also be in the
/// plugin directories, where all are loaded anyway. `hint`: what to do about an error.
Result<bool> load_library(Registry& registry, const std::string& scenario, const std::string& library,
                          const std::vector<std::filesystem::path>& directories, std::string& hint) {
  const std::string folder = std::filesystem::path(scenario).parent_path().string();
  std::filesystem::path file;
  if (const std::string why = refuse_path(folder, library, file); !why.empty()) {
    std::error_code error;
    for (const auto& directory : directories) {
      if (library.find('/') == library.npos && std::filesystem::exists(directory / library, error)) {
        auto loaded = registry.load_file(directory / library);
        if (!loaded) return loaded.error();
        return true;
      }
    }
    hint = kWhereLibrariesLie;
    return Error{why};
  }
  if (is_source(file)) {
    auto built = build_plugin(file, {}, {});
    if (!built) return built.error();
    file = *built;
  }
  auto loaded = registry.load_file(file);
  if (!loaded) return loaded.error();
  return true;
}

}  // namespace

Toolbox::Toolbox(bool check_plugins) : extensions(write_log), registry(extensions, check_plugins) {
  offer_host_tables(extensions, check_plugins);
}

std::unique_ptr<Toolbox> load_toolbox(const std::string& plugin_path, const std::string& scenario, std::uint32_t log_level,
                                      bool check_plugins) {
  least_shown = log_level;
  auto toolbox = std::make_unique<Toolbox>(check_plugins);
  const auto directories = plugin_directories(plugin_path);
  if (directories.empty()) {
    fmt::print(stderr, "squall: no plugin directory: give one with --plugin-path or SQUALL_PLUGIN_PATH\n");
    return nullptr;
  }
  for (const auto& directory : directories) {
    if (auto loaded = toolbox->registry.load_directory(directory); !loaded) {
      fmt::print(stderr, "squall: {}\n", loaded.error().text);
      return nullptr;
    }
  }
  for (const PluginLibrary& library : scenario.empty() ? std::vector<PluginLibrary>() : plugin_libraries(scenario)) {
    std::string hint;
    if (auto loaded = load_library(toolbox->registry, scenario, library.file, directories, hint); !loaded) {
      Diagnostics said;
      said.add({scenario, library.mark.line, library.mark.column, static_cast<std::uint32_t>(library.file.size()),
                loaded.error().text, hint});
      fmt::print(stderr, "{}", said.print());
      return nullptr;
    }
  }
  hear_exit_first();
  for (const Plugin* plugin : toolbox->registry.plugins()) {
    if (plugin->protocol) toolbox->catalog.add(*plugin->protocol, plugin->root->id);
    if (plugin->output) toolbox->catalog.add(*plugin->output);
    if (plugin->tasks) toolbox->catalog.add(*plugin->tasks, plugin->root->id);
  }
  return toolbox;
}

void print_end(const std::string& text) { fmt::print(stderr, "{}\n", text); }

}  // namespace squall
