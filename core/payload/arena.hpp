// Bytes made once at load time, of which blobs are views: a message of any size costs one random
// number. A body longer than the arena goes round it again. Shared by all shards, never written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace squall {

class Arena {
 public:
  /// 4 MiB: larger than deflate's window and zstd's usual one, so that going round does not
  /// compress.
  static constexpr std::size_t kSize = std::size_t{1} << 22;

  static std::shared_ptr<const Arena> zero();
  /// Byte i of every body is i mod 256, so that a receiver can check each.
  static std::shared_ptr<const Arena> pattern();
  static std::shared_ptr<const Arena> random(std::uint64_t key);
  /// Deflate (level 6) makes it 1/ratio as large, ratio from 1 to 100, within 5 % from 64 KiB on.
  static std::shared_ptr<const Arena> compressible(double ratio, std::uint64_t key);
  /// Order-0 entropy in bits per byte, 0 to 8.
  static std::shared_ptr<const Arena> entropy(double bits, std::uint64_t key);

  std::string_view bytes() const { return bytes_; }
  /// Whether bodies begin at a random place; zero and pattern begin at the first byte.
  bool is_random() const { return is_random_; }

  Arena(std::string bytes, bool is_random) : bytes_(std::move(bytes)), is_random_(is_random) {}

 private:
  std::string bytes_;
  bool is_random_;
};

}  // namespace squall
