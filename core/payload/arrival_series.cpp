#include "payload/arrival_series.hpp"

#include <algorithm>

namespace squall {

const ArrivalSeries::Point* ArrivalSeries::before(std::uint64_t arrival) const {
  if (has_latest_ && latest_.arrival <= arrival) return &latest_;
  const auto after = std::upper_bound(
      points_.begin(), points_.end(), arrival,
      [](std::uint64_t wanted, const Point& point) { return wanted < point.arrival; });
  return after == points_.begin() ? nullptr : &*(after - 1);
}

void ArrivalSeries::remember(std::uint64_t arrival, const Value& value) {
  if (has_latest_ && arrival <= latest_.arrival) return;
  latest_ = {arrival, value};
  has_latest_ = true;
  if (!points_.empty() && arrival < points_.back().arrival + kSpacing) return;
  points_.push_back(latest_);
  if (points_.size() < kMostPoints) return;
  std::deque<Point> fewer;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (i % 2 == 0 || i >= points_.size() / 2) fewer.push_back(std::move(points_[i]));
  }
  points_ = std::move(fewer);
}

}  // namespace squall
