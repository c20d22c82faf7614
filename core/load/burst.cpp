#include "load/burst.hpp"

#include <algorithm>

#include "load/random.hpp"

namespace squall {

FleetOptions once(std::uint64_t users, std::int64_t within_ns, Spread spread, std::uint64_t seed,
                  std::uint64_t population) {
  FleetOptions options;
  options.users = users;
  options.every_ns = kNeverNs;
  options.horizon_ns = within_ns;
  options.seed = seed;
  options.population = population;
  const std::uint64_t stream = stream_id("burst", population);
  options.first_ns = [=](std::uint64_t user) {
    Random random(seed, stream, user);
    const double part =
        spread.a == 1 && spread.b == 1 ? random.uniform() : random.beta(spread.a, spread.b);
    const auto at = static_cast<std::int64_t>(part * static_cast<double>(within_ns));
    return std::clamp<std::int64_t>(at, 0, std::max<std::int64_t>(within_ns - 1, 0));
  };
  return options;
}

}  // namespace squall
