// p-values of the two tests that the random parts of a load are held against: Kolmogorov and
// Smirnov's for a distribution, chi-square for counts.  Only for fixed seeds: a p-value under a
// fixed seed is a constant, so these tests never fail by chance.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace squall {

/// Of the hypothesis that `values` are uniform on [0, 1).
inline double kolmogorov_smirnov_p(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double furthest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double at = static_cast<double>(i);
    furthest = std::max({furthest, (at + 1) / n - values[i], values[i] - at / n});
  }
  const double lambda = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * furthest;
  if (lambda < 0.2) return 1;  // the series below needs many terms there
  double p = 0;
  for (int k = 1; k <= 100; ++k)
    p += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * lambda * lambda);
  return std::clamp(p, 0.0, 1.0);
}

/// Two-sided, by Wilson and Hilferty's cube root (good to a few per cent for 20 degrees and more).
inline double chi_square_p(double statistic, double degrees) {
  const double spread = 2.0 / (9.0 * degrees);
  const double z = (std::cbrt(statistic / degrees) - (1.0 - spread)) / std::sqrt(spread);
  return std::erfc(std::abs(z) / std::sqrt(2.0));
}

}  // namespace squall
