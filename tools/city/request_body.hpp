// The body of one request: counted, and as its route needs, kept or hashed. Bodies that are kept
// have a limit; what is beyond it is counted only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http_request.hpp"
#include "stream_hash.hpp"

namespace squall::city {

class RequestBody final : public BodySink {
 public:
  static constexpr std::uint64_t kMaxKept = 16 << 20;

  void begin(bool keeps, bool hashes) {
    bytes_ = 0;
    kept_.clear();
    keeps_ = keeps;
    hashes_ = hashes;
    if (hashes && hash_) hash_->restart();
    if (hashes && !hash_) hash_.emplace();
  }
  void add(std::string_view piece) override {
    bytes_ += piece.size();
    if (hashes_) hash_->add(piece);
    if (keeps_ && !is_too_large()) kept_.append(piece);
  }
  /// Counts bytes that nobody has seen. Only when needs_content() is false.
  void add_unseen(std::uint64_t size) { bytes_ += size; }

  bool needs_content() const { return keeps_ || hashes_; }
  bool is_hashed() const { return hashes_; }
  bool is_too_large() const { return keeps_ && bytes_ > kMaxKept; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& kept() const { return kept_; }
  std::uint64_t xxh64() const { return hashes_ ? hash_->value() : 0; }

 private:
  std::uint64_t bytes_ = 0;
  std::string kept_;
  bool keeps_ = false, hashes_ = false;
  std::optional<StreamHash> hash_;
};

}  // namespace squall::city
