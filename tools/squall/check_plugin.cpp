// squall plugins check FILE: the loader looks first, then the conformance kit, a program of its own whose host is not this one.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;

constexpr int kRuleBroken = 1, kInternal = 109, kPluginNotLoaded = 113;

/// In a process of its own: what it does there is not done to us. True: a run would load it.
bool loader_takes(const fs::path& library) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    Toolbox toolbox(false);
    const auto loaded = toolbox.registry.load_file(library);
    if (!loaded) fmt::print("        {}\n", loaded.error().text);
    std::fflush(nullptr);
    ::_exit(loaded ? 0 : kPluginNotLoaded);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) {
    fmt::print("        no process for it: {}\n", std::strerror(errno));
    return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

int check_plugin_command(int argc, char** argv) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path() / "lib" / "squall" / "squall-plugin-check";
  std::vector<char*> words(argv, argv + argc);
  words.push_back(nullptr);
  for (int i = 1; i < argc; ++i) {
    // The words are the kit's to read, and what is wrong with them is its to say.
    if (argv[i][0] == '-' || !std::string_view(argv[i]).ends_with(".so") || !fs::is_regular_file(argv[i], error)) continue;
    if (!loader_takes(argv[i])) {
      fmt::print("FAILED  loader          squall loads it\n");
      return kRuleBroken;
    }
    fmt::print("ok      loader          squall loads it\n");
    std::fflush(nullptr);
    break;
  }
  ::execv(program.c_str(), words.data());
  fmt::print(stderr, "squall: plugins check: {}: {}\n", program.string(), std::strerror(errno));
  return kInternal;
}

}  // namespace squall
