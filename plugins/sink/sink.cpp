#include "sink.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace squall::sink {
namespace {

uint64_t items_of(std::span<const Record> records) {
  uint64_t items = 0;
  for (const Record& record : records) items += record.items;
  return items;
}

size_t bytes_of(std::span<const Record> records) {
  size_t bytes = 0;
  for (const Record& record : records) bytes += record.bytes.size();
  return bytes;
}

void keep_first(std::string& reason, const std::string& why) {
  if (reason.empty()) reason = why;
}

}  // namespace

std::string to_text(const Tally& tally) {
  return std::to_string(tally.accepted) + " items = " + std::to_string(tally.delivered) +
         " delivered + " + std::to_string(tally.rejected) + " rejected + " +
         std::to_string(tally.spooled) + " spooled + " + std::to_string(tally.dropped) +
         " dropped" +
         (tally.waiting > 0 ? " + " + std::to_string(tally.waiting) + " waiting" : "");
}

Sink::Sink(const Limits& limits, Wire& wire, Backoff backoff, std::unique_ptr<Spool> spool)
    : limits_(limits), wire_(wire), backoff_(std::move(backoff)), spool_(std::move(spool)) {
  if (!spool_) return;
  account_.earlier.accepted = account_.earlier.spooled = spool_->earlier_items();
}

bool Sink::add(std::vector<Record> records, Time now) {
  const Lock lock(mutex_);
  for (Record& record : records) {
    account_.own.accepted += record.items;
    const size_t held = queue_bytes_ + batch_bytes_;
    if (drain_until_ || held + record.bytes.size() > limits_.queue_bytes) {
      account_.own.dropped += record.items;
      std::string why = drain_until_ ? "it came after the end" : "the queue is full (queue_limit)";
      if (!account_.trouble.empty()) why += ": " + account_.trouble;
      keep_first(account_.loss, why);
      continue;
    }
    if (queue_.empty()) oldest_ = now;
    account_.own.waiting += record.items;
    queue_bytes_ += record.bytes.size();
    queue_.push_back(std::move(record));
  }
  return queue_bytes_ >= limits_.batch_bytes;
}

void Sink::drain(Time now) {
  const Lock lock(mutex_);
  if (drain_until_) return;
  drain_until_ = now + limits_.drain;
  must_try_now_ = true;
}

Account Sink::account() const {
  const Lock lock(mutex_);
  return account_;
}

Time Sink::step(Time now) {
  if (is_finished_) return Time::max();
  if (wait_) next_try_ = now + *std::exchange(wait_, std::nullopt);
  spill();
  Time until = Time::max();
  {
    const Lock lock(mutex_);
    if (drain_until_) until = *drain_until_;
    if (std::exchange(must_try_now_, false) && !has_asked_to_wait_) {
      failures_ = 0;
      next_try_ = now;
    }
  }
  const bool is_draining = until != Time::max();
  if (now >= until) {
    give_up();
    return now;
  }
  if (now < next_try_) return std::min(next_try_, until);
  if (!load(now)) {
    if (is_draining) {
      is_finished_ = true;
      return now;
    }
    const Lock lock(mutex_);
    return queue_.empty() ? now + limits_.flush : oldest_ + limits_.flush;
  }
  Work& work = work_.front();
  if (std::exchange(work.was_sent, true)) {
    const Lock lock(mutex_);
    account_.again += items_of(work.records);
  }
  Answer answer;
  try {
    answer = wire_.send(work.records, std::min(limits_.request, until - now));
  } catch (const std::exception& error) {
    answer.why = error.what();
  }
  settle(std::move(answer));
  return now;  // at once: time has passed
}

bool Sink::load(Time now) { return !work_.empty() || load_fresh(now) || load_spooled(); }

