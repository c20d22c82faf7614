#include "sender.hpp"

#include <signal.h>

#include <utility>

namespace squall::sink {
namespace {

Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

/// Signals are for squall's own threads.
std::thread quiet_thread(std::function<void()> body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Sender::Sender(Sink& sink) : sink_(sink), thread_(quiet_thread([this] { run(); })) {}

Sender::~Sender() {
  sink_.drain(now());
  wake();
  thread_.join();
}

void Sender::add(std::vector<Record> records) {
  if (sink_.add(std::move(records), now())) wake();
}

void Sender::end(std::function<void()> finished) {
  {
    const std::lock_guard lock(mutex_);
    finished_ = std::move(finished);
  }
  sink_.drain(now());
  wake();
}

void Sender::wake() {
  const std::lock_guard lock(mutex_);
  is_woken_ = true;
  changed_.notify_one();
}

void Sender::run() {
  while (!sink_.is_finished()) {
    const Time next = sink_.step(now());
    std::unique_lock lock(mutex_);
    if (!sink_.is_finished())
      changed_.wait_until(lock, std::chrono::steady_clock::time_point(next),
                          [this] { return is_woken_; });
    is_woken_ = false;
  }
  std::function<void()> finished;
  {
    const std::lock_guard lock(mutex_);
    finished = std::exchange(finished_, nullptr);
  }
  if (finished) finished();
}

}  // namespace squall::sink
