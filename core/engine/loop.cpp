#include "engine/loop.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "plugin_host/plugin.hpp"
#include "plugin_host/plugin_turn.hpp"
#include "result.hpp"

namespace squall {
namespace {

constexpr std::size_t kKeptFaults = 20;
constexpr std::uint64_t kEarlyMaxNs = 60'000;   // never look longer than this for a deadline

// What stands in a stack of posts once the loop takes no more.
Deferred closed_deferred;
sq_post closed_post;

}  // namespace

std::uint64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

Loop::Loop(Time time, std::uint64_t start_ns) : wheel_(start_ns), turn_ns_(start_ns), recent_ns_(start_ns) {
  if (time == Time::virtual_time) return;
  reactor_ = std::make_unique<Reactor>();
  reactor_->set_hooks({this, [](void* self) noexcept { static_cast<Loop*>(self)->drain_ready(); },
                       [](void* self, const Turn& turn, unsigned events) noexcept {
                         static_cast<Loop*>(self)->taken(turn, events);
                       }});
}

Loop::~Loop() = default;

std::uint64_t Loop::now_ns() const noexcept { return reactor_ ? monotonic_ns() : turn_ns_; }

void Loop::defer(Deferred& node) noexcept {
  SQUALL_ASSERT(!node.queued);
  node.queued = true;
  node.next = nullptr;
  if (ready_last_) ready_last_->next = &node; else ready_first_ = &node;
  ready_last_ = &node;
}

bool Loop::post(Deferred& node) noexcept {
  node.queued = true;
  Deferred* head = posted_.load(std::memory_order_relaxed);
  do {
    if (head == &closed_deferred) {
      node.queued = false;
      return false;
    }
    node.next = head;
  } while (!posted_.compare_exchange_weak(head, &node, std::memory_order_release, std::memory_order_relaxed));
  if (reactor_ && head == nullptr) reactor_->wake();
  return true;
}

sq_status Loop::post(sq_post& node) noexcept {
  sq_post* head = plugin_posts_.load(std::memory_order_relaxed);
  do {
    if (head == &closed_post) return SQ_E_CLOSED;
    node.host_private[0] = head;
  } while (!plugin_posts_.compare_exchange_weak(head, &node, std::memory_order_release,
                                                std::memory_order_relaxed));
  if (reactor_ && head == nullptr) reactor_->wake();
  return SQ_OK;
}

bool Loop::post(std::function<void()> message) {
  {
    std::lock_guard lock(message_mutex_);
    if (closed_.load(std::memory_order_relaxed)) return false;
    messages_.push_back(std::move(message));
    has_messages_.store(true, std::memory_order_release);
  }
  if (reactor_) reactor_->wake();
  return true;
}

void Loop::plugin_fault(std::string_view what) noexcept {
  const auto [plugin, function] = PluginTurn::now();
  std::string text = fmt::format("plugin {}, in {}: {}", plugin ? fmt::format("'{}'", plugin->name()) : "unknown",
                                 function ? function : "no function of it", what);
  if (!reactor_ || running == this) return add_fault(std::move(text));
  post([this, text = std::move(text)]() mutable { add_fault(std::move(text)); });
}

void Loop::add_fault(std::string text) noexcept {
  ++fault_count_;
  for (Fault& known : faults_) {
    if (known.text != text) continue;
    ++known.count;
    return;
  }
  if (faults_.size() < kKeptFaults) faults_.push_back({std::move(text), 1});
}

void Loop::enter() noexcept {
  running = this;
  if (turns_.load(std::memory_order_relaxed) == 0) turns_.store(1, std::memory_order_relaxed);
}

void Loop::taken(const Turn& turn, unsigned events) {
  const std::uint64_t now = read_ns();
  if (!wait_observer_) return;
  // Ready while the loop was busy: somewhere between its last look and this one; half of it is fair.
  const std::uint64_t ready = turn.slept ? turn.return_ns
                                         : turn.previous_return_ns + (turn.enter_ns - turn.previous_return_ns) / 2;
  wait_observer_(wait_context_, now - std::min(now, ready), events);
}

void Loop::drain_posts() {
  if (posted_.load(std::memory_order_relaxed) != nullptr && !closed_.load(std::memory_order_relaxed)) {
    Deferred* turned = nullptr;
    for (Deferred* node = posted_.exchange(nullptr, std::memory_order_acquire); node;) {
      Deferred* next = node->next;
      node->next = turned;
      turned = node;
      node = next;
    }
    while (turned) {
      Deferred* node = turned;
      turned = node->next;
      node->queued = false;
      node->run(*node);
    }
  }
  if (plugin_posts_.load(std::memory_order_relaxed) != nullptr && !closed_.load(std::memory_order_relaxed)) {
    sq_post* turned = nullptr;
    for (sq_post* node = plugin_posts_.exchange(nullptr, std::memory_order_acquire); node;) {
      auto* next = static_cast<sq_post*>(node->host_private[0]);
      node->host_private[0] = turned;
      turned = node;
      node = next;
    }
    while (turned) {
      sq_post* node = turned;
      turned = static_cast<sq_post*>(node->host_private[0]);
      const PluginTurn turn(find_plugin_at(reinterpret_cast<const void*>(node->fn)), "a posted function");
      node->fn(node->ctx);  // may post the node again, or free it
    }
  }
  if (has_messages_.load(std::memory_order_acquire)) {
    std::vector<std::function<void()>> messages;
    {
      std::lock_guard lock(message_mutex_);
      messages.swap(messages_);
      has_messages_.store(false, std::memory_order_relaxed);
    }
    for (auto& message : messages) message();
  }
}

void Loop::drain_ready() {
  while (ready_first_) {
    Deferred* node = ready_first_;
    ready_first_ = node->next;
    if (!ready_first_) ready_last_ = nullptr;
    node->queued = false;
    node->run(*node);
  }
}

std::uint64_t Loop::busy_turn() const {
  if (!reactor_ || closed_.load(std::memory_order_relaxed) || reactor_->is_asleep()) return 0;
  return turns_.load(std::memory_order_relaxed);
}

void Loop::turn() {
  running = this;
  turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  turn_ns_ = read_ns();
  if (looks_since_ns_ != 0) looked_ns_ += turn_ns_ - looks_since_ns_;
  looks_since_ns_ = 0;
  drain_posts();
  drain_ready();
  if (!waits_for_more(wheel_.next_ns())) wheel_.advance(turn_ns_);
  drain_ready();
  if (stopping_.load(std::memory_order_relaxed)) return;
  sleep_until(wheel_.next_ns());
}

// With slack, what is due is held until the first of it is as late as may be. An answer that wakes the loop meanwhile
// would else begin the one or two that are due by then, their answers the next ones, and no wake were ever shared.
bool Loop::waits_for_more(std::uint64_t first_ns) const {
  return slack_ns_ > 0 && first_ns <= turn_ns_ && turn_ns_ - first_ns < slack_ns_;
}

// The kernel wakes a sleeper some 20 µs late, so the loop sleeps that much less and looks for the rest of
// the time: a start is then late by the difference between two wakes, not by a whole one.
void Loop::sleep_until(std::uint64_t at_ns) {
  if (at_ns == TimerWheel::kNever) {
    reactor_->wait(kForever);
    return;
  }
  const std::uint64_t now = read_ns();
  const std::uint64_t left = at_ns > now ? at_ns - now : 0;
  if (slack_ns_ > 0) {
    const std::uint64_t end = at_ns + slack_ns_;
    reactor_->wait(end > now ? end - now : 0, now);
    return;
  }
  const std::uint64_t early = std::max(std::min(oversleep_ns_, kEarlyMaxNs), busy_poll_ns_);
  if (left <= early) {
    if (reactor_->wait(0, now) == 0) looks_since_ns_ = now;
    return;
  }
  if (reactor_->wait(left - early, now) > 0) return;
  const std::uint64_t woken = monotonic_ns();
  const std::uint64_t wanted = now + (left - early);
  const std::uint64_t late = std::min(woken > wanted ? woken - wanted : 0, 2 * kEarlyMaxNs);
  oversleep_ns_ += (late >> 4) - (oversleep_ns_ >> 4);
}

void Loop::advance_to(std::uint64_t now_ns) {
  SQUALL_ASSERT(!reactor_ && now_ns >= turn_ns_);
  running = this;
  turn_ns_ = recent_ns_ = now_ns;
  do {
    drain_posts();
    drain_ready();
    wheel_.advance(turn_ns_);
  } while (next_event_ns() <= turn_ns_);
}

std::uint64_t Loop::next_event_ns() {
  const bool has_work = ready_first_ || posted_.load(std::memory_order_relaxed) ||
                        plugin_posts_.load(std::memory_order_relaxed) ||
                        has_messages_.load(std::memory_order_relaxed);
  return has_work ? turn_ns_ : wheel_.next_ns();
}

void Loop::run() {
  while (!stopping_.load(std::memory_order_relaxed)) turn();
}

void Loop::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  if (reactor_) reactor_->wake();
}

void Loop::close() {
  {
    std::lock_guard lock(message_mutex_);
    closed_.store(true, std::memory_order_relaxed);
    messages_.clear();
  }
  for (Deferred* node = posted_.exchange(&closed_deferred, std::memory_order_acq_rel); node && node != &closed_deferred;) {
    Deferred* const next = node->next;
    node->queued = false;
    node->is_dropped = node->is_own;
    if (node->is_own) node->run(*node);
    node = next;
  }
  plugin_posts_.exchange(&closed_post, std::memory_order_acq_rel);
}

}  // namespace squall
