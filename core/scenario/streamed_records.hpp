// Records that stay in their file: an index of its pieces in memory, and a piece read again when a record of it is wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scenario/data_file.hpp"
#include "scenario/piece_index.hpp"
#include "scenario/record_reader.hpp"

namespace squall {

/// Immutable; all shards read it.
class StreamedRecords {
 public:
  StreamedRecords(DataFile file, PieceIndex index, DataFormat format, DataFilter where, std::vector<std::string> columns);

  const PieceIndex& pieces() const { return index_; }
  /// Errors: why the file cannot be read, or how it has changed since the index was made; never other records than it had
  /// then. `bytes` is room that is used again.
  std::optional<std::string> read_piece(std::size_t piece, std::string& bytes, RecordTable& into) const;
  /// This piece and some that follow are wanted soon.
  void ask_for(std::size_t piece) const;
  std::size_t memory_bytes() const { return index_.memory_bytes(); }

 private:
  DataFile file_;
  PieceIndex index_;
  DataFormat format_;
  DataFilter where_;
  std::vector<std::string> columns_;
};

}  // namespace squall
