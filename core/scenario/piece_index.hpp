// Where the pieces of a data file begin, which record is the first of each, and a hash of its bytes: so little is kept of
// a file that stays on the disk that any record is found by reading one piece. A piece is whole rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "scenario/data_file.hpp"

namespace squall {

class PieceIndex {
 public:
  struct Piece {
    std::uint64_t offset = 0, first_record = 0;
    std::uint64_t hash = 0;
  };

  /// So long is a piece at least; of a file of `file_bytes` there are then at most about half a million: 12 MB.
  static std::uint64_t bytes_for(std::uint64_t file_bytes);

  explicit PieceIndex(std::uint64_t piece_bytes) : piece_bytes_(piece_bytes) {}

  // While the file is read, front to back; `offset` is where a row begins.
  bool is_due(std::uint64_t offset) const { return pieces_.empty() || offset - pieces_.back().offset >= piece_bytes_; }
  bool empty() const { return pieces_.empty(); }
  /// Of the piece that has begun, in order; what comes before the first piece does not count.
  void add(std::string_view bytes) { hash_.add(bytes); }
  void begin(std::uint64_t offset, std::uint64_t first_record);
  void finish(std::uint64_t end_offset, std::uint64_t records);

  // Then.
  /// The piece that has this record. REQUIRES: there is one.
  std::size_t find(std::uint64_t record) const;
  std::size_t size() const { return pieces_.size(); }
  const Piece& operator[](std::size_t piece) const { return pieces_[piece]; }
  std::uint64_t bytes(std::size_t piece) const { return next(piece).offset - pieces_[piece].offset; }
  std::uint64_t records(std::size_t piece) const { return next(piece).first_record - pieces_[piece].first_record; }
  std::size_t memory_bytes() const { return pieces_.capacity() * sizeof(Piece); }

 private:
  const Piece& next(std::size_t piece) const { return piece + 1 < pieces_.size() ? pieces_[piece + 1] : end_; }
  void close_piece();

  std::uint64_t piece_bytes_;
  std::vector<Piece> pieces_;
  Piece end_;
  FileHash hash_;
};

}  // namespace squall
