#include "framing.hpp"

#include <algorithm>

namespace squall::tcp {

std::string Framing::prefix(uint64_t size) const {
  std::string bytes;
  if (kind != Kind::kLengthPrefix) return bytes;
  for (uint32_t i = 0; i < length_bytes; ++i) {
    const uint32_t shift = 8 * (is_big_endian ? length_bytes - 1 - i : i);
    bytes += static_cast<char>(size >> shift & 0xff);
  }
  return bytes;
}

void FrameReader::begin(const Framing* framing, uint64_t keep_bytes) {
  framing_ = framing;
  keep_bytes_ = keep_bytes;
  size_ = 0;
  body_.clear();
  has_length_ = framing->kind == Framing::Kind::kFixed;
  wanted_ = framing->fixed_size;
  state_ = has_length_ && wanted_ == 0 ? State::kComplete : State::kMore;
}

void FrameReader::keep(std::string_view part) {
  if (size_ < keep_bytes_)
    body_ +=
        part.substr(0, static_cast<size_t>(std::min<uint64_t>(part.size(), keep_bytes_ - size_)));
  size_ += part.size();
  if (size_ > framing_->max_answer) state_ = State::kTooLong;
}

uint64_t FrameReader::take(std::string_view bytes) {
  if (state_ != State::kMore) return 0;
  size_t used = 0;
  switch (framing_->kind) {
    case Framing::Kind::kNone:
    case Framing::Kind::kClose:
      keep(bytes);
      return bytes.size();
    case Framing::Kind::kDelimiter: {
      const std::string& delimiter = framing_->delimiter;
      const size_t at = bytes.find(delimiter);
      if (at != bytes.npos) {
        keep(bytes.substr(0, at));
        if (state_ == State::kMore) state_ = State::kComplete;
        return at + delimiter.size();
      }
      if (bytes.size() < delimiter.size()) return 0;
      used = bytes.size() - (delimiter.size() - 1);  // the rest may be the delimiter's beginning
      keep(bytes.substr(0, used));
      return used;
    }
    case Framing::Kind::kLengthPrefix:
      if (!has_length_) {
        if (bytes.size() < framing_->length_bytes) return 0;
        for (uint32_t i = 0; i < framing_->length_bytes; ++i) {
          const uint32_t from = framing_->is_big_endian ? i : framing_->length_bytes - 1 - i;
          wanted_ = wanted_ << 8 | static_cast<unsigned char>(bytes[from]);
        }
        has_length_ = true;
        used = framing_->length_bytes;
        bytes.remove_prefix(used);
        if (wanted_ > framing_->max_answer) state_ = State::kTooLong;
      }
      break;
    case Framing::Kind::kFixed:
      break;
  }
  if (state_ != State::kMore) return used;
  const size_t part = static_cast<size_t>(std::min<uint64_t>(bytes.size(), wanted_ - size_));
  keep(bytes.substr(0, part));
  if (state_ == State::kMore && size_ == wanted_) state_ = State::kComplete;
  return used + part;
}

bool FrameReader::finish() {
  if (state_ == State::kMore && framing_->kind == Framing::Kind::kClose) state_ = State::kComplete;
  return state_ == State::kComplete;
}

}  // namespace squall::tcp
