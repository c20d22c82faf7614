#include "build.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "options.hpp"

extern char** environ;

namespace squall {
namespace fs = std::filesystem;
namespace {

constexpr int kBadCommandLine = 2, kPluginNotLoaded = 113;
constexpr std::string_view kVersionScript = "{ global: squall_plugin_entry_v1; local: *; };\n";

std::string environment(const char* name, std::string_view otherwise = "") {
  const char* value = std::getenv(name);
  return value && *value ? value : std::string(otherwise);
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string digest_of(std::string_view bytes) { return fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size())); }

/// Waits for it; its exit status, or an error when it cannot be started.
Result<int> run_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t process = 0;
  if (const int failed = posix_spawnp(&process, arguments[0], nullptr, nullptr, arguments.data(), environ)) {
    return Error{fmt::format("cannot run the compiler '{}': {}; install it (g++), or name another in CXX", words[0], std::strerror(failed))};
  }
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<fs::path> cache_folder() {
  fs::path folder = environment("SQUALL_CACHE");
  if (folder.empty()) {
    const std::string home = environment("XDG_CACHE_HOME");
    folder = home.empty() ? fs::path(environment("HOME", "/tmp")) / ".cache" : fs::path(home);
    folder /= "squall";
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Error{fmt::format("{}: {}; SQUALL_CACHE names another folder", folder.string(), error.message())};
  return folder;
}

/// The files that make's rule in `rule` depends on. The compiler writes a backslash before a space.
std::vector<std::string> files_of(const std::string& rule) {
  std::vector<std::string> files;
  std::string name;
  const auto end = [&] {
    if (!name.empty()) files.push_back(std::exchange(name, {}));
  };
  for (std::size_t i = std::min(rule.find(": "), rule.size() - 1) + 1; i < rule.size(); ++i) {
    if (rule[i] == '\\' && i + 1 < rule.size() && rule[i + 1] != '\n') name += rule[++i];
    else if (rule[i] == ' ' || rule[i] == '\n' || rule[i] == '\\') end();
    else name += rule[i];
  }
  end();
  return files;
}

/// "HASH FILE" a line: what a library in the cache was made of.
std::string describe(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) text += fmt::format("{} {}\n", digest_of(read_file(file).value_or("")), file);
  return text;
}

bool is_current(const fs::path& library, const fs::path& made_of) {
  std::error_code error;
  const auto text = read_file(made_of);
  if (!text || text->empty() || !fs::exists(library, error)) return false;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 18) return false;
    const auto bytes = read_file(line.substr(17));
    if (!bytes || digest_of(*bytes) != line.substr(0, 16)) return false;
  }
  return true;
}

}  // namespace

bool is_source(const fs::path& file) {
  const std::string kind = file.extension().string();
  return kind == ".cpp" || kind == ".cc" || kind == ".cxx";
}

Result<fs::path> sdk_include() {
  std::error_code error;
  std::vector<fs::path> places;
  if (const std::string said = environment("SQUALL_SDK"); !said.empty()) places.push_back(fs::path(said) / "include");
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  for (const char* place : {"include", "sdk/include", "share/squall/sdk/include"}) places.push_back(beside / place);
  for (const fs::path& place : places) {
    if (fs::exists(place / "squall" / "abi.h", error)) return fs::canonical(place, error);
  }
  return Error{"the SDK is not installed beside this program: install squall-sdk, or name its folder in SQUALL_SDK"};
}

Result<fs::path> build_plugin(const fs::path& source, const fs::path& output, const std::vector<std::string>& flags) {
  std::error_code error;
  const fs::path real = fs::canonical(source, error);
  if (error) return Error{fmt::format("{}: {}", source.string(), error.message())};
  const auto include = sdk_include();
  if (!include) return include.error();
  const auto folder = cache_folder();
  if (!folder) return folder.error();

  const std::string compiler = environment("CXX", "g++");
  std::vector<std::string> words = {compiler, "-std=c++20", "-O2", "-g1", "-fPIC", "-shared", "-fvisibility=hidden",
                                    "-fvisibility-inlines-hidden", "-Wall", "-Wextra", "-I", include->string()};
  std::string all = real.string();
  for (const std::string& word : words) all += '\n' + word;
  for (const std::string& word : flags) all += '\n' + word;
  const std::string stem = fmt::format("{}-{}", real.stem().string(), digest_of(all));
  const fs::path cached = *folder / ("lib" + stem + ".so"), made_of = *folder / (stem + ".files");
  const fs::path library = output.empty() ? cached : output;
  if (output.empty() && is_current(cached, made_of)) return cached;

  // Under names of this process: another one may be at the same file.
  const fs::path script = *folder / fmt::format("{}.map.{}", stem, getpid()), rule = *folder / fmt::format("{}.d.{}", stem, getpid());
  const fs::path fresh = library.string() + fmt::format(".{}", getpid());
  std::ofstream(script) << kVersionScript;
  words.insert(words.end(), {"-MMD", "-MF", rule.string(), "-MT", "x", real.string(), "-o", fresh.string(),
                             "-Wl,--version-script=" + script.string(), "-Wl,-z,defs", "-Wl,-z,now"});
  words.insert(words.end(), flags.begin(), flags.end());
  const auto begun = std::chrono::steady_clock::now();
  const auto status = run_program(words);
  const auto text = read_file(rule);
  fs::remove(script, error);
  fs::remove(rule, error);
  if (!status || *status != 0) {
    fs::remove(fresh, error);
    return status ? Error{fmt::format("{} does not compile ({} ended {})", source.string(), compiler, *status)} : status.error();
  }
  fs::rename(fresh, library, error);
  if (error) return Error{fmt::format("{}: {}", library.string(), error.message())};
  if (output.empty()) std::ofstream(made_of) << describe(files_of(text.value_or("")));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print(stderr, "squall: compiled {} in {:.1f} s\n", source.string(), took.count());
  return library;
}

int build_command(const Options& options) {
  const fs::path source = options.file;
  if (!is_source(source)) {
    fmt::print(stderr, "squall: build: {} is no C++ source (.cpp, .cc or .cxx)\n", options.file);
    return kBadCommandLine;
  }
  fs::path output = options.build_output;
  if (output.empty()) output = source.parent_path() / ("lib" + source.stem().string() + ".so");
  auto built = build_plugin(source, output, options.arguments);
  if (!built) {
    fmt::print(stderr, "squall: {}\n", built.error().text);
    return kPluginNotLoaded;
  }
  fmt::print("{}\n", built->string());
  return 0;
}

}  // namespace squall
