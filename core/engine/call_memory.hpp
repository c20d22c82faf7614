// Bump memory for the arguments of one call: addresses stay valid until clear(), and the blocks are
// kept, so that a call object allocates only while it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace squall {

/// Thread: its owner's.
class CallMemory {
 public:
  void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
    std::size_t begin = (used_ + alignment - 1) / alignment * alignment;
    if (block_ >= blocks_.size() || begin + size > blocks_[block_].size) {
      next_block(size);
      begin = 0;
    }
    used_ = begin + size;
    return blocks_[block_].bytes.get() + begin;
  }

  template <typename T>
  T* array(std::size_t count) {
    return static_cast<T*>(allocate(sizeof(T) * (count ? count : 1), alignof(T)));
  }

  std::string_view copy(std::string_view text) {
    char* bytes = static_cast<char*>(allocate(text.size() ? text.size() : 1, 1));
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
  }

  void clear() {
    block_ = 0;
    used_ = 0;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };

  void next_block(std::size_t at_least) {
    while (++block_ < blocks_.size()) {
      if (blocks_[block_].size >= at_least) {
        used_ = 0;
        return;
      }
    }
    if (blocks_.empty()) block_ = 0;
    std::size_t size = blocks_.empty() ? 256 : blocks_.back().size * 2;
    while (size < at_least) size *= 2;
    block_ = blocks_.size();
    blocks_.push_back({std::make_unique<char[]>(size), size});
    used_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace squall
