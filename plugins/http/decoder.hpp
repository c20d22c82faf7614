// gzip and deflate, streamed, with a limit on what comes out: a small body may hold a huge one
// (F7).
#pragma once
#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace squall::http {

class Decoder {
 public:
  enum class Result { kOk, kBroken, kTooLarge };
  Decoder() = default;
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  /// Begins another body.  Allocates in the first call only.
  void begin(uint64_t limit_bytes);
  /// Decodes a piece and appends at most until `out` holds `keep_bytes`; the rest is counted.
  Result decode(std::string_view piece, std::string& out, uint64_t keep_bytes);
  /// Whether the compressed text ended as it should.
  bool is_complete() const { return is_complete_; }

 private:
  z_stream stream_{};
  bool is_open_ = false, is_complete_ = false, is_first_piece_ = true;
  uint64_t limit_bytes_ = 0, decoded_bytes_ = 0;
};

}  // namespace squall::http
