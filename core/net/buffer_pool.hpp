// Buffers that streams of one shard borrow while they hold bytes that a plugin has not consumed.
// An idle stream holds none; what comes back is kept for the next one, within a bound.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

namespace squall {

struct Buffer {
  std::unique_ptr<std::uint8_t[]> data;
  std::size_t capacity = 0;
};

class BufferPool {
 public:
  static constexpr std::size_t kSmallest = 4096;
  static constexpr std::size_t kKeptBytesMax = 16u << 20;

  /// At least `bytes`, rounded up to a power of two.
  Buffer take(std::size_t bytes) {
    const unsigned order = order_of(bytes);
    auto& shelf = order < shelves_.size() ? shelves_[order] : none_;
    if (shelf.empty()) {
      const std::size_t capacity = kSmallest << order;
      return {std::unique_ptr<std::uint8_t[]>(new std::uint8_t[capacity]), capacity};
    }
    Buffer buffer = std::move(shelf.back());
    shelf.pop_back();
    kept_bytes_ -= buffer.capacity;
    return buffer;
  }
  void put(Buffer buffer) {
    const unsigned order = order_of(buffer.capacity);
    if (order >= shelves_.size() || kept_bytes_ + buffer.capacity > kKeptBytesMax) return;
    kept_bytes_ += buffer.capacity;
    shelves_[order].push_back(std::move(buffer));
  }

 private:
  static unsigned order_of(std::size_t bytes) {
    return bytes <= kSmallest ? 0 : static_cast<unsigned>(std::bit_width((bytes - 1) / kSmallest));
  }
  std::array<std::vector<Buffer>, 11> shelves_;   // 4 KiB … 4 MiB
  std::vector<Buffer> none_;                      // larger ones are never kept
  std::size_t kept_bytes_ = 0;
};

}  // namespace squall
