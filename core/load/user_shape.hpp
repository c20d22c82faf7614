// Closed load: how many users there should be at run time t, and thereby which: user k is active
// while k < U(t).  A function of time alone, so a ramp needs no messages and is the same on one
// machine and on a thousand.  It does not start or retire anybody.
#pragma once

#include <cstdint>
#include <vector>

#include "load/rate_shape.hpp"  // kNeverNs

namespace squall {

/// "Reach `users` within `for_ns`", in a straight line, or at once when `jump`.
struct UserStage {
  std::int64_t for_ns = 0;
  std::uint64_t users = 0;
  bool jump = false;
};

class UserShape {
 public:
  UserShape() = default;  // nobody

  /// N users from the begin without an end; with a ramp user k begins at k * ramp / N.
  static UserShape constant(std::uint64_t users, std::int64_t ramp_ns = 0);

  /// Linear from `initial` to each stage's number; nobody after the last stage.
  static UserShape stages(const std::vector<UserStage>& stages, std::uint64_t initial = 0);

  /// U(t): the line's value at the end of the nanosecond t, rounded up.  So the first user of a
  /// ramp begins at its first moment and the last one of a ramp to 0 leaves with its last.
  std::uint64_t planned(std::int64_t time_ns) const;
  bool active(std::uint64_t user, std::int64_t time_ns) const { return user < planned(time_ns); }

  /// The first moment after `time_ns` at which U differs from U(time_ns), or kNeverNs.
  std::int64_t next_change_ns(std::int64_t time_ns) const;

  /// The first moment from `time_ns` on at which user `user` is (not) active, or kNeverNs.
  std::int64_t active_from_ns(std::uint64_t user, std::int64_t time_ns = 0) const;
  std::int64_t active_until_ns(std::uint64_t user, std::int64_t time_ns) const;

  std::uint64_t peak() const;
  /// End of the last stage, kNeverNs when the shape has no end of its own.
  std::int64_t end_ns() const;

  /// The same until `at_ns`, from then on `users` (after a ramp) without an end, or until the old
  /// end.
  UserShape changed_at(std::int64_t at_ns, std::uint64_t users, std::int64_t ramp_ns = 0) const;

 private:
  struct Line {
    std::int64_t begin_ns = 0;
    std::int64_t end_ns =
        kNeverNs;               // exclusive; before begin + slope when a change cut the line off
    std::int64_t slope_ns = 1;  // the time in which it goes from `from` to `to`
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t at(std::int64_t time_ns) const;
    std::int64_t first_above_ns(std::uint64_t user) const;
    std::int64_t first_not_above_ns(std::uint64_t user) const;
  };
  const Line* line_at(std::int64_t time_ns) const;
  void append(std::int64_t for_ns, std::uint64_t from, std::uint64_t to);

  std::vector<Line> lines_;  // without gaps, from 0
};

}  // namespace squall
