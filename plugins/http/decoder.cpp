// See decoder.hpp.
#include "decoder.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace squall::http {
namespace {
constexpr int kGzipOrZlib = 15 + 32;  // zlib looks at the first bytes
constexpr int kRawDeflate = -15;      // what some servers call deflate

/// gzip begins with 0x1f, zlib with method 8 in the low half of its first byte; what is neither is
/// raw.
bool looks_wrapped(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte == 0x1f || ((byte & 0x0f) == 8 && byte >> 4 <= 7);
}
}  // namespace

Decoder::~Decoder() {
  if (is_open_) inflateEnd(&stream_);
}

void Decoder::begin(uint64_t limit_bytes) {
  if (is_open_)
    inflateReset2(&stream_, kGzipOrZlib);
  else if (inflateInit2(&stream_, kGzipOrZlib) != Z_OK)
    throw std::bad_alloc();
  is_open_ = true;
  is_complete_ = false;
  is_first_piece_ = true;
  limit_bytes_ = limit_bytes;
  decoded_bytes_ = 0;
}

Decoder::Result Decoder::decode(std::string_view piece, std::string& out, uint64_t keep_bytes) {
  if (piece.empty() || is_complete_) return Result::kOk;
  if (std::exchange(is_first_piece_, false) && !looks_wrapped(piece[0]))
    inflateReset2(&stream_, kRawDeflate);
  char window[16384];
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream_.avail_in = static_cast<uInt>(piece.size());
  do {
    stream_.next_out = reinterpret_cast<Bytef*>(window);
    stream_.avail_out = sizeof window;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_BUF_ERROR) break;  // the window was filled exactly: nothing was left
    if (result != Z_OK && result != Z_STREAM_END) return Result::kBroken;
    is_complete_ = result == Z_STREAM_END;
    const size_t count = sizeof window - stream_.avail_out;
    decoded_bytes_ += count;
    if (decoded_bytes_ > limit_bytes_) return Result::kTooLarge;
    const uint64_t room = keep_bytes - std::min<uint64_t>(keep_bytes, out.size());
    out.append(window, std::min<uint64_t>(count, room));
  } while (!is_complete_ && (stream_.avail_in > 0 || stream_.avail_out == 0));
  return Result::kOk;
}

}  // namespace squall::http
