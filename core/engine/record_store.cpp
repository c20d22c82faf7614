#include "engine/record_store.hpp"

#include <algorithm>
#include <numeric>

#include "engine/loop.hpp"

namespace squall {

RecordStore::RecordStore(const Dataset& data)
    : data_(data), free_count_(data.size()), free_(data.size()), uses_(data.size(), 0) {
  std::iota(free_.begin(), free_.end(), 0u);
  totals_.dataset = data.name;
  totals_.records = data.size();
}

bool RecordStore::fits(std::uint32_t record, const Filter& filter) const {
  return std::ranges::all_of(filter, [&](const auto& wanted) { return data_.field(record, wanted.first) == wanted.second; });
}

bool RecordStore::has_fitting(const Filter& filter) const {
  for (std::uint32_t record = 0; record < data_.size(); ++record) {
    if (fits(record, filter)) return true;
  }
  return false;
}

void RecordStore::note_taken(std::uint32_t record) {
  ++totals_.acquired;
  ++uses_[record];
  totals_.held_most = std::max(totals_.held_most, totals_.acquired - totals_.handed_back);
}

void RecordStore::note_free() {
  free_count_.store(free_.size() - std::min(free_.size(), promised_), std::memory_order_relaxed);
}

std::optional<std::uint32_t> RecordStore::take(const Filter& filter, Waiter* waiter) {
  const std::lock_guard lock(mutex_);
  const auto place = std::ranges::find_if(free_, [&](std::uint32_t record) { return fits(record, filter); });
  if (place != free_.end()) {
    const std::uint32_t record = *place;
    free_.erase(place);
    note_free();
    note_taken(record);
    return record;
  }
  if (waiter) {
    waiter->wants_record = true;
    waiting_.push_back(*waiter);
  }
  return std::nullopt;
}

void RecordStore::give_back(std::uint32_t record) {
  const std::lock_guard lock(mutex_);
  ++totals_.handed_back;
  for (auto place = waiting_.begin(); place != waiting_.end();) {
    Waiter& waiter = *place;
    if (!fits(record, waiter.filter)) {
      ++place;
      continue;
    }
    place = waiting_.erase(place);
    waiter.record = record;
    if (!waiter.loop->post(waiter)) continue;   // its shard is over
    note_taken(record);
    return;
  }
  free_.push_back(record);
  note_free();
  tell_watcher();
}

void RecordStore::tell_watcher() {
  while (free_.size() > promised_ && !watching_.empty()) {
    Waiter& waiter = watching_.front();
    watching_.pop_front();
    if (!waiter.loop->post(waiter)) continue;
    ++promised_;   // or whoever looks meanwhile would come before those who have waited
    note_free();
    return;
  }
}

bool RecordStore::watch(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (has_free()) return false;
  waiter.wants_record = false;
  watching_.push_back(waiter);
  return true;
}

void RecordStore::was_told() {
  const std::lock_guard lock(mutex_);
  --promised_;
  note_free();
}

void RecordStore::pass_on() {
  const std::lock_guard lock(mutex_);
  tell_watcher();
}

bool RecordStore::leave(Waiter& waiter, bool in_vain, std::uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  if (!waiter.is_linked()) return false;
  Line& line = waiter.wants_record ? waiting_ : watching_;
  line.erase(line.iterator_to(waiter));
  if (in_vain) {
    ++totals_.in_vain;
    totals_.in_vain_longest_ns = std::max(totals_.in_vain_longest_ns, now_ns - waiter.since_ns);
  }
  return true;
}

void RecordStore::note_wait(std::uint64_t waited_ns) {
  const std::lock_guard lock(mutex_);
  waited_.record(waited_ns);
}

void RecordStore::note_found_none() {
  const std::lock_guard lock(mutex_);
  ++totals_.found_none;
}

RecordTotals RecordStore::totals() const {
  const std::lock_guard lock(mutex_);
  RecordTotals totals = totals_;
  totals.waited = waited_.copy();
  if (!uses_.empty()) {
    const auto [least, most] = std::ranges::minmax(uses_);
    totals.least_used = least;
    totals.most_used = most;
  }
  return totals;
}

}  // namespace squall
