// The programs that hostile_jobs.py lets squall run, one for each word on the command line: a job as it should be, and
// jobs that do what no job should. What multiplies is bounded, by a cgroup of pids when one is named and by itself in
// any case; what stays would stay for ever.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

namespace {

constexpr int kProcessesOfABomb = 300;
constexpr int kForksOfABomb = 5000;
constexpr int kOrphansOfALitter = 20;

void say(std::string_view text) {
  if (::write(1, text.data(), text.size()) < 0) ::_exit(9);
}
void sleep_ms(long ms) {
  const timespec pause{ms / 1000, ms % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}
[[noreturn]] void stay() {
  for (;;) ::pause();
}
void write_bytes(std::size_t count) {
  static char block[64 << 10];
  std::memset(block, 'x', sizeof block);
  while (count > 0) {
    const ssize_t n = ::write(1, block, count < sizeof block ? count : sizeof block);
    if (n <= 0) ::_exit(9);
    count -= static_cast<std::size_t>(n);
  }
}

int well(const char*) {
  say("OK\n");
  sleep_ms(200);
  return 0;
}
int deaf(const char*) {
  ::signal(SIGTERM, SIG_IGN);
  say("OK\n");
  stay();
}
/// Leaves a daemon behind that holds neither its session nor its output.
int orphan(const char*) {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    stay();
  }
  say("OK\n");
  return 0;
}
/// The daemon never waits for its child, which stays in the group that the daemon has left.
int heir(const char*) {
  int ready[2];
  if (::pipe(ready) != 0) return 8;
  if (::fork() == 0) {
    if (::fork() == 0) stay();
    ::setsid();
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    if (::write(ready[1], "", 1) != 1) ::_exit(9);
    stay();
  }
  char byte;
  if (::read(ready[0], &byte, 1) != 1) return 8;
  say("OK\n");
  return 0;
}
/// Leaves orphans that end while it goes on.
int litter(const char*) {
  for (int i = 0; i < kOrphansOfALitter; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(::fork() == 0 ? (sleep_ms(50), 0) : 0);
    ::waitpid(pid, nullptr, 0);
  }
  say("OK\n");
  stay();
}
int silent(const char*) {
  for (int fd = 0; fd < 3; ++fd) ::close(fd);
  sleep_ms(200);
  return 0;
}
int flood(const char*) {
  say("OK\n");
  write_bytes(1'000'000'000);
  return 0;
}
/// Multiplies until its limit, half of it in sessions of their own, all of it deaf; and again when some are killed.
int bomb(const char* cgroup) {
  if (cgroup) {
    const int file = ::open((std::string(cgroup) + "/cgroup.procs").c_str(), O_WRONLY);
    if (file < 0 || ::write(file, "0", 1) != 1) return 8;
    ::close(file);
  }
  struct Shared {
    std::atomic<int> forks{0};
  };
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 8;
  Shared& shared = *new (memory) Shared;
  ::signal(SIGTERM, SIG_IGN);
  say("OK\n");
  const int limit = cgroup ? kForksOfABomb : kProcessesOfABomb;
  while (shared.forks.fetch_add(1) < limit) {
    const pid_t pid = ::fork();
    if (pid == 0 && shared.forks % 2 == 0) ::setsid();
    if (pid < 0) sleep_ms(20);
  }
  stay();
}

int fails(const char*) {
  say("OK\n");
  return 3;
}
int says_error(const char*) {
  say("OK\nERR it did not work\n");
  return 0;
}
int says_nothing(const char*) { return 0; }
int says_much(const char*) {
  say("OK\n");
  write_bytes(10'000'000);
  return 0;
}
int is_killed(const char*) {
  say("OK\n");
  ::raise(SIGKILL);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string_view, int (*)(const char*)> kinds = {
      {"well", well},   {"deaf", deaf},     {"orphan", orphan}, {"heir", heir},   {"litter", litter},
      {"silent", silent}, {"flood", flood}, {"bomb", bomb},     {"fails", fails}, {"says_error", says_error},
      {"says_nothing", says_nothing}, {"says_much", says_much}, {"is_killed", is_killed}};
  const auto kind = argc > 1 ? kinds.find(argv[1]) : kinds.end();
  if (kind == kinds.end()) {
    std::fprintf(stderr, "usage: hostile_job KIND [CGROUP]\n");
    return 2;
  }
  return kind->second(argc > 2 && argv[2][0] ? argv[2] : nullptr);
}
