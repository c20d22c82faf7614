#include "program.hpp"

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

Program::Program() : extensions(write_log), registry(extensions) { offer_host_tables(extensions); }

std::unique_ptr<Program> load_program(const std::string& plugin_path) {
  auto program = std::make_unique<Program>();
  const auto directories = plugin_directories(plugin_path);
  if (directories.empty()) {
    fmt::print(stderr, "squall: no plugin directory: give one with --plugin-path or SQUALL_PLUGIN_PATH\n");
    return nullptr;
  }
  for (const auto& directory : directories) {
    if (auto loaded = program->registry.load_directory(directory); !loaded) {
      fmt::print(stderr, "squall: {}\n", loaded.error().text);
      return nullptr;
    }
  }
  for (const Plugin* plugin : program->registry.plugins()) {
    if (plugin->protocol) program->catalog.add(*plugin->protocol, plugin->root->id);
    if (plugin->output) program->catalog.add(*plugin->output);
  }
  return program;
}

void print_end(const std::string& text) { fmt::print(stderr, "{}\n", text); }

}  // namespace squall
