#include "load/trace.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace squall {

ArrivalTrace::ArrivalTrace(std::vector<std::int64_t> times_ns, double speed, std::int64_t until_ns)
    : due_ns_(std::move(times_ns)) {
  if (!std::is_sorted(due_ns_.begin(), due_ns_.end())) {
    record_.resize(due_ns_.size());
    std::iota(record_.begin(), record_.end(), 0u);
    std::stable_sort(record_.begin(), record_.end(),
                     [this](std::uint32_t a, std::uint32_t b) { return due_ns_[a] < due_ns_[b]; });
    std::vector<std::int64_t> sorted;
    sorted.reserve(due_ns_.size());
    for (const std::uint32_t record : record_) sorted.push_back(due_ns_[record]);
    due_ns_ = std::move(sorted);
  }
  if (due_ns_.empty()) return;
  const std::int64_t first = due_ns_.front();
  for (std::int64_t& time : due_ns_) {
    // Times may lie further apart than a difference of them can say; a long double holds any int64.
    const long double due = (static_cast<long double>(time) - static_cast<long double>(first)) /
                            static_cast<long double>(speed);
    time = due < static_cast<long double>(kNeverNs) ? static_cast<std::int64_t>(due) : kNeverNs;
  }
  const auto end = std::lower_bound(due_ns_.begin(), due_ns_.end(), until_ns);
  due_ns_.erase(end, due_ns_.end());
}

}  // namespace squall
