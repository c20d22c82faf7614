#include "fleet/thread_stack.hpp"

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr int kFramesMax = 64;
constexpr int kOwnFrames = 2;   // the handler, and the kernel's way into it

// The handler's, because it can be given nothing. A thread that answers too late finds `wanted` gone, or
// answers for the next asking: then the frames are its own all the same.
std::array<void*, kFramesMax> frames;
std::atomic<int> frame_count{0};
std::atomic<const char*> function{nullptr};
std::atomic<bool> wanted{false};
sem_t answered;

void answer(int) {
  const int saved = errno;
  if (wanted.exchange(false)) {
    function = PluginTurn::now().function;
    frame_count = ::backtrace(frames.data(), kFramesMax);
    ::sem_post(&answered);
  }
  errno = saved;
}

}  // namespace

void prepare_stacks() {
  static const bool is_ready = [] {
    ::sem_init(&answered, 0, 0);
    ::backtrace(frames.data(), 1);   // loads the unwinder: a handler must not
    struct sigaction action {};
    action.sa_handler = answer;
    action.sa_flags = SA_RESTART;
    return ::sigaction(SIGUSR2, &action, nullptr) == 0;
  }();
  static_cast<void>(is_ready);
}

ThreadStack stack_of(pthread_t thread, std::chrono::milliseconds limit) {
  while (::sem_trywait(&answered) == 0) {}   // of an answer that came too late
  wanted = true;
  if (::pthread_kill(thread, SIGUSR2) != 0) return {};
  timespec until{};
  ::clock_gettime(CLOCK_REALTIME, &until);
  const long long nanoseconds = until.tv_nsec + 1'000'000LL * limit.count();
  until.tv_sec += nanoseconds / 1'000'000'000;
  until.tv_nsec = nanoseconds % 1'000'000'000;
  while (::sem_timedwait(&answered, &until) != 0) {
    if (errno == EINTR) continue;
    wanted = false;
    return {};
  }
  const int count = frame_count;
  if (count <= kOwnFrames) return {};
  return {std::vector<void*>(frames.begin() + kOwnFrames, frames.begin() + count), function};
}

}  // namespace squall
