// A shard in small for the tests of its sockets: a loop with timers on a sorted map, deferred calls
// and posts.  The clock is the real one unless a test sets its own.
#pragma once

#include <time.h>

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "net/environment.hpp"
#include "net/reactor.hpp"
#include "net/resolver.hpp"
#include "net/shard_net.hpp"

namespace squall::test {

class Loop final : public Environment {
 public:
  std::function<std::uint64_t()> clock = [] {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
  };
  std::vector<std::string> faults;
  Reactor reactor;

  Loop() { running = this; }
  ~Loop() {
    running = nullptr;
    for (Deferred* node : posted_) {
      if (!node->is_own) continue;
      node->is_dropped = true;
      node->run(*node);
    }
  }
  std::uint64_t now_ns() const noexcept override { return clock(); }
  void arm(TimerNode& node, std::uint64_t at_ns) noexcept override {
    disarm(node);
    node.at_ns = at_ns;
    node.armed = true;
    node.place = ++next_place_;
    timers_[{at_ns, node.place}] = &node;
  }
  void disarm(TimerNode& node) noexcept override {
    if (!std::exchange(node.armed, false)) return;
    timers_.erase({node.at_ns, node.place});
  }
  void defer(Deferred& node) noexcept override {
    node.queued = true;
    deferred_.push_back(&node);
  }
  bool post(Deferred& node) noexcept override {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return false;
    node.queued = true;
    posted_.push_back(&node);
    reactor.wake();
    return true;
  }
  void plugin_fault(std::string_view what) noexcept override { faults.emplace_back(what); }

  /// One turn; sleeps at most `limit_ns`.
  void turn(std::uint64_t limit_ns) {
    {
      const std::lock_guard lock(mutex_);
      deferred_.insert(deferred_.end(), posted_.begin(), posted_.end());
      posted_.clear();
    }
    const std::uint64_t now = now_ns();
    bool has_run = !deferred_.empty();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      TimerNode& node = *timers_.begin()->second;
      disarm(node);
      node.fire(node);
      has_run = true;
    }
    run_deferred();
    std::uint64_t timeout = has_run ? 0 : limit_ns;   // the test's condition may hold by now
    if (!timers_.empty()) {
      const std::uint64_t at = timers_.begin()->first.first;
      timeout = std::min(timeout, at > now ? at - now : 0);
    }
    if (!deferred_.empty()) timeout = 0;
    reactor.wait(timeout);
    run_deferred();
  }
  /// False after 20 s: long enough for the slowest machine, short enough for a broken test.
  bool until(const std::function<bool()>& is_done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!is_done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      turn(50'000'000);
    }
    return true;
  }
  std::uint64_t next_timer_ns() const { return timers_.empty() ? 0 : timers_.begin()->first.first; }
  std::size_t timer_count() const { return timers_.size(); }
  void stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
  }

 private:
  void run_deferred() {
    round_.swap(deferred_);
    for (Deferred* node : round_) {
      node->queued = false;
      node->run(*node);
    }
    round_.clear();
  }
  std::map<std::pair<std::uint64_t, std::uint64_t>, TimerNode*> timers_;
  std::uint64_t next_place_ = 0;
  std::vector<Deferred*> deferred_, round_;
  std::mutex mutex_;                  // guards posted_ and is_stopped_
  std::vector<Deferred*> posted_;
  bool is_stopped_ = false;
};

/// What a plugin sees of a shard, with targets to be added before net() is first used.
struct Shard : ::sq_shard {
  Loop loop;
  TargetTable targets;
  Resolver* resolver = nullptr;

  ShardNet& start() {
    net_ = std::make_unique<ShardNet>(loop, loop.reactor, targets, resolver);
    net = net_.get();
    return *net_;
  }
  const Target& add(const std::string& url, TargetOptions options = {}, const std::string& name = "") {
    const std::string number = std::to_string(targets.size());
    const std::string error = targets.add(name.empty() ? number : name, url, std::move(options));
    if (!error.empty()) throw std::runtime_error(error);
    return targets.at(targets.size() - 1);
  }
  ~Shard() {
    if (!net_) return;
    net_->close_all();
    loop.until([&] { return net_->is_idle(); });
  }

 private:
  std::unique_ptr<ShardNet> net_;
};

}  // namespace squall::test
