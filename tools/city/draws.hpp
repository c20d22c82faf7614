// Random numbers that a seed repeats: functions of hashed bits, without a state.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace squall::city {

/// In (0, 1), from 53 bits.
inline double to_unit(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53; }

/// Of mean 0 and standard deviation 1, from two numbers in (0, 1).
inline double to_normal(double a, double b) { return std::sqrt(-2 * std::log(a)) * std::cos(2 * std::numbers::pi * b); }

}  // namespace squall::city
