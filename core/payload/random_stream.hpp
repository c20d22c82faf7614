// Random bits as a pure function of what they are for: a key (seed, population, user, iteration …)
// and the number of the draw. Two shards that compute the same draw get the same bits, and nothing
// has to be carried along but a counter. Not for secrets.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "load/random.hpp"

namespace squall {

/// One key of several words; the order counts.
constexpr std::uint64_t mix_words(std::initializer_list<std::uint64_t> words) {
  std::uint64_t key = 0x9E3779B97F4A7C15ull;
  for (std::uint64_t word : words) key = mix64((key ^ word) + 0x9E3779B97F4A7C15ull);
  return key;
}

/// FNV-1a, mixed: stable salts from names.
constexpr std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return mix64(hash);
}

struct RandomStream {
  std::uint64_t key = 0;
  std::uint64_t draws = 0;

  std::uint64_t next() { return mix64(mix64(key + ++draws * 0x9E3779B97F4A7C15ull) ^ key); }
  /// In [0, 1), 53 bits.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// In (0, 1): for logarithms and inverse functions.
  double open_unit() { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52; }
  /// In [0, bound); bound > 0. Multiply-shift: the bias is below 2^-64 of the bound.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
};

}  // namespace squall
