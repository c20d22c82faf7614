// A network output without its protocol: a queue with a bound in bytes, batches, retries, a spool
// on disk for what the target does not take, and an account that adds up to the last item.
//
// It has no thread, no clock and no socket: add() is called by who has records, step() by who sends
// (sender.hpp in a run, a loop in tests), both with the time that it is.
//
//   add() -> queue -> batch -> Wire -> delivered, rejected, or again
//              |        |
//              +--------+--- the target is down and the queue half full, or the end -> spool
//                                   spool -> batch, when the target takes what is there
//
// One batch is on its way at a time, so that a target that is overloaded gets less, not more.
#pragma once
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "account.hpp"
#include "backoff.hpp"
#include "spool.hpp"
#include "wire.hpp"

namespace squall::sink {

/// Since whatever the caller counts from.
using Time = std::chrono::nanoseconds;

struct Limits {
  size_t queue_bytes = 64 << 20;         // held in memory, the batch on its way included
  size_t batch_bytes = 5'000'000;        // of one request; a larger record is one alone
  Time flush = std::chrono::seconds(1);  // nothing waits longer for others to join it
  Time request = std::chrono::seconds(20);
  Time drain = std::chrono::seconds(30);
};

class Sink {
 public:
  /// The wire must outlive it.  No spool: what is left at the end is dropped.
  Sink(const Limits& limits, Wire& wire, Backoff backoff, std::unique_ptr<Spool> spool);

  /// Takes them, or drops what finds no room.  Never waits.  True: there is something to send at
  /// once.  [any]
  bool add(std::vector<Record> records, Time now);
  /// Nothing is added any more; it tries until the limit has passed.  [any]
  void drain(Time now);
  Account account() const;  // [any]

  /// Does what there is to do, one request at most, and says when it wants to be called again.
  /// [one thread]
  Time step(Time now);
  /// All is settled; there will be nothing to do any more.  [the same]
  bool is_finished() const { return is_finished_; }

 private:
  using Lock = std::lock_guard<std::mutex>;
  using Batch = std::vector<Record>;

  struct Work {
    Batch records;
    bool was_sent = false;
  };

  bool load(Time now);
  bool load_fresh(Time now);
  bool load_spooled();
  void settle(Answer answer);
  void settle_front(const std::vector<Fate>& fates, const std::string& why, Batch& again);
  void work_is_done();
  void try_later(Time retry_after);
  void spill();
  void give_up();
  void put_back_spooled();
  /// Of what is on its way.
  Tally& tally() { return segment_ && segment_->is_earlier ? account_.earlier : account_.own; }

  const Limits limits_;
  Wire& wire_;

  mutable std::mutex mutex_;  // of the following
  std::deque<Record> queue_;
  size_t queue_bytes_ = 0, batch_bytes_ = 0;  // batch_bytes_: fresh ones on their way
  Time oldest_{};                             // when the first in the queue came
  std::optional<Time> drain_until_;
  bool must_try_now_ = false;  // the drain has begun
  Account account_;

  // Of the sending thread alone.
  Backoff backoff_;
  std::unique_ptr<Spool> spool_;
  std::deque<Work> work_;  // front: sent next; all fresh, or all of segment_
  struct Taken {
    bool is_earlier = false;
  };
  std::optional<Taken> segment_;  // the spool's front is on its way
  unsigned failures_ = 0;         // in a row
  std::optional<Time> wait_;      // to begin with the next step: a request takes its time
  Time next_try_{};
  bool has_asked_to_wait_ = false;  // the target itself has named next_try_
  bool is_spool_full_ = false;      // until a segment has gone
  bool is_finished_ = false;
};

}  // namespace squall::sink
