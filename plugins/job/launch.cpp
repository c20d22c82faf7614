#include "launch.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

namespace squall::job {
namespace {

/// What the child tells its parent: they share memory until exec, and the parent waits.
struct Report {
  volatile int error = 0;
  const char* volatile step = "exec";
};

/// Runs in the child, in the parent's memory: system calls only, nothing that allocates or locks.
[[noreturn, gnu::noinline]] void become(const Launch& what, Report& report) noexcept {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // Linux has ignored RLIMIT_LOCKS since 2.4.25, yet every fork and exec hands it on: a mark that
  // survives setsid, closed descriptors and an emptied environment.
  rlimit limit;
  if (::getrlimit(RLIMIT_LOCKS, &limit) == 0) {
    limit.rlim_cur = what.mark;
    ::setrlimit(RLIMIT_LOCKS, &limit);
  }
  limit = {0, 0};
  ::setrlimit(RLIMIT_CORE, &limit);
  ::dup2(what.input, 0);
  ::dup2(what.output, 1);
  ::dup2(what.output, 2);
  ::syscall(SYS_close_range, 3u, ~0u, 0u);
  if (::chdir(what.directory) != 0) {
    report.error = errno;
    report.step = "cwd";
    ::_exit(127);
  }
  // A handler of the parent must not run here, in its memory: first all to their defaults (exec
  // would leave the ignored ones ignored), then the mask may open.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(what.path, what.argv, what.environment);
  report.error = errno;
  ::_exit(127);
}

}  // namespace

Launched launch(const Launch& what) noexcept {
  Report report;
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::vfork();
  if (pid == 0) become(what, report);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return {-1, fork_error, "fork"};
  if (report.error != 0) {
    int status;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return {-1, report.error, report.step};
  }
  return {pid, 0, ""};
}

}  // namespace squall::job
