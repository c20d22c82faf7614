// Random numbers that hang on indices: the n-th draw of (seed, stream, index) is a pure function of
// those numbers.  So one shard or three hundred agents, and a run whose slots moved, make the same
// draws.  Not for cryptography, and no global state: whoever draws keeps a `Random` by value.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace squall {

/// A bijection of 64 bits in which every input bit reaches every output bit (Stafford's variant 13
/// of the murmur finaliser, the one of splitmix64).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

inline constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15u;

/// One 64-bit hash of (seed, stream, index, n).  Arguments are absorbed one by one, so that (1, 2)
/// and (2, 1) have nothing to do with each other.
constexpr std::uint64_t hash_index(std::uint64_t seed, std::uint64_t stream, std::uint64_t index,
                                   std::uint64_t n = 0) {
  std::uint64_t h = mix64(seed + kGoldenGamma);
  h = mix64((h ^ stream) + kGoldenGamma);
  h = mix64((h ^ index) + kGoldenGamma);
  return mix64((h ^ n) + kGoldenGamma);
}

/// A stream for a purpose by its name: `stream_id("arrivals")`, `stream_id("pick", population)`.
constexpr std::uint64_t stream_id(std::string_view purpose, std::uint64_t of = 0) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : purpose) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return mix64((mix64(h) ^ of) + kGoldenGamma);
}

/// 64 random bits as a double in [0, 1), all 53 bits of it used.
constexpr double unit_interval(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

/// The draws of one (seed, stream, index), one after another.  8 bytes, copied freely.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t index, std::uint64_t n = 0)
      : state_(hash_index(seed, stream, index, n)) {}

  std::uint64_t next() { return mix64(state_ += kGoldenGamma); }

  /// In [0, 1).
  double uniform() { return unit_interval(next()); }

  /// In [0, bound), without bias; 0 when bound is 0.
  /// Source: D. Lemire, "Fast random integer generation in an interval", 2019.
  std::uint64_t below(std::uint64_t bound) {
    unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
    if (static_cast<std::uint64_t>(product) < bound) {
      const std::uint64_t threshold = (0 - bound) % bound;
      while (static_cast<std::uint64_t>(product) < threshold) {
        product = static_cast<unsigned __int128>(next()) * bound;
      }
    }
    return static_cast<std::uint64_t>(product >> 64);
  }

  /// In [low, high], both ends included; low when the interval is empty.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    const std::uint64_t span = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t offset = span == UINT64_MAX ? next() : below(span + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
  }

  double exponential(double mean) { return -mean * std::log1p(-uniform()); }

  /// Box and Muller's cosine branch only: two draws a value and no memory between calls, so the
  /// n-th value never depends on what was asked for before.
  double normal(double mean, double deviation) {
    const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));
    return mean + deviation * radius * std::cos(6.283185307179586 * uniform());
  }

  /// Shape > 0, scale 1.  Source: G. Marsaglia and W. W. Tsang, "A simple method for generating
  /// gamma variables", 2000; below 1 with their boost by a power of a uniform.
  double gamma(double shape) {
    if (shape < 1.0) return gamma(shape + 1.0) * std::pow(1.0 - uniform(), 1.0 / shape);
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    for (;;) {
      const double x = normal(0.0, 1.0);
      const double v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
      if (v <= 0.0) continue;
      if (std::log(1.0 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
    }
  }

  /// In [0, 1].
  double beta(double a, double b) {
    const double x = gamma(a);
    const double y = gamma(b);
    return x / (x + y);
  }

 private:
  std::uint64_t state_;
};

}  // namespace squall
