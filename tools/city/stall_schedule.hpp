// When the data ports are frozen: during [begin + k*period, begin + k*period + length) for k = 0,
// 1, … A pure function of time, so that a test can compute what a client must have seen. It waits
// for nothing.
#pragma once

#include <cstdint>
#include <optional>

namespace squall::city {

struct StallSchedule {
  std::int64_t begin_ns = 0;
  std::int64_t period_ns = 0;  // 0: once
  std::int64_t length_ns = 0;  // 0: never frozen
  std::uint64_t times = 0;     // 0: without end

  bool is_set() const { return length_ns > 0; }

  /// The end of the stall that holds `now_ns`, or nothing when answers flow.
  std::optional<std::int64_t> thaw_at(std::int64_t now_ns) const;
};

}  // namespace squall::city
