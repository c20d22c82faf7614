#include "load/user_shape.hpp"

#include <algorithm>

namespace squall {
namespace {
using Wide = __int128;
}

UserShape UserShape::constant(std::uint64_t users, std::int64_t ramp_ns) {
  UserShape shape;
  shape.append(ramp_ns, 0, users);
  shape.append(kNeverNs, users, users);
  return shape;
}

UserShape UserShape::stages(const std::vector<UserStage>& stages, std::uint64_t initial) {
  UserShape shape;
  std::uint64_t from = initial;
  for (const UserStage& stage : stages) {
    shape.append(stage.for_ns, stage.jump ? stage.users : from, stage.users);
    from = stage.users;
  }
  return shape;
}

void UserShape::append(std::int64_t for_ns, std::uint64_t from, std::uint64_t to) {
  if (for_ns <= 0) return;
  const std::int64_t begin = lines_.empty() ? 0 : lines_.back().end_ns;
  if (begin == kNeverNs) return;
  const std::int64_t end = for_ns > kNeverNs - begin ? kNeverNs : begin + for_ns;
  lines_.push_back(Line{begin, end, for_ns, from, to});
}

const UserShape::Line* UserShape::line_at(std::int64_t time_ns) const {
  for (const Line& line : lines_) {
    if (time_ns < line.end_ns) return &line;
  }
  return nullptr;
}

// The line's value one nanosecond later, rounded up.
std::uint64_t UserShape::Line::at(std::int64_t time_ns) const {
  if (from == to) return from;
  const Wide passed = static_cast<Wide>(time_ns) - begin_ns + 1;
  const Wide value = static_cast<Wide>(from) * slope_ns +
                     (static_cast<Wide>(to) - static_cast<Wide>(from)) * passed;
  return static_cast<std::uint64_t>((value + slope_ns - 1) / slope_ns);
}

// First moment of the line with more than `user` users, or kNeverNs.
std::int64_t UserShape::Line::first_above_ns(std::uint64_t user) const {
  if (at(begin_ns) > user) return begin_ns;
  if (to <= from) return kNeverNs;
  const Wide offset = static_cast<Wide>(user - from) * slope_ns / (to - from);
  return offset < end_ns - begin_ns ? begin_ns + static_cast<std::int64_t>(offset) : kNeverNs;
}

// First moment of the line with at most `user` users, or kNeverNs.
std::int64_t UserShape::Line::first_not_above_ns(std::uint64_t user) const {
  if (at(begin_ns) <= user) return begin_ns;
  if (to >= from) return kNeverNs;
  const Wide fall = static_cast<Wide>(from - to);
  const Wide offset = (static_cast<Wide>(from - user) * slope_ns + fall - 1) / fall - 1;
  return offset < end_ns - begin_ns ? begin_ns + static_cast<std::int64_t>(offset) : kNeverNs;
}

std::uint64_t UserShape::planned(std::int64_t time_ns) const {
  if (time_ns < 0) return 0;
  const Line* line = line_at(time_ns);
  return line == nullptr ? 0 : line->at(time_ns);
}

std::int64_t UserShape::active_from_ns(std::uint64_t user, std::int64_t time_ns) const {
  if (active(user, time_ns)) return time_ns;
  for (const Line& line : lines_) {
    if (line.end_ns <= time_ns) continue;
    // On a line that falls only its begin can be the first moment above.
    const std::int64_t first = line.first_above_ns(user);
    if (first != kNeverNs && first >= time_ns) return first;
  }
  return kNeverNs;
}

std::int64_t UserShape::active_until_ns(std::uint64_t user, std::int64_t time_ns) const {
  if (!active(user, time_ns)) return time_ns;
  for (const Line& line : lines_) {
    if (line.end_ns <= time_ns) continue;
    const std::int64_t first = line.first_not_above_ns(user);
    if (first != kNeverNs && first >= time_ns) return first;
  }
  return end_ns();
}

std::int64_t UserShape::next_change_ns(std::int64_t time_ns) const {
  const std::uint64_t users = planned(time_ns);
  const std::int64_t more = active_from_ns(users, time_ns);
  const std::int64_t fewer = users == 0 ? kNeverNs : active_until_ns(users - 1, time_ns);
  return std::min(more, fewer);
}

std::uint64_t UserShape::peak() const {
  std::uint64_t peak = 0;
  for (const Line& line : lines_)
    peak = std::max({peak, line.at(line.begin_ns), line.at(line.end_ns - 1)});
  return peak;
}

std::int64_t UserShape::end_ns() const { return lines_.empty() ? 0 : lines_.back().end_ns; }

UserShape UserShape::changed_at(std::int64_t at_ns, std::uint64_t users,
                                std::int64_t ramp_ns) const {
  const std::uint64_t before = planned(at_ns);
  const std::int64_t old_end = end_ns() > at_ns ? end_ns() : kNeverNs;
  UserShape changed;
  for (const Line& line : lines_) {
    if (line.begin_ns >= at_ns) break;
    changed.lines_.push_back(line);
    changed.lines_.back().end_ns = std::min(line.end_ns, at_ns);
  }
  changed.append(at_ns - changed.end_ns(), 0, 0);
  changed.append(std::min(ramp_ns, old_end - at_ns), before, users);
  if (!changed.lines_.empty() && changed.lines_.back().end_ns > at_ns)
    changed.lines_.back().slope_ns = ramp_ns;
  const std::int64_t begin = changed.end_ns();
  changed.append(old_end == kNeverNs ? kNeverNs : old_end - begin, users, users);
  return changed;
}

}  // namespace squall
