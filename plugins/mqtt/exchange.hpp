// One call in flight: what the host asked for and, from its completion to release(), what came of
// it. Pooled per shard, so that a steady publisher allocates nothing here. A call is always in at
// most one list of its link, or in the link's table of answers that are awaited.
#pragma once
#include <squall/abi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace squall::mqtt {

class Link;
struct Prepared;

/// A message as mqtt.expect sees it.
struct Message {
  std::string topic, payload;
  int64_t latency_ns = -1;
  uint64_t bytes = 0;
  bool duplicate = false;
};

struct Exchange {
  enum class Place : uint8_t { none, waiting, connecting, expecting, in_flight };

  sq_call* call = nullptr;
  const Prepared* prepared = nullptr;
  const sq_value* args = nullptr;
  Link* link = nullptr;
  Exchange *previous = nullptr, *next = nullptr;
  uint64_t begun_ns = 0;  // sent; WAIT_CONN lies before it
  uint64_t end_ns = 0;    // 0: when it is finished
  uint32_t key = 0;       // of its answer
  int32_t reason = 0;
  uint32_t wanted = 1;  // messages that an expect still lacks
  Place place = Place::none;
  uint8_t qos = 0;
  bool session_present = false;
  bool duplicate = false;
  std::unique_ptr<Message> message;  // an expect's last match
};

/// Calls in order of arrival; does not own them.
class ExchangeList {
 public:
  bool empty() const { return !first_; }
  Exchange* first() const { return first_; }
  void push_back(Exchange* one) {
    one->previous = last_;
    one->next = nullptr;
    (last_ ? last_->next : first_) = one;
    last_ = one;
  }
  void remove(Exchange* one) {
    (one->previous ? one->previous->next : first_) = one->next;
    (one->next ? one->next->previous : last_) = one->previous;
    one->previous = one->next = nullptr;
  }
  Exchange* pop_front() {
    Exchange* one = first_;
    if (one) remove(one);
    return one;
  }

 private:
  Exchange *first_ = nullptr, *last_ = nullptr;
};

class ExchangePool {
 public:
  Exchange* take() {
    if (free_.empty()) return new Exchange;
    Exchange* one = free_.back().release();
    free_.pop_back();
    return one;
  }
  void give_back(Exchange* one) {
    *one = Exchange{};
    free_.emplace_back(one);
  }

 private:
  std::vector<std::unique_ptr<Exchange>> free_;
};

}  // namespace squall::mqtt
