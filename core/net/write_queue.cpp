#include "net/write_queue.hpp"

#include <algorithm>

namespace squall {
namespace {
constexpr int kItemsPerBlock = 64;
}

WriteItem* WriteItemPool::take(WriteItem::Kind kind, void* tag) {
  if (!free_) {
    blocks_.push_back(std::make_unique<WriteItem[]>(kItemsPerBlock));
    for (int i = 0; i < kItemsPerBlock; ++i) {
      blocks_.back()[i].next = free_;
      free_ = &blocks_.back()[i];
    }
  }
  WriteItem* const item = free_;
  free_ = item->next;
  item->next = nullptr;
  item->tag = tag;
  item->kind = kind;
  item->first = item->count = 0;
  item->left = 0;
  item->buffers = item->inline_buffers;
  return item;
}

WriteItem* WriteItemPool::take(std::span<const iovec> buffers, void* tag) {
  WriteItem* const item = take(WriteItem::kBuffers, tag);
  if (buffers.size() > WriteItem::kInline) {
    if (wide_.empty()) wide_.push_back(std::make_unique<iovec[]>(kWriteBuffersMax));
    item->buffers = wide_.back().release();
    wide_.pop_back();
  }
  for (const iovec& buffer : buffers) {
    if (buffer.iov_len == 0) continue;
    item->buffers[item->count++] = buffer;
    item->left += buffer.iov_len;
  }
  return item;
}

void WriteItemPool::put(WriteItem* item) {
  if (item->buffers != item->inline_buffers) wide_.emplace_back(item->buffers);
  item->buffers = item->inline_buffers;
  item->next = free_;
  free_ = item;
}

unsigned gather(const WriteList& list, std::uint64_t limit, std::span<iovec> out, std::uint64_t& bytes) {
  unsigned pieces = 0;
  bytes = 0;
  for (const WriteItem* item = list.first(); item && item->kind == WriteItem::kBuffers; item = item->next) {
    for (unsigned i = item->first; i < item->count; ++i) {
      if (pieces == out.size() || bytes == limit) return pieces;
      const auto length = std::min<std::uint64_t>(item->buffers[i].iov_len, limit - bytes);
      out[pieces++] = {item->buffers[i].iov_base, length};
      bytes += length;
    }
  }
  return pieces;
}

std::uint64_t advance(WriteItem& item, std::uint64_t sent) {
  const std::uint64_t own = std::min(sent, item.left);
  item.left -= own;
  for (std::uint64_t rest = own; rest > 0;) {
    iovec& buffer = item.buffers[item.first];
    const auto step = std::min<std::uint64_t>(rest, buffer.iov_len);
    buffer.iov_base = static_cast<char*>(buffer.iov_base) + step;
    buffer.iov_len -= step;
    rest -= step;
    if (buffer.iov_len == 0) ++item.first;
  }
  return own;
}

}  // namespace squall
