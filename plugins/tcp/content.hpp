// The bytes of tcp.dump: an endless repetition of an arena in memory or of a file, addressed by
// position, so that any number of streams can send their parts without a copy and without sharing
// anything that changes.  Constant memory for any length.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace squall::tcp {

/// The most that one write carries, and what an arena repeats behind its end.
constexpr uint64_t kPieceBytes = 256 << 10;

/// Memory whose every position is followed by kPieceBytes of the repetition.
class Arena {
 public:
  /// Fills `period` bytes by `fill(bytes, size)`.
  template <class Fill>
  Arena(uint64_t period, Fill&& fill) : period_(period), bytes_(new char[period + kPieceBytes]) {
    fill(bytes_.get(), period);
    for (uint64_t i = 0; i < kPieceBytes; ++i) bytes_[period + i] = bytes_[i % period];
  }
  static std::shared_ptr<const Arena> pattern();
  static std::shared_ptr<const Arena> random(uint64_t seed);

  uint64_t period() const { return period_; }
  std::string_view at(uint64_t position, uint64_t size) const {
    return {bytes_.get() + position % period_, static_cast<size_t>(size)};
  }

 private:
  uint64_t period_;
  std::unique_ptr<char[]> bytes_;
};

/// What one prepared dump sends: an arena, or a file too large for one.
class Content {
 public:
  explicit Content(std::shared_ptr<const Arena> arena) : arena_(std::move(arena)) {}
  /// Errors: plugin::Refusal when the file cannot be opened, or is empty or no regular file.
  explicit Content(const std::string& path);
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  ~Content();

  uint64_t period() const { return arena_ ? arena_->period() : file_size_; }
  const Arena* arena() const { return arena_.get(); }
  int file() const { return file_; }

 private:
  std::shared_ptr<const Arena> arena_;
  int file_ = -1;
  uint64_t file_size_ = 0;
};

}  // namespace squall::tcp
