// squall new protocol NAME, squall new task NAME, squall new output NAME: a project of its own around a plugin, which builds, passes
// its tests and runs as it is written.
// What it writes is tools/squall/templates/KIND, in which every `acme` becomes the name.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "scenario/keys.hpp"
#include "template_files.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;

constexpr int kBadCommandLine = 2, kInternal = 109, kPluginNotLoaded = 113;
constexpr std::size_t kLongestName = 32;
constexpr std::string_view kSystemPrefixes[] = {"/usr", "/usr/local"};   // where CMake looks by itself

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_lower(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

/// The name that was probably meant: "My-Proto" => "my_proto"; empty when that is none, either.
std::string nearest_name(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') text += static_cast<char>(c - 'A' + 'a');
    else text += is_lower(c) || is_digit(c) ? c : '_';
  }
  return is_name(text) ? text : "";
}

/// What the word means already; empty when it is free.
std::string meaning_of(const std::string& name, const Toolbox& toolbox) {
  if (const ProtocolInfo* protocol = toolbox.catalog.protocol(name)) return fmt::format("the protocol of {}", protocol->plugin);
  if (toolbox.catalog.output(name)) return "an output";
  for (const TaskInfo& task : toolbox.catalog.tasks) {
    if (task.name.starts_with(name + ".")) return fmt::format("the tasks of {}", task.plugin);
  }
  for (const ProtocolInfo& protocol : toolbox.catalog.protocols) {
    if (std::ranges::count(schemes_of(protocol.name), name)) return fmt::format("a scheme of {}", protocol.name);
  }
  for (const std::span<const Key> words : {kControlKeys, kStepKeys}) {
    if (std::ranges::count(words, name, &Key::name)) return "a word of the scenario language";
  }
  return "";
}

void replace_all(std::string& text, std::string_view word, std::string_view by) {
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + by.size())) text.replace(at, word.size(), by);
}

std::string with_name(std::string_view text, const std::string& name) {
  std::string upper = name, result(text);
  std::ranges::transform(upper, upper.begin(), [](char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; });
  replace_all(result, "acme", name);
  replace_all(result, "ACME", upper);
  return result;
}

std::string with_article(const std::string& kind) { return (kind == "output" ? "an " : "a ") + kind; }

/// What to do next with a project of that kind; {0} is its folder, {1} how the SDK is found when it is not by itself.
std::string next_steps(std::string_view kind, const std::string& folder, const std::string& sdk) {
  if (kind != "protocol") {   // its scenario names the source
    return fmt::format("  cd {0}\n"
                       "  python3 server.py &                   # a server to try it against\n"
                       "  squall run scenario.yaml              # compiles it when it has changed\n"
                       "{1}"
                       "  cmake --workflow --preset default     # runs its tests\n", folder, sdk);
  }
  return fmt::format("{1}"
                     "  cd {0}\n"
                     "  cmake --workflow --preset default     # builds it and runs its tests\n"
                     "  python3 server.py &                   # a server to try it against\n"
                     "  squall run scenario.yaml --plugin-path build\n", folder, sdk);
}

bool has_sdk(const fs::path& prefix) {
  std::error_code error;
  return fs::exists(prefix / "share/cmake/squall-sdk/squall-sdkConfig.cmake", error);
}

bool is_on_path(const fs::path& folder) {
  const char* variable = std::getenv("PATH");
  std::string_view list = variable ? variable : "";
  while (!list.empty()) {
    const auto colon = list.find(':');
    std::error_code error;
    if (fs::equivalent(folder, list.substr(0, colon), error) && !error) return true;
    list = colon == list.npos ? std::string_view{} : list.substr(colon + 1);
  }
  return false;
}

/// How CMake finds the SDK that belongs to this program, when it does not by itself: the line that makes it, or what is missing.
std::string sdk_hint() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path folder = program.parent_path(), prefix = folder.parent_path();
  if (!error && has_sdk(prefix)) {
    if (is_on_path(folder)) return "";
    return fmt::format("  export PATH=\"{}:$PATH\"     # where CMake then finds squall-sdk, too\n", folder.string());
  }
  if (std::ranges::any_of(kSystemPrefixes, [](std::string_view known) { return has_sdk(known); })) return "";
  return "  apt install ./squall-sdk_*.deb     # the headers are missing; it comes with squall's package\n";
}

}  // namespace

int new_project(const Options& options) {
  fs::path folder = options.new_name;
  if (folder.filename().empty()) folder = folder.parent_path();   // acme/
  const std::string name = folder.filename().string();
  if (name.empty()) {
    fmt::print(stderr, "squall: new {}: NAME is required (squall new --help says more)\n", options.new_kind);
    return kBadCommandLine;
  }
  if (!is_name(name)) {
    const std::string near = nearest_name(name);
    fmt::print(stderr, "squall: '{}' cannot be the name of {}: a to z first, then a to z, 0 to 9 and _, at most {} in all{}\n", name,
               with_article(options.new_kind), kLongestName, near.empty() ? "" : fmt::format(" (such as {})", near));
    return kBadCommandLine;
  }
  const auto toolbox = load_toolbox({});
  if (!toolbox) return kPluginNotLoaded;
  if (const std::string meaning = meaning_of(name, *toolbox); !meaning.empty()) {
    fmt::print(stderr, "squall: '{}' is taken: it is {}\n", name, meaning);
    return kBadCommandLine;
  }

  std::vector<std::pair<fs::path, std::string>> files;
  for (const TemplateFile& file : kTemplateFiles) {
    if (file.kind == options.new_kind) files.emplace_back(folder / with_name(file.path, name), with_name(file.text, name));
  }
  std::error_code error;
  for (const auto& [path, text] : files) {
    if (!fs::exists(path, error) || options.force) continue;
    fmt::print(stderr, "squall: {} exists already (--force overwrites it)\n", path.string());
    return kBadCommandLine;
  }
  fs::create_directories(folder, error);
  for (const auto& [path, text] : files) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (file) continue;
    fmt::print(stderr, "squall: cannot write {}\n", path.string());
    return kInternal;
  }
  fmt::print("{0}: {1} plugin that builds and runs as it is; {0}/{2}.cpp is where to begin. Next:\n{3}", folder.string(), with_article(options.new_kind),
             name, next_steps(options.new_kind, folder.string(), sdk_hint()));
  return 0;
}

}  // namespace squall
