// Starts one program in a session and process group of its own, with nothing inherited that was not
// meant: no descriptor but 0-2, no environment but the given, default signals, no new privileges.
// vfork() does what posix_spawn() does inside, and adds what that cannot: the mark, the death
// signal. It does not wait, read or kill.
#pragma once
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace squall::job {

/// Owns one descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Launch {
  const char* path;
  char* const* argv;
  char* const* environment;
  const char* directory;
  int input;           // becomes 0; above 2
  int output;          // becomes 1 and 2; above 2
  std::uint64_t mark;  // soft RLIMIT_LOCKS of the program and of all its descendants
};

struct Launched {
  pid_t pid = -1;             // also its process group and its session
  int error = 0;              // errno when pid < 0
  const char* step = "fork";  // what failed: fork, cwd, exec
};

/// Returns when the program's image stands or has failed; a failed child is reaped already.
/// Thread: any; blocks that thread alone for the length of fork and exec (about half a
/// millisecond). The program gets SIGKILL when the thread ends.
Launched launch(const Launch& what) noexcept;

}  // namespace squall::job
