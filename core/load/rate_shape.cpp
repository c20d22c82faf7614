#include "load/rate_shape.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace squall {
namespace {

// Largest common denominator in use: rates up to 10^9/s then still fit 63 bits, and the area of a
// run of years fits 127.
constexpr std::int64_t kLargestUnitNs = 1'000'000'000'000'000'000;

Rate reduced(Rate rate) {
  if (rate.count == 0) return Rate{0, 1};
  const auto divisor = std::gcd(rate.count, static_cast<std::uint64_t>(rate.per_ns));
  return Rate{rate.count / divisor, rate.per_ns / static_cast<std::int64_t>(divisor)};
}

// A denominator common to all rates, as large as possible so that a rate in the middle of a line is
// still close to a whole number of it.  When none is small enough, in_unit() rounds down: an area
// that should be whole is then a trace less, and its ceiling the same.
std::int64_t common_unit(const std::vector<Rate>& rates) {
  __int128 unit = 1;
  for (const Rate& rate : rates) {
    const std::int64_t per = reduced(rate).per_ns;
    unit = unit / std::gcd(static_cast<std::int64_t>(unit), per) * per;
    if (unit > kLargestUnitNs) return 864'000'000'000'000'000;
  }
  while (unit * 10 <= kLargestUnitNs / 10) unit *= 10;
  return static_cast<std::int64_t>(unit);
}

}  // namespace

Rate rate_per(double count, std::int64_t per_ns) {
  if (!(count > 0)) return Rate{0, per_ns};
  double power = 1;
  for (int place = 0; place <= 6; ++place, power *= 10) {
    for (const double stretch : {1.0, 60.0, 3'600.0, 86'400.0}) {
      const double scaled = count * stretch * power;
      const double per = static_cast<double>(per_ns) * stretch * power;
      if (scaled > 1e12 || per > 1e18) continue;
      if (scaled >= 1 && std::abs(scaled - std::round(scaled)) <= scaled * 1e-13) {
        return Rate{static_cast<std::uint64_t>(std::llround(scaled)),
                    static_cast<std::int64_t>(per)};
      }
    }
  }
  power = 1;
  while (power < 1e9 && count * power < 1e15 && static_cast<double>(per_ns) * power < 1e17)
    power *= 10;
  return Rate{static_cast<std::uint64_t>(count * power),
              static_cast<std::int64_t>(static_cast<double>(per_ns) * power)};
}

RateShape RateShape::constant(Rate rate, std::int64_t for_ns) {
  return stages({RateStage{for_ns, rate, true}});
}

RateShape RateShape::stages(const std::vector<RateStage>& stages, Rate initial) {
  RateShape shape;
  std::vector<Rate> rates{initial};
  for (const RateStage& stage : stages) rates.push_back(stage.rate);
  shape.unit_ns_ = common_unit(rates);
  std::int64_t from = shape.in_unit(initial);
  for (const RateStage& stage : stages) {
    const std::int64_t to = shape.in_unit(stage.rate);
    shape.append(stage.for_ns, stage.jump ? to : from, to);
    from = to;
  }
  return shape;
}

std::int64_t RateShape::in_unit(Rate rate) const {
  return static_cast<std::int64_t>(static_cast<__int128>(rate.count) * unit_ns_ / rate.per_ns);
}

void RateShape::append(std::int64_t for_ns, std::int64_t from, std::int64_t to) {
  if (for_ns <= 0) return;
  const std::int64_t begin = duration_ns();
  lines_.push_back(Line{begin, begin + for_ns, for_ns, from, to, total_});
  finish_last_line();
}

void RateShape::finish_last_line() {
  const Line& line = lines_.back();
  total_ = line.area_before + area_within(line, line.end_ns - line.begin_ns);
}

RateShape::Area RateShape::area_within(const Line& line, std::int64_t offset_ns) {
  if (line.from == line.to) return static_cast<Area>(line.from) * 2 * offset_ns;
  if (offset_ns == line.slope_ns) {
    return (static_cast<Area>(line.from) + line.to) * offset_ns;
  }
  const auto offset = static_cast<long double>(offset_ns);
  const auto slope = static_cast<long double>(line.to - line.from) / line.slope_ns;
  return static_cast<Area>(offset * (2.0L * line.from + slope * offset));
}

