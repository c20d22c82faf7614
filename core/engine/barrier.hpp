// Where users wait for each other, over all shards of a process: when as many have come as it wants, all of them go on,
// and it closes behind them.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <mutex>
#include <string>

#include "net/environment.hpp"

namespace squall {

class Loop;
class User;

class Barrier {
 public:
  /// Told once, by `run` on its loop.
  struct Waiter : Deferred, boost::intrusive::list_base_hook<> {
    Barrier* barrier = nullptr;
    Loop* loop = nullptr;
    User* user = nullptr;            // nullptr: left when the barrier had opened already
    std::uint64_t opened_ns = 0;
  };

  explicit Barrier(std::uint64_t users) : wanted_(users) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  // All from any thread.
  /// True: it is the last one, so the barrier opens and it need not wait. Else it waits from now on.
  bool arrive(Waiter& waiter, std::uint64_t now_ns);
  /// False: the barrier had opened before, and `run` will be called.
  bool leave(Waiter& waiter);
  /// One of those it wants will not come any more.
  void lose_one(std::uint64_t now_ns);
  /// "3 of 5 users came".
  std::string state() const;

 private:
  void open(std::uint64_t now_ns);

  mutable std::mutex mutex_;
  std::uint64_t wanted_;
  boost::intrusive::list<Waiter> waiting_;
};

}  // namespace squall
