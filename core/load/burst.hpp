// `once: N, within: D`: each user comes once, at a time drawn over D.  It is a fleet whose users
// have one occurrence, so it needs no scheduler of its own.
#pragma once

#include <cstdint>

#include "load/fleet_schedule.hpp"

namespace squall {

/// How the N come within D: evenly at random, or with a peak as beta(a, b) has it.  3GPP TR 37.868
/// uses both for machines that answer one event: uniform over 60 s, beta(3, 4) over 10 s.
struct Spread {
  double a = 1;  // beta(1, 1) is uniform
  double b = 1;
};

FleetOptions once(std::uint64_t users, std::int64_t within_ns, Spread spread, std::uint64_t seed,
                  std::uint64_t population);

}  // namespace squall
