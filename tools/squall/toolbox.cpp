#include "toolbox.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "engine/host_api.hpp"

namespace squall {
namespace {

void write_log(std::uint32_t level, std::string_view text) {
  if (level < SQ_LOG_WARN) return;
  fmt::print(stderr, "squall: {}{}\n", level >= SQ_LOG_ERROR ? "error: " : "", text);
}

}  // namespace

Toolbox::Toolbox() : extensions(write_log), registry(extensions) { offer_host_tables(extensions); }

std::unique_ptr<Toolbox> load_toolbox(const std::string& plugin_path) {
  auto toolbox = std::make_unique<Toolbox>();
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
  for (const Plugin* plugin : toolbox->registry.plugins()) {
    if (plugin->protocol) toolbox->catalog.add(*plugin->protocol, plugin->root->id);
    if (plugin->output) toolbox->catalog.add(*plugin->output);
  }
  return toolbox;
}

void print_end(const std::string& text) { fmt::print(stderr, "{}\n", text); }

}  // namespace squall