bool Sink::load_fresh(Time now) {
  const Lock lock(mutex_);
  if (queue_.empty()) return false;
  const bool is_due =
      drain_until_ || queue_bytes_ >= limits_.batch_bytes || now >= oldest_ + limits_.flush;
  if (!is_due) return false;
  Batch batch;
  size_t bytes = 0;
  while (!queue_.empty() &&
         (batch.empty() || bytes + queue_.front().bytes.size() <= limits_.batch_bytes)) {
    bytes += queue_.front().bytes.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
  batch_bytes_ = bytes;
  work_.push_back({std::move(batch)});
  return true;
}

bool Sink::load_spooled() {
  while (spool_ && !spool_->is_empty()) {
    Spool::Segment found = *spool_->front();
    segment_ = Taken{found.is_earlier};
    const uint64_t items = items_of(found.records);
    {
      const Lock lock(mutex_);
      tally().spooled -= items + found.lost_items;
      tally().waiting += items;
      tally().dropped += found.lost_items;
      if (found.lost_items > 0) keep_first(account_.loss, spool_->problem());
    }
    if (!found.records.empty()) {
      work_.push_back({std::move(found.records)});
      return true;
    }
    work_is_done();
  }
  return false;
}

/// Nothing is on its way any more.
void Sink::work_is_done() {
  if (segment_) {
    spool_->remove_front();
    is_spool_full_ = false;
    segment_.reset();
  }
  const Lock lock(mutex_);
  batch_bytes_ = 0;
}

void Sink::settle(Answer answer) {
  Batch& batch = work_.front().records;
  // With a spool nothing is lost by waiting until somebody has put right what is wrong.
  if (answer.kind == Answer::Kind::refused && spool_) answer.kind = Answer::Kind::later;
  const bool is_one = batch.size() == 1;
  if (answer.kind == Answer::Kind::refused || (answer.kind == Answer::Kind::split && is_one)) {
    answer.kind = Answer::Kind::judged;
    answer.fates.assign(batch.size(), Fate::rejected);
  }
  if (answer.kind == Answer::Kind::judged && answer.fates.size() != batch.size()) {
    answer.kind = Answer::Kind::later;
    answer.why = "an answer for another number of records";
  }
  if (answer.kind == Answer::Kind::split) {
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
    Batch second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    work_.insert(work_.begin() + 1, {std::move(second), true});
    failures_ = 0;
    return;
  }
  if (answer.kind == Answer::Kind::later) {
    try_later(answer.retry_after);
    const Lock lock(mutex_);
    account_.trouble = answer.why;
    return;
  }
  Batch again;
  settle_front(answer.fates, answer.why, again);
  if (again.size() < answer.fates.size()) failures_ = 0;
  if (again.empty()) {
    work_.pop_front();
    if (work_.empty()) work_is_done();
    return;
  }
  batch = std::move(again);
  try_later(answer.retry_after);
}

void Sink::settle_front(const std::vector<Fate>& fates, const std::string& why, Batch& again) {
  Batch& batch = work_.front().records;
  const Lock lock(mutex_);
  for (size_t i = 0; i < batch.size(); ++i) {
    const uint64_t items = batch[i].items;
    if (fates[i] == Fate::again) {
      account_.trouble = why;
      again.push_back(std::move(batch[i]));
      continue;
    }
    tally().waiting -= items;
    (fates[i] == Fate::delivered ? tally().delivered : tally().rejected) += items;
    if (fates[i] == Fate::rejected) keep_first(account_.loss, why);
    if (!segment_) batch_bytes_ -= batch[i].bytes.size();
  }
}

void Sink::try_later(Time retry_after) {
  ++failures_;
  has_asked_to_wait_ = retry_after > Time::zero();
  wait_ = has_asked_to_wait_ ? retry_after : backoff_.delay(failures_);
}

/// To disk, before the queue is full: only while the target takes nothing.
void Sink::spill() {
  if (!spool_ || is_spool_full_ || failures_ == 0) return;
  Batch batch;
  {
    const Lock lock(mutex_);
    if (queue_bytes_ + batch_bytes_ <= limits_.queue_bytes / 2) return;
    batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
    queue_.clear();
  }
  // Not under the lock: add() shall not wait for a disk. Its bytes count as queued meanwhile.
  const size_t written = spool_->append(batch);
  const std::span<const Record> gone(batch.data(), written);
  const Lock lock(mutex_);
  account_.own.waiting -= items_of(gone);
  account_.own.spooled += items_of(gone);
  queue_bytes_ -= bytes_of(gone);
  queue_.insert(queue_.begin(),
                std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(written)),
                std::make_move_iterator(batch.end()));
  if (written == batch.size()) return;
  is_spool_full_ = true;
  account_.trouble = spool_->problem();
}

/// The time is over: into the spool with all that is left, else dropped.
void Sink::give_up() {
  if (segment_) put_back_spooled();
  Batch rest;
  for (Work& work : work_) std::ranges::move(work.records, std::back_inserter(rest));
  work_.clear();
  {
    const Lock lock(mutex_);
    std::ranges::move(queue_, std::back_inserter(rest));
    queue_.clear();
    queue_bytes_ = batch_bytes_ = 0;
  }
  const size_t written = spool_ ? spool_->append(rest) : 0;
  const std::span<const Record> all(rest);
  const uint64_t spooled = items_of(all.first(written)), lost = items_of(all.subspan(written));
  const Lock lock(mutex_);
  account_.own.waiting -= spooled + lost;
  account_.own.spooled += spooled;
  account_.own.dropped += lost;
  if (lost > 0 && spool_) account_.trouble = spool_->problem();
  if (lost > 0)
    keep_first(account_.loss, account_.trouble.empty() ? "no time was left at the end (drain)"
                                                       : account_.trouble);
  is_finished_ = true;
}

void Sink::put_back_spooled() {
  Batch rest;
  for (Work& work : work_) std::ranges::move(work.records, std::back_inserter(rest));
  work_.clear();
  // Should that fail the whole segment stays, and some of it is sent once more.
  spool_->replace_front(rest);
  const Lock lock(mutex_);
  tally().waiting -= items_of(rest);
  tally().spooled += items_of(rest);
  segment_.reset();
}

}  // namespace squall::sink
