// Where an answer ends in a stream of bytes: a delimiter, a length in front, a fixed size, or the
// peer's close.  Pure: bytes in, verdict out; no sockets, no time.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace squall::tcp {

struct Framing {
  enum class Kind { kNone, kDelimiter, kLengthPrefix, kFixed, kClose };
  Kind kind = Kind::kNone;
  std::string delimiter = "\n";
  uint32_t length_bytes = 4;  // 1, 2 or 4
  bool is_big_endian = true;
  uint64_t fixed_size = 0;
  uint64_t max_answer = 64 << 20;

  /// The bytes to send in front of a payload of `size`; empty unless kLengthPrefix.
  std::string prefix(uint64_t size) const;
  bool fits_prefix(uint64_t size) const { return size >> (8 * length_bytes - 1) >> 1 == 0; }
};

/// Reads one answer from pieces of any length; keeps at most `keep_bytes` of its body.
class FrameReader {
 public:
  enum class State { kMore, kComplete, kTooLong };

  void begin(const Framing* framing, uint64_t keep_bytes);
  /// Returns how many of the bytes it used, never one beyond the frame.  What it leaves unused
  /// while it wants more must be shown again, with more behind it.
  uint64_t take(std::string_view bytes);
  /// The peer has finished; true when that is the end of a whole answer.
  bool finish();

  State state() const { return state_; }
  /// Without delimiter and prefix.
  uint64_t size() const { return size_; }
  std::string_view body() const { return body_; }

 private:
  void keep(std::string_view part);

  const Framing* framing_ = nullptr;
  State state_ = State::kComplete;
  bool has_length_ = false;
  uint64_t keep_bytes_ = 0, size_ = 0, wanted_ = 0;
  std::string body_;
};

}  // namespace squall::tcp
