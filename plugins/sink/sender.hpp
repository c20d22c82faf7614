// A sink at work: one thread that sends, by the clock.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "sink.hpp"

namespace squall::sink {

class Sender {
 public:
  /// Begins to send: first what is in the spool.
  explicit Sender(Sink& sink);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  /// Only after the end, or it waits for it: drains.
  ~Sender();

  /// Never waits.  [any]
  void add(std::vector<Record> records);
  /// Drains; then `finished`, on the sender's thread.  Once.  [any]
  void end(std::function<void()> finished);

 private:
  void run();
  void wake();

  Sink& sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_woken_ = false;
  std::function<void()> finished_;
  std::thread thread_;
};

}  // namespace squall::sink
