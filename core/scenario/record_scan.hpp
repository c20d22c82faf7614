// The one pass over a data file, front to back: its bytes are checked, hashed, and handed to a reader of records, in blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "scenario/data_file.hpp"
#include "scenario/record_reader.hpp"

namespace squall {

class RecordScan {
 public:
  /// `reader` outlives it. CSV and JSON are text; what is in access logs may be any bytes.
  RecordScan(RecordReader& reader, bool is_text) : reader_(reader), is_text_(is_text) {}

  /// A window on the file, beginning where the bytes that were taken end. Of mistakes it is always the first one in the
  /// file, wherever windows end.
  RecordReader::Taken read(std::string_view window, bool is_last);

 private:
  DataError bad_byte(std::string_view text, std::size_t taken, std::size_t at) const;

  RecordReader& reader_;
  bool is_text_;
  bool is_first_ = true;
  std::size_t checked_ = 0;   // bytes of the window that are known to be text
};

/// Of a whole file in memory.
std::optional<DataError> scan_records(std::string_view bytes, RecordReader& reader, bool is_text, std::uint64_t& hash);

/// Of a file on the disk, in blocks of so many bytes: as much memory as that, or as twice the longest row.
std::optional<DataError> scan_records(const DataFile& file, RecordReader& reader, bool is_text, std::size_t block_bytes,
                                      std::uint64_t& hash);

}  // namespace squall
