#include "load/curve.hpp"

#include <algorithm>
#include <cmath>

namespace squall {

Curve::Curve(const std::vector<Point>& points, std::int64_t begin_ns, double speed)
    : begin_(static_cast<long double>(begin_ns % kDayNs)), speed_(speed > 0 ? speed : 1) {
  std::vector<Point> day = points;
  if (day.empty()) day.push_back({0, 1});
  // The stretch over midnight is cut there, so that pieces run from 0 to 24 h.
  const Point first = day.front();
  const Point last = day.back();
  if (first.at_ns > 0) {
    const long double gap = static_cast<long double>(first.at_ns + kDayNs - last.at_ns);
    const long double part = static_cast<long double>(kDayNs - last.at_ns) / gap;
    const double midnight = static_cast<double>(last.value + (first.value - last.value) * part);
    day.insert(day.begin(), {0, midnight});
  }
  day.push_back({kDayNs, day.front().value});
  long double area = 0;
  for (std::size_t i = 0; i + 1 < day.size(); ++i) {
    const auto length = static_cast<long double>(day[i + 1].at_ns - day[i].at_ns);
    if (length <= 0) continue;
    pieces_.push_back({static_cast<long double>(day[i].at_ns), length, std::max(day[i].value, 0.0),
                       std::max(day[i + 1].value, 0.0), 0});
    area += length * (pieces_.back().from + pieces_.back().to) / 2;
  }
  const long double factor = area > 0 ? static_cast<long double>(kDayNs) / area : 0;
  long double before = 0;
  for (Piece& piece : pieces_) {
    piece.from = factor > 0 ? piece.from * factor : 1;
    piece.to = factor > 0 ? piece.to * factor : 1;
    piece.area_before = before;
    before += piece.length * (piece.from + piece.to) / 2;
  }
  begin_area_ = area_of_day(begin_);
}

long double Curve::area_of_day(long double at) const {
  const auto next = std::upper_bound(pieces_.begin() + 1, pieces_.end(), at,
                                     [](long double t, const Piece& p) { return t < p.begin; });
  const Piece& piece = *(next - 1);
  const long double offset = std::min(at - piece.begin, piece.length);
  return piece.area_before +
         offset * (piece.from + (piece.to - piece.from) * offset / piece.length / 2);
}

// The day's time at which its area reaches `area` and goes on growing.
long double Curve::time_of_area(long double area) const {
  const auto next =
      std::upper_bound(pieces_.begin() + 1, pieces_.end(), area,
                       [](long double a, const Piece& p) { return a < p.area_before; });
  const Piece& piece = *(next - 1);
  const long double rest = area - piece.area_before;
  const long double slope = (piece.to - piece.from) / piece.length;
  const long double root = std::sqrt(std::max(piece.from * piece.from + 2 * slope * rest, 0.0L));
  const long double offset = piece.from + root > 0 ? 2 * rest / (piece.from + root) : 0;
  return piece.begin + std::clamp(offset, 0.0L, piece.length);
}

double Curve::multiplier_at(std::int64_t time_ns) const {
  const long double at = std::fmod(begin_ + static_cast<long double>(time_ns) * speed_,
                                   static_cast<long double>(kDayNs));
  for (const Piece& piece : pieces_) {
    if (at >= piece.begin + piece.length) continue;
    return static_cast<double>(piece.from +
                               (piece.to - piece.from) * (at - piece.begin) / piece.length);
  }
  return static_cast<double>(pieces_.back().to);
}

std::int64_t Curve::due_ns(std::int64_t base_ns) const {
  const auto day = static_cast<long double>(kDayNs);
  const long double area = begin_area_ + static_cast<long double>(base_ns) * speed_;
  const long double days = std::floor(area / day);
  const long double at = days * day + time_of_area(area - days * day);
  return std::max<std::int64_t>(0, static_cast<std::int64_t>((at - begin_) / speed_));
}

std::int64_t Curve::base_ns(std::int64_t time_ns) const {
  if (time_ns <= 0) return 0;
  const auto day = static_cast<long double>(kDayNs);
  const long double at = begin_ + static_cast<long double>(time_ns) * speed_;
  const long double days = std::floor(at / day);
  const long double area = days * day + area_of_day(at - days * day);
  auto base = static_cast<std::int64_t>((area - begin_area_) / speed_);
  // Rounding may be off by a little: what counts is that it agrees with due_ns().
  std::int64_t step = 1;
  while (base > 0 && due_ns(base - 1) >= time_ns)
    base = std::max<std::int64_t>(0, base - step), step *= 2;
  while (due_ns(base) < time_ns) ++base;
  return base;
}

}  // namespace squall
