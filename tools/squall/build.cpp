#include "build.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
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

/// As make has them: CXX="ccache g++", CXXFLAGS="-O0 -g".
std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Whether all of it is there now: a full disk shows at the end.
bool write_file(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return bool(file);
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

/// Where this user's caches are, be there a HOME or not; empty when the system knows of none.
fs::path cache_home() {
  if (const std::string said = environment("XDG_CACHE_HOME"); !said.empty()) return said;
  std::string home = environment("HOME");
  if (const passwd* user = home.empty() ? getpwuid(geteuid()) : nullptr) home = user->pw_dir;
  return home.empty() ? fs::path() : fs::path(home) / ".cache";
}

/// What lies in it is loaded: nobody else may write there.
Result<fs::path> cache_folder() {
  constexpr const char* kHint = "SQUALL_CACHE names another folder";
  fs::path folder = environment("SQUALL_CACHE");
  if (folder.empty()) {
    folder = cache_home();
    if (folder.empty()) return Error{"there is no home folder for what is compiled; SQUALL_CACHE names a folder"};
    folder /= "squall";
  }
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  struct stat is{};
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Error{fmt::format("{}: {}; {}", folder.string(), std::strerror(errno), kHint)};
  if (::stat(folder.c_str(), &is) != 0 || !S_ISDIR(is.st_mode)) return Error{fmt::format("{} is no folder; {}", folder.string(), kHint)};
  if (is.st_uid != geteuid() || (is.st_mode & S_IWOTH)) {
    return Error{fmt::format("others may write to {}, and what lies there is run; {}", folder.string(), kHint)};
  }
  return folder;
}

/// One process at a time makes a library; whoever comes second finds it made.
class Lock {
 public:
  explicit Lock(const fs::path& path, const fs::path& source) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (file_ < 0) return;
    is_held_ = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
    if (is_held_ || errno != EWOULDBLOCK) return;
    fmt::print(stderr, "squall: another squall compiles {}: waiting for it\n", source.string());
    while (!(is_held_ = ::flock(file_, LOCK_EX) == 0) && errno == EINTR) {}
  }
  ~Lock() {
    if (file_ >= 0) ::close(file_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  explicit operator bool() const { return is_held_; }

 private:
  int file_;
  bool is_held_ = false;
};

/// The files that make's rule in `rule` depends on. The compiler writes a backslash before a space, and $$ for $.
std::vector<std::string> files_of(const std::string& rule) {
  std::vector<std::string> files;
  std::string name;
  const auto end = [&] {
    if (!name.empty()) files.push_back(std::exchange(name, {}));
  };
  for (std::size_t i = std::min(rule.find(": "), rule.size() - 1) + 1; i < rule.size(); ++i) {
    if (rule[i] == '\\' && i + 1 < rule.size() && rule[i + 1] != '\n') name += rule[++i];
    else if (rule[i] == ' ' || rule[i] == '\n' || rule[i] == '\\') end();
    else if (rule[i] == '$' && i + 1 < rule.size() && rule[i + 1] == '$') name += rule[++i];
    else name += rule[i];
  }
  end();
  return files;
}

/// "HASH FILE" a line: what a library in the cache was made of. Empty when one of them is newer than `begun`: nobody knows
/// which of its contents the compiler has seen.
std::string describe(const std::vector<std::string>& files, const timespec& begun) {
  std::string text;
  for (const std::string& file : files) {
    struct stat is{};
    const auto bytes = read_file(file);
    if (!bytes || ::stat(file.c_str(), &is) != 0) return {};
    if (std::pair(is.st_mtim.tv_sec, is.st_mtim.tv_nsec) >= std::pair(begun.tv_sec, begun.tv_nsec)) return {};
    text += fmt::format("{} {}\n", digest_of(*bytes), file);
  }
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
  const auto has_header = [&](const fs::path& place) { return fs::exists(place / "squall" / "abi.h", error); };
  if (const fs::path said = environment("SQUALL_SDK"); !said.empty()) {
    if (has_header(said / "include")) return fs::canonical(said / "include", error);
    return Error{fmt::format("SQUALL_SDK is {}, and there is no include/squall/abi.h in it", said.string())};
  }
  const fs::path beside = fs::read_symlink("/proc/self/exe", error).parent_path().parent_path();
  for (const char* place : {"include", "sdk/include"}) {
    if (has_header(beside / place)) return fs::canonical(beside / place, error);
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

  std::vector<std::string> words = words_of(environment("CXX", "g++")), last = words_of(environment("CXXFLAGS"));
  if (words.empty()) words = {"g++"};
  const std::string compiler = words.front();
  last.insert(last.end(), flags.begin(), flags.end());
  for (const char* word : {"-std=c++20", "-O2", "-g1", "-fPIC", "-shared", "-fvisibility=hidden", "-fvisibility-inlines-hidden", "-Wall",
                           "-Wextra", "-I"}) {
    words.emplace_back(word);
  }
  words.push_back(include->string());
  std::string all = real.string();
  for (const std::string& word : words) all += '\n' + word;
  for (const std::string& word : last) all += '\n' + word;
  const fs::path own = *folder / fmt::format("{}-{}", real.stem().string(), digest_of(all));
  const auto beside = [&](std::string_view ending) { return fs::path(own.string() + std::string(ending)); };
  const fs::path cached = *folder / ("lib" + own.filename().string() + ".so"), made_of = beside(".files");
  const fs::path library = output.empty() ? cached : output;

  const Lock lock(beside(".lock"), source);
  if (!lock) return Error{fmt::format("cannot lock {}: {}; SQUALL_CACHE names another folder", beside(".lock").string(), std::strerror(errno))};
  if (output.empty() && is_current(cached, made_of)) return cached;

  const fs::path script = beside(".map"), rule = beside(".d"), fresh = library.string() + ".new";
  if (!write_file(script, kVersionScript)) return Error{fmt::format("cannot write {}: {}", script.string(), std::strerror(errno))};
  // All headers, also those of the system: the SDK is one of them when it is installed.
  words.insert(words.end(), {"-MD", "-MF", rule.string(), "-MT", "x", real.string(), "-o", fresh.string(),
                             "-Wl,--version-script=" + script.string(), "-Wl,-z,defs", "-Wl,-z,now"});
  words.insert(words.end(), last.begin(), last.end());
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);   // the clock of files
  const auto begun = std::chrono::steady_clock::now();
  const auto status = run_program(words);
  const auto text = read_file(rule);
  fs::remove(script, error);
  fs::remove(rule, error);
  if (!status || *status != 0) {
    fs::remove(fresh, error);
    return status ? Error{fmt::format("{} does not compile ({} ended {})", source.string(), compiler, *status)} : status.error();
  }
  fs::remove(made_of, error);   // it is not about what comes now
  fs::rename(fresh, library, error);
  if (error) return Error{fmt::format("{}: {}", library.string(), error.message())};
  if (output.empty()) write_file(made_of, describe(files_of(text.value_or("")), now));
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
