// What a stream has still to send, in order: pieces of memory, ranges of files, and the marks
// "flush here" and "half-close here".  Items come from one pool per shard, so that queueing does
// not allocate in steady state.  It moves pointers only; the stream does the system calls.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace squall {

inline constexpr unsigned kWriteBuffersMax = 64;   // of one write(); abi.h says so

struct WriteItem {
  enum Kind : std::uint8_t { kBuffers, kFile, kFlush, kShutdown };
  static constexpr unsigned kInline = 4;

  WriteItem* next = nullptr;
  void* tag = nullptr;
  Kind kind = kBuffers;
  std::uint32_t first = 0, count = 0;   // kBuffers: what is left is buffers[first … count)
  iovec* buffers = nullptr;             // `inline_buffers`, or a block of kWriteBuffersMax
  iovec inline_buffers[kInline];
  int file = -1;                        // kFile
  off_t offset = 0;
  std::uint64_t left = 0;               // kFile, kBuffers: bytes
  std::uint64_t position = 0;           // kFlush: done when so many wire bytes are acknowledged
};

/// A queue of items by their links.
class WriteList {
 public:
  bool is_empty() const { return !first_; }
  WriteItem* first() const { return first_; }
  void push(WriteItem* item) {
    item->next = nullptr;
    (last_ ? last_->next : first_) = item;
    last_ = item;
  }
  WriteItem* pop() {
    WriteItem* const item = first_;
    first_ = item->next;
    if (!first_) last_ = nullptr;
    return item;
  }

 private:
  WriteItem* first_ = nullptr;
  WriteItem* last_ = nullptr;
};

class WriteItemPool {
 public:
  WriteItem* take(WriteItem::Kind kind, void* tag);
  /// A kBuffers item with a copy of the descriptors (not of the bytes).
  WriteItem* take(std::span<const iovec> buffers, void* tag);
  void put(WriteItem* item);
  void put_all(WriteList& list) {
    while (!list.is_empty()) put(list.pop());
  }

 private:
  std::vector<std::unique_ptr<WriteItem[]>> blocks_;
  std::vector<std::unique_ptr<iovec[]>> wide_;      // free blocks of kWriteBuffersMax
  WriteItem* free_ = nullptr;
};

/// Collects up to `limit` bytes and out.size() pieces from the kBuffers items at the head.
/// Returns how many pieces; `bytes` is their sum.
unsigned gather(const WriteList& list, std::uint64_t limit, std::span<iovec> out, std::uint64_t& bytes);

/// Takes `sent` bytes off the front of one kBuffers item; returns how many of them were its own.
std::uint64_t advance(WriteItem& item, std::uint64_t sent);

}  // namespace squall
