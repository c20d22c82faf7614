#include "plugin_host/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace squall {
namespace fs = std::filesystem;

Result<bool> Registry::load_directory(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("lib") && name.ends_with(".so")) files.push_back(entry.path());
  }
  if (error) {
    return Error{fmt::format("plugin directory {}: {}", directory.string(), error.message())};
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    if (auto loaded = load_file(file); !loaded) return loaded.error();
  }
  return true;
}

Result<const Plugin*> Registry::load_file(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return Error{fmt::format("plugin {}: {}", path.string(), error.message())};
  for (const Plugin* plugin : plugins_) {
    if (fs::equivalent(plugin->path, real, error)) return plugin;
  }
  const auto result = load_plugin(real, host_, is_checked_);
  if (!result) return result.error();
  const Plugin* const loaded = *result;
  for (const Plugin* other : plugins_) {
    const bool same_protocol = loaded->protocol && other->protocol &&
                               std::string_view(loaded->protocol->name) == other->protocol->name;
    const bool same_output = loaded->output && other->output &&
                             std::string_view(loaded->output->name) == other->output->name;
    if (loaded->tasks && other->tasks && std::string_view(loaded->tasks->name) == other->tasks->name) {
      return Error{fmt::format("plugin {}: tasks '{}' are already offered by {}", real.string(), loaded->tasks->name, other->path.string())};
    }
    if (same_protocol || same_output) {
      return Error{fmt::format("plugin {}: {} '{}' is already offered by {}", real.string(),
                               same_protocol ? "protocol" : "output",
                               same_protocol ? loaded->protocol->name : loaded->output->name,
                               other->path.string())};
    }
  }
  plugins_.push_back(loaded);
  return loaded;
}

const Plugin* Registry::find_protocol(std::string_view name) const {
  for (const Plugin* plugin : plugins_) {
    if (plugin->protocol && name == plugin->protocol->name) return plugin;
  }
  return nullptr;
}

const Plugin* Registry::find_output(std::string_view name) const {
  for (const Plugin* plugin : plugins_) {
    if (plugin->output && name == plugin->output->name) return plugin;
  }
  return nullptr;
}

const Plugin* Registry::find_tasks(std::string_view name) const {
  for (const Plugin* plugin : plugins_) {
    if (plugin->tasks && name == plugin->tasks->name) return plugin;
  }
  return nullptr;
}

std::vector<fs::path> plugin_directories(const std::string& option_path) {
  std::vector<fs::path> directories;
  auto add_list = [&](std::string_view list) {
    while (!list.empty()) {
      const auto colon = list.find(':');
      if (const auto item = list.substr(0, colon); !item.empty()) directories.emplace_back(item);
      list = colon == std::string_view::npos ? std::string_view{} : list.substr(colon + 1);
    }
  };
  add_list(option_path);
  if (const char* environment = std::getenv("SQUALL_PLUGIN_PATH")) add_list(environment);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path own = program.parent_path().parent_path() / "lib" / "squall" / "plugins";
  if (!error && fs::is_directory(own, error)) directories.push_back(own);
  return directories;
}

}  // namespace squall
