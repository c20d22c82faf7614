// Distributions from a line of JSON, draws from them, and how far these lie from what they should be.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "payload/distribution.hpp"
#include "payload/json_text.hpp"
#include "payload/random_stream.hpp"

namespace squall {

// The YAML's form as JSON: one line, and the loader's trees look the same.
inline Value yaml(std::string_view json) {
  auto value = parse_json(json);
  if (!value) ADD_FAILURE() << json << ": " << value.error().text;
  return value ? *value : Value{};
}

inline Distribution make(std::string_view json, UnitKind unit = UnitKind::none) {
  auto made = make_distribution(yaml(json), unit);
  if (!made) {
    ADD_FAILURE() << json << ": " << made.error().text;
    return {};
  }
  return *made;
}

inline std::string mistake(std::string_view json, UnitKind unit = UnitKind::none) {
  auto made = make_distribution(yaml(json), unit);
  return made ? "no mistake" : made.error().text;
}

inline std::vector<double> draw(const Distribution& distribution, int count, std::uint64_t seed = 1) {
  RandomStream random{mix_words({seed}), 0};
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(distribution.sample(random));
  return values;
}

inline double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

inline double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// Kolmogorov and Smirnov's D against a distribution function.
template <typename Cdf>
double ks_distance(std::vector<double> values, Cdf cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]);
    largest =
        std::max({largest, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return largest;
}

constexpr int kCount = 10'000;
constexpr double kKsLimit = 0.0163;  // alpha = 0.01 at n = 10,000
constexpr double kSecond = 1e9;

}  // namespace squall