std::int64_t RateShape::time_at(Area area) const {
  if (area < 0 || area >= total_) return kNeverNs;
  // The last line that begins at or below the area: one without any area of its own is passed over.
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), area,
                                     [](Area a, const Line& line) { return a < line.area_before; });
  const Line& line = *(next - 1);
  const Area rest = area - line.area_before;
  std::int64_t offset = 0;
  if (line.from == line.to) {
    offset = static_cast<std::int64_t>(rest / (2 * static_cast<Area>(line.from)));
  } else {
    const auto from = static_cast<long double>(line.from);
    const auto slope = static_cast<long double>(line.to - line.from) / line.slope_ns;
    const auto square = from * from + slope * static_cast<long double>(rest);
    offset = static_cast<std::int64_t>(static_cast<long double>(rest) /
                                       (from + std::sqrt(std::max(square, 0.0L))));
  }
  return line.begin_ns + std::clamp<std::int64_t>(offset, 0, line.end_ns - line.begin_ns - 1);
}

std::int64_t RateShape::due_ns(std::uint64_t index) const {
  return time_at(static_cast<Area>(index) * 2 * unit_ns_);
}

std::int64_t RateShape::time_at_area_ns(long double area) const {
  const long double units = area * 2 * unit_ns_;
  if (units >= static_cast<long double>(total_)) return kNeverNs;
  return time_at(static_cast<Area>(units));
}

long double RateShape::area_before(std::int64_t time_ns) const {
  if (lines_.empty() || time_ns <= 0) return 0;
  Area area = total_;
  if (time_ns < duration_ns()) {
    const auto next =
        std::upper_bound(lines_.begin(), lines_.end(), time_ns,
                         [](std::int64_t t, const Line& line) { return t < line.begin_ns; });
    const Line& line = *(next - 1);
    area = line.area_before + area_within(line, time_ns - line.begin_ns);
  }
  return static_cast<long double>(area) / (2.0L * unit_ns_);
}

std::uint64_t RateShape::count() const {
  const Area arrival = static_cast<Area>(2) * unit_ns_;
  return static_cast<std::uint64_t>((total_ + arrival - 1) / arrival);
}

std::uint64_t RateShape::count_before(std::int64_t time_ns) const {
  if (time_ns <= 0) return 0;
  if (time_ns >= duration_ns()) return count();
  auto count = static_cast<std::uint64_t>(std::ceil(area_before(time_ns)));
  // The area within a ramp is rounded: what counts is that this agrees with due_ns().
  while (count > 0 && due_ns(count - 1) >= time_ns) --count;
  while (due_ns(count) < time_ns) ++count;
  return count;
}

double RateShape::rate_at(std::int64_t time_ns) const {
  for (const Line& line : lines_) {
    if (time_ns < line.begin_ns || time_ns >= line.end_ns) continue;
    const double part =
        static_cast<double>(time_ns - line.begin_ns) / static_cast<double>(line.slope_ns);
    const double rate =
        static_cast<double>(line.from) + static_cast<double>(line.to - line.from) * part;
    return rate * 1e9 / static_cast<double>(unit_ns_);
  }
  return 0;
}

std::int64_t RateShape::duration_ns() const { return lines_.empty() ? 0 : lines_.back().end_ns; }

RateShape RateShape::changed_at(std::int64_t at_ns, Rate rate, std::int64_t end_ns) const {
  RateShape changed = *this;
  while (!changed.lines_.empty() && changed.lines_.back().begin_ns >= at_ns)
    changed.lines_.pop_back();
  changed.total_ = 0;
  if (!changed.lines_.empty()) {
    Line& last = changed.lines_.back();
    last.end_ns = std::min(last.end_ns, at_ns);
    changed.finish_last_line();
  } else {
    changed.unit_ns_ = common_unit({rate});
  }
  changed.append(at_ns - changed.duration_ns(), 0, 0);  // a pause when the shape was over before
  const std::int64_t in_unit = changed.in_unit(rate);
  changed.append(end_ns - at_ns, in_unit, in_unit);
  return changed;
}

}  // namespace squall
