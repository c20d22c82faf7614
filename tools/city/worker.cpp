#include "worker.hpp"

#include <pthread.h>
#include <signal.h>

#include <boost/asio/executor_work_guard.hpp>

namespace squall::city {

Worker::Worker() : drain_(new char[kDrainSize]) {}

Worker::~Worker() { stop(); }

void Worker::start() {
  thread_ = std::thread([this] {
    // Signals are for the main thread, which waits for them.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    auto guard = asio::make_work_guard(io);
    io.run();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  io.stop();
  thread_.join();
}

Task<void> sleep_until(Executor executor, std::int64_t due_ns) {
  if (due_ns <= monotonic_ns()) co_return;
  Timer timer(executor, Clock::time_point(std::chrono::nanoseconds(due_ns)));
  co_await timer.async_wait(kAwait);
}

Task<void> wait_for_thaw(Worker& worker) {
  // A loop: the schedule may change while we sleep, and a due timer may be early by its rounding.
  while (worker.behaviour.stall.is_set()) {
    const auto thaw = worker.behaviour.stall.thaw_at(monotonic_ns());
    if (!thaw) co_return;
    co_await sleep_until(worker.executor(), *thaw);
  }
}

}  // namespace squall::city
