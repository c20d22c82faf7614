#include "stall_schedule.hpp"

namespace squall::city {

std::optional<std::int64_t> StallSchedule::thaw_at(std::int64_t now_ns) const {
  if (!is_set() || now_ns < begin_ns) return std::nullopt;
  const std::int64_t since = now_ns - begin_ns;
  const std::int64_t index = period_ns > 0 ? since / period_ns : 0;
  if (times > 0 && static_cast<std::uint64_t>(index) >= times) return std::nullopt;
  const std::int64_t frozen_from = index * period_ns;
  if (since - frozen_from >= length_ns) return std::nullopt;
  return begin_ns + frozen_from + length_ns;
}

}  // namespace squall::city
