#include <algorithm>

#include "stats/window_record.hpp"

namespace squall {

void MetricWindow::add(double value, std::int64_t at_ns) {
  min = count == 0 ? value : std::min(min, value);
  max = count == 0 ? value : std::max(max, value);
  sum += value;
  ++count;
  last = value;
  last_ns = at_ns;
}

MetricWindow& MetricWindow::operator+=(const MetricWindow& other) {
  if (other.count == 0) return *this;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = count == 0 ? other.max : std::max(max, other.max);
  if (count == 0 || other.last_ns >= last_ns) {
    last = other.last;
    last_ns = other.last_ns;
  }
  sum += other.sum;
  count += other.count;
  return *this;
}

}  // namespace squall
