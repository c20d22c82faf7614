#include "payload/arena.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "payload/compression.hpp"
#include "payload/random_stream.hpp"

namespace squall {
namespace {

void fill_random(char* out, std::size_t size, RandomStream& random) {
  while (size > 0) {
    const std::uint64_t bits = random.next();
    const std::size_t count = std::min<std::size_t>(size, 8);
    std::memcpy(out, &bits, count);
    out += count;
    size -= count;
  }
}

// Blocks of 256 bytes, the first `share` of each random and the rest zeros; the fraction is carried
// on.
std::string mixed(std::size_t size, double share, std::uint64_t key) {
  constexpr std::size_t kBlock = 256;
  std::string bytes(size, '\0');
  RandomStream random{key, 0};
  double owed = 0;
  for (std::size_t at = 0; at + kBlock <= size; at += kBlock) {
    owed += share * kBlock;
    const auto count = static_cast<std::size_t>(owed);
    owed -= static_cast<double>(count);
    fill_random(bytes.data() + at, count, random);
  }
  return bytes;
}

double ratio_of(double share, std::uint64_t key) {
  const std::string sample = mixed(1 << 16, share, key);
  std::string packed;
  if (!compress(Coding::deflate, sample, packed)) return 1;
  return static_cast<double>(sample.size()) / static_cast<double>(packed.size());
}

// Entropy of a byte that is uniform with probability p and else 0.
double entropy_of(double p) {
  const auto term = [](double q) { return q <= 0 ? 0 : -q * std::log2(q); };
  return term(1 - p + p / 256) + 255 * term(p / 256);
}

}  // namespace

std::shared_ptr<const Arena> Arena::zero() {
  return std::make_shared<Arena>(std::string(1 << 20, '\0'), false);
}

std::shared_ptr<const Arena> Arena::pattern() {
  std::string bytes(1 << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i & 0xFF);
  return std::make_shared<Arena>(std::move(bytes), false);
}

std::shared_ptr<const Arena> Arena::random(std::uint64_t key) {
  std::string bytes(kSize, '\0');
  RandomStream random{key, 0};
  fill_random(bytes.data(), bytes.size(), random);
  return std::make_shared<Arena>(std::move(bytes), true);
}

std::shared_ptr<const Arena> Arena::compressible(double ratio, std::uint64_t key) {
  if (ratio <= 1) return random(key);
  // The ratio falls as the share of random bytes grows: bisection on what deflate really makes of
  // it.
  double low = 0, high = 1;
  for (int i = 0; i < 14; ++i) {
    const double middle = (low + high) / 2;
    (ratio_of(middle, key) > ratio ? low : high) = middle;
  }
  return std::make_shared<Arena>(mixed(kSize, (low + high) / 2, key), true);
}

std::shared_ptr<const Arena> Arena::entropy(double bits, std::uint64_t key) {
  double low = 0, high = 1;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (entropy_of(middle) < bits ? low : high) = middle;
  }
  const auto threshold = static_cast<std::uint64_t>(std::fmin(high * 0x1p32, 0x1p32));
  std::string bytes(kSize, '\0');
  RandomStream random{key, 0};
  for (char& byte : bytes) {
    const std::uint64_t draw = random.next();
    byte = (draw >> 32) < threshold ? static_cast<char>(draw & 0xFF) : '\0';
  }
  return std::make_shared<Arena>(std::move(bytes), true);
}

}  // namespace squall
