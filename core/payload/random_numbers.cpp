#include "payload/random_numbers.hpp"

#include <cmath>

namespace squall {

double draw_normal(RandomStream& random) {
  const double radius = std::sqrt(-2.0 * std::log(random.open_unit()));
  return radius * std::cos(6.283185307179586 * random.unit());
}

double draw_exponential(RandomStream& random) { return -std::log(random.open_unit()); }

double draw_gamma(RandomStream& random, double shape) {
  // Below 1: a gamma of shape + 1, scaled down by a power of a uniform.
  if (shape < 1) return draw_gamma(random, shape + 1) * std::pow(random.open_unit(), 1 / shape);
  const double d = shape - 1.0 / 3.0;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = draw_normal(random);
    const double base = 1 + c * x;
    if (base <= 0) continue;
    const double v = base * base * base;
    if (std::log(random.open_unit()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double draw_beta(RandomStream& random, double a, double b) {
  const double x = draw_gamma(random, a);
  const double y = draw_gamma(random, b);
  return x / (x + y);
}

std::int64_t draw_whole(RandomStream& random, std::int64_t low, std::int64_t high) {
  const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  const std::uint64_t step = span == 0 ? random.next() : random.below(span);  // 0: all 64 bits
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + step);
}

}  // namespace squall
