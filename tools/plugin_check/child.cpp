#include "child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <typeinfo>

#include "board.hpp"

namespace squall::plugin_check {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSaid = 2'000;
constexpr rlim_t kMemory = rlim_t{4} << 30;   // a plugin that allocates without end ends itself, not the machine

/// What is thrown and nobody catches: the library would say it to stderr alone.
[[noreturn]] void tell_exception() {
  if (const std::exception_ptr thrown = std::current_exception()) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      find(fmt::format("an exception left it: {}", error.what()));
    } catch (...) {
      find("an exception left it");
    }
  }
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

[[noreturn]] void live(const std::function<void()>& test, const fs::path& folder, int errors) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::close(nothing);
  ::close(errors);
  if (::chdir(folder.c_str()) != 0) ::_exit(1);
  rlimit limit{0, 0};
  ::setrlimit(RLIMIT_CORE, &limit);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  limit = {kMemory, kMemory};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
  std::set_terminate(tell_exception);
  test();
  board().has_ended = true;
  ::_exit(0);   // what runs at exit is not what this test is about
}

std::string read_said(int from) {
  char room[kSaid];
  const off_t size = ::lseek(from, 0, SEEK_END);
  const off_t begin = size > static_cast<off_t>(kSaid) ? size - static_cast<off_t>(kSaid) : 0;
  const ssize_t length = ::pread(from, room, sizeof(room), begin);
  return length > 0 ? std::string(room, static_cast<std::size_t>(length)) : std::string();
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

}  // namespace

std::string run_in_child(const std::function<void()>& test, std::chrono::seconds limit, std::string& said) {
  std::string name = (fs::temp_directory_path() / "squall-plugin-check-XXXXXX").string();
  if (!::mkdtemp(name.data())) return fmt::format("no folder for the test: {}", std::strerror(errno));
  const fs::path folder = name;
  const int errors = ::open(folder.parent_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  board() = {};
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) live(test, folder, errors);
  std::string ended;
  if (child < 0) {
    ended = fmt::format("no process for the test: {}", std::strerror(errno));
  } else {
    const int watched = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    pollfd wait{watched, POLLIN, 0};
    const bool is_late = ::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(limit).count())) == 0;
    if (is_late) ::kill(child, SIGKILL);
    ::close(watched);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::kill(-child, SIGKILL);   // what it has started
    if (is_late) ended = fmt::format("it did not come back within {} s", limit.count());
    else if (WIFSIGNALED(status)) ended = fmt::format("it ended by {}", signal_name(WTERMSIG(status)));
    else if (!board().has_ended) ended = fmt::format("it ended the process by exit({})", WEXITSTATUS(status));
  }
  said = errors >= 0 ? read_said(errors) : "";
  if (errors >= 0) ::close(errors);
  std::error_code error;
  fs::remove_all(folder, error);
  return ended;
}

}  // namespace squall::plugin_check
