// What a desk tells of its journal: events stand in it as soon as they are decided, some of them with a time to come.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace squall::city {

/// Those that have happened by `now_ns`, in the order of their times. `Event` has `at_ns`.
template <typename Event>
std::vector<Event> happened_by(std::int64_t now_ns, std::vector<Event> events) {
  std::erase_if(events, [&](const Event& event) { return event.at_ns > now_ns; });
  std::ranges::stable_sort(events, {}, &Event::at_ns);
  return events;
}

}  // namespace squall::city
