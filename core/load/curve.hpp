// A rate that follows the hour of day: a piecewise-linear multiplier with mean 1, as a change of
// time. What would happen at `base` time under the mean rate happens when the integrated multiplier
// has got there; so one value serves open arrivals (even or Poisson) and fleets alike, and the
// order and number of things stay what they were.
#pragma once

#include <cstdint>
#include <vector>

namespace squall {

class Curve {
 public:
  struct Point {
    std::int64_t at_ns = 0;  // in the day, [0, 24 h); ascending
    double value = 0;        // >= 0, not all 0; any scale
  };
  static constexpr std::int64_t kDayNs = 86'400'000'000'000;

  /// Linear between points and from the last over midnight to the first.  The run begins at
  /// `begin_ns` of the day; `speed` lets that many seconds of the day pass in a second of the run.
  explicit Curve(const std::vector<Point>& points, std::int64_t begin_ns = 0, double speed = 1);

  /// The factor on the mean rate at a run time.
  double multiplier_at(std::int64_t time_ns) const;

  /// When that is due in the run which under the mean rate would be at `base_ns`.  Monotone;
  /// rounded down; a stretch without any rate is passed over.
  std::int64_t due_ns(std::int64_t base_ns) const;

  /// The first base time whose due time is at or past `time_ns`: how long a load must be under the
  /// mean rate to fill the run until then.
  std::int64_t base_ns(std::int64_t time_ns) const;

 private:
  struct Piece {
    long double begin = 0;  // ns of the day
    long double length = 0;
    long double from = 0;
    long double to = 0;
    long double area_before = 0;  // of the day, so far
  };
  long double area_of_day(long double at) const;
  long double time_of_area(long double area) const;

  std::vector<Piece> pieces_;
  long double begin_ = 0;
  long double speed_ = 1;
  long double begin_area_ = 0;
};

}  // namespace squall
