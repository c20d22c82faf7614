// The exclusive records of one dataset, for all shards of a process: who may have the next one. What is free stands in
// line, and the record that has been free longest goes first; those who wait stand in line, too, in the order in
// which they came. One store and not a part for each shard: users would wait here for records that lie idle there.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/environment.hpp"
#include "scenario/dataset.hpp"
#include "stats/histogram.hpp"
#include "stats/record_totals.hpp"

namespace squall {

class Loop;
class User;

class RecordStore {
 public:
  /// Columns and the values that a record must have in them; empty: any record.
  using Filter = std::vector<std::pair<std::uint32_t, std::string>>;

  /// Somebody who stands in line: for a record, or to be told that one is free. It is told once, by `run` on its loop.
  struct Waiter : Deferred, boost::intrusive::list_base_hook<> {
    RecordStore* store = nullptr;
    Loop* loop = nullptr;
    User* user = nullptr;             // nullptr: left the line when its turn had come
    Filter filter;
    bool wants_record = false;           // else it is only told that one is free
    std::uint32_t record = UINT32_MAX;   // that it was given
    std::uint64_t since_ns = 0;
  };

  explicit RecordStore(const Dataset& data);
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  // All from any thread.
  /// The record that has been free longest. Without one, `waiter` (when not null) stands in line from now on.
  std::optional<std::uint32_t> take(const Filter& filter, Waiter* waiter);
  void give_back(std::uint32_t record);
  /// Stands in line until a record is free; it is not taken. False, and not in line: one is free now.
  bool watch(Waiter& waiter);
  /// From `run` of who only watched: until then a free record is kept for it.
  void was_told();
  /// And when it has begun what it wanted: the next may know, if one is free still.
  void pass_on();
  /// False: its turn had come before, and `run` will be called. `in_vain`: it got nothing else in its place.
  bool leave(Waiter& waiter, bool in_vain, std::uint64_t now_ns);
  void note_wait(std::uint64_t waited_ns);
  void note_found_none();

  bool has_free() const { return free_count_.load(std::memory_order_relaxed) > 0; }
  /// Whether any record, free or not, is what the filter asks for.
  bool has_fitting(const Filter& filter) const;
  const Dataset& data() const { return data_; }
  RecordTotals totals() const;

 private:
  bool fits(std::uint32_t record, const Filter& filter) const;
  void note_taken(std::uint32_t record);
  void note_free();
  void tell_watcher();

  using Line = boost::intrusive::list<Waiter>;
  const Dataset& data_;
  mutable std::mutex mutex_;
  std::atomic<std::size_t> free_count_;   // without those that are promised
  std::deque<std::uint32_t> free_;
  Line waiting_, watching_;
  std::size_t promised_ = 0;          // to watchers on whose way the news is
  std::vector<std::uint32_t> uses_;   // by record
  RecordTotals totals_;
  Histogram waited_;
};

}  // namespace squall
