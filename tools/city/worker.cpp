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

void Worker::apply(const Behaviour& wanted) {
  ask([&] {
    behaviour = wanted;
    thaw_.cancel();
  });
}

Task<void> Worker::wait_for_thaw() {
  // A loop: the schedule may have changed while we slept.
  while (const auto thaw = behaviour.stall.thaw_at(monotonic_ns())) {
    const Clock::time_point due{std::chrono::nanoseconds(*thaw)};
    // Setting the time wakes those who wait for another; they come back here.
    if (thaw_.expiry() != due) thaw_.expires_at(due);
    co_await thaw_.async_wait(kAwait);
  }
}

}  // namespace squall::city
