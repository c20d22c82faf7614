// Open load: when arrival m is due, as a pure function of m.  A shape is a list of straight lines
// of the rate over run time; arrival m is due when the integrated rate reaches m.  It reads no
// clock, knows no shard, and does not say which task an arrival takes.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace squall {

/// "Never": past the last arrival, after the last change.
inline constexpr std::int64_t kNeverNs = std::numeric_limits<std::int64_t>::max();

/// So many events in so much time, exactly: 40000/day is {40000, 86'400'000'000'000}.  A ratio and
/// not a double, because 0.1/s for 30 s must be 3 arrivals and not 4.
struct Rate {
  std::uint64_t count = 0;
  std::int64_t per_ns = 1'000'000'000;  // > 0

  double per_second() const {
    return static_cast<double>(count) * 1e9 / static_cast<double>(per_ns);
  }
  friend bool operator==(const Rate& a, const Rate& b) {
    return static_cast<unsigned __int128>(a.count) * static_cast<std::uint64_t>(b.per_ns) ==
           static_cast<unsigned __int128>(b.count) * static_cast<std::uint64_t>(a.per_ns);
  }
};

/// Any finite rate >= 0 as the ratio that was meant: 333.3/s is 3333 in 10 s, 0.46296.../s is 40000
/// a day.  Tried are decimals of up to six places of events per second, minute, hour and day; what
/// is none of these is rounded down to nine places.
Rate rate_per(double count, std::int64_t per_ns);

/// "Reach `rate` within `for_ns`", in a straight line, or at once when `jump`.
struct RateStage {
  std::int64_t for_ns = 0;
  Rate rate;
  bool jump = false;
};

class RateShape {
 public:
  RateShape() = default;  // no arrivals
  static RateShape constant(Rate rate, std::int64_t for_ns);
  static RateShape stages(const std::vector<RateStage>& stages, Rate initial = {});

  /// When arrival `index` (from 0) is due, in ns since the shape's begin, or kNeverNs past the
  /// last. Computed from the index alone, so rounding never adds up over a long run; rounded down.
  /// Source: root of r0 t + (r1 - r0) t^2 / 2T = area, in the form area / (r0 + sqrt(...)).
  std::int64_t due_ns(std::uint64_t index) const;

  /// When the integrated rate reaches `area` (which need not be whole), or kNeverNs.
  std::int64_t time_at_area_ns(long double area) const;

  /// How many arrivals the whole shape has: ceil(integrated rate), which is ceil(R * D) for a
  /// constant.
  std::uint64_t count() const;

  /// How many arrivals are due before `time_ns`: those m with due_ns(m) < time_ns.
  std::uint64_t count_before(std::int64_t time_ns) const;

  /// The integrated rate from the begin to `time_ns`.
  long double area_before(std::int64_t time_ns) const;

  double rate_at(std::int64_t time_ns) const;  // per second
  std::int64_t duration_ns() const;

  /// The same until `at_ns`, from then on constantly `rate` until `end_ns`: a change while the run
  /// goes on.  Arrivals keep their numbers across the change, none is repeated or skipped.
  RateShape changed_at(std::int64_t at_ns, Rate rate, std::int64_t end_ns) const;

 private:
  // Areas are kept as whole numbers of 1 / (2 * unit_ns_): exact sums over any list of lines.
  using Area = __int128;
  struct Line {
    std::int64_t begin_ns = 0;
    std::int64_t end_ns = 0;    // exclusive; before begin + slope when a change cut the line off
    std::int64_t slope_ns = 0;  // the time in which the rate goes from `from` to `to`
    std::int64_t from = 0;      // events in unit_ns_
    std::int64_t to = 0;
    Area area_before = 0;
  };
  void append(std::int64_t for_ns, std::int64_t from, std::int64_t to);
  void finish_last_line();
  static Area area_within(const Line& line, std::int64_t offset_ns);
  std::int64_t time_at(Area area) const;
  std::int64_t in_unit(Rate rate) const;

  std::vector<Line> lines_;  // without gaps, from 0
  std::int64_t unit_ns_ = 1'000'000'000;
  Area total_ = 0;
};

}  // namespace squall
