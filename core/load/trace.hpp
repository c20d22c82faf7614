// Recorded arrivals: when each is due and which record it brings, from the times that were logged. Like
// a RateShape it is a pure function of the arrival's number; it reads no clock and knows no shard.
#pragma once

#include <cstdint>
#include <vector>

#include "load/rate_shape.hpp"

namespace squall {

class ArrivalTrace {
 public:
  /// `times_ns`: of each record, in any order, from any begin. Arrivals are these times sorted, equal
  /// ones in the order of the records; arrival m is due (t_m - t_0) / `speed` (> 0) after the begin,
  /// rounded down. Those at or past `until_ns` never come. At most 2^32 records.
  /// Memory: 8 bytes an arrival, and 4 when the records are not in order.
  explicit ArrivalTrace(std::vector<std::int64_t> times_ns, double speed = 1,
                        std::int64_t until_ns = kNeverNs);

  std::uint64_t count() const { return due_ns_.size(); }
  /// kNeverNs past the last.
  std::int64_t due_ns(std::uint64_t arrival) const {
    return arrival < due_ns_.size() ? due_ns_[arrival] : kNeverNs;
  }
  /// Which of the records it brings, by its place in `times_ns`. REQUIRES: arrival < count().
  std::uint64_t record(std::uint64_t arrival) const {
    return record_.empty() ? arrival : record_[arrival];
  }
  /// When the last arrival is due; 0 when there is none.
  std::int64_t duration_ns() const { return due_ns_.empty() ? 0 : due_ns_.back(); }

 private:
  std::vector<std::int64_t> due_ns_;
  std::vector<std::uint32_t> record_;  // empty: in the records' own order
};

}  // namespace squall
