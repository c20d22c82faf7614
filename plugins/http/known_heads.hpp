// The head of the last answer to each operation, as Beast has parsed it. Most answers of a load test begin with the
// very bytes of the one before: then what they mean is known, at the cost of a comparison. One shard's; only heads
// whose meaning lies in the bytes alone are kept (no cookie, no redirect, no encoding, a body of a given length).
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace squall::http {

struct KnownHead {
  static constexpr size_t kLongest = 512;
  uint64_t body_bytes;
  uint32_t size;
  int status;
  char text[kLongest];

  /// Whether `answer` is this head and, at least, the whole body behind it.
  bool begins(std::string_view answer) const {
    return answer.size() >= size + body_bytes && std::memcmp(answer.data(), text, size) == 0;
  }
};

class KnownHeads {
 public:
  /// `operation`: Prepared::number.  Null: none was learnt yet.
  const KnownHead* find(uint32_t operation) const {
    return operation < heads_.size() ? heads_[operation].get() : nullptr;
  }
  void learn(uint32_t operation, std::string_view head, int status, uint64_t body_bytes) {
    if (head.size() > KnownHead::kLongest) return;
    if (operation >= heads_.size()) heads_.resize(operation + 1);
    if (!heads_[operation]) heads_[operation] = std::make_unique<KnownHead>();
    KnownHead& known = *heads_[operation];
    known.body_bytes = body_bytes;
    known.size = static_cast<uint32_t>(head.size());
    known.status = status;
    std::memcpy(known.text, head.data(), head.size());
  }

 private:
  std::vector<std::unique_ptr<KnownHead>> heads_;
};

}  // namespace squall::http
