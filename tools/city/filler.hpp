// The bodies that the city makes up: byte i is 'a' + i mod 26 for every size, so that a client can
// check any of them without asking. One block of about 1 MiB serves all; nothing is made per
// request.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace squall::city {

class Filler {
 public:
  static constexpr std::size_t kBlockSize = 26 * 40'330;  // whole alphabets, so that blocks join

  Filler();
  /// The bytes [offset, offset + size) of a body, at most one block, and never past the block's
  /// end.
  std::string_view piece(std::uint64_t offset, std::uint64_t size) const;

 private:
  std::string block_;
};

/// Filler bodies as gzip files. Keeps what it made, up to a bound. Thread: one.
class GzipFiller {
 public:
  static constexpr std::uint64_t kMaxSize = 64 << 20;
  explicit GzipFiller(const Filler& filler) : filler_(filler) {}
  /// `size` filler bytes, compressed. The view holds until the next call. `size` at most kMaxSize.
  std::string_view body(std::uint64_t size);

 private:
  const Filler& filler_;
  std::map<std::uint64_t, std::string> made_;
};

}  // namespace squall::city
