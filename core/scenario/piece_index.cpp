#include "scenario/piece_index.hpp"

#include <algorithm>

namespace squall {
namespace {

// Of a random pick a whole piece is read: small ones are faster, and many.
constexpr std::uint64_t kLeastPieceBytes = 16u << 10, kMostPieces = 1u << 19;

}  // namespace

std::uint64_t PieceIndex::bytes_for(std::uint64_t file_bytes) {
  return std::max(kLeastPieceBytes, file_bytes / kMostPieces + 1);
}

void PieceIndex::close_piece() {
  if (!pieces_.empty()) pieces_.back().hash = hash_.digest();
  hash_.reset();
}

void PieceIndex::begin(std::uint64_t offset, std::uint64_t first_record) {
  close_piece();
  pieces_.push_back({offset, first_record, 0});
}

void PieceIndex::finish(std::uint64_t end_offset, std::uint64_t records) {
  close_piece();
  end_ = {end_offset, records, 0};
  // Of large files there are nearly as many as there may be, a power of two: a copy would take as much again, for little.
  if (pieces_.capacity() - pieces_.size() > pieces_.size() / 4) pieces_.shrink_to_fit();
}

// Of pieces without a record, which `where` makes, the next one begins with the same: the last of these has it.
std::size_t PieceIndex::find(std::uint64_t record) const {
  const auto behind = std::ranges::upper_bound(pieces_, record, {}, &Piece::first_record);
  return static_cast<std::size_t>(behind - pieces_.begin()) - 1;
}

}  // namespace squall
