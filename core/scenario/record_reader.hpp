// Rows of a data file out of its bytes, which may come in blocks: CSV, JSON Lines, access logs. The same readers read a
// file in memory, a file that is streamed, front to back, and later a piece of it. Where a block ends changes
// nothing, neither a record nor the place of a mistake.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario/piece_index.hpp"
#include "scenario/record_table.hpp"

namespace squall {

enum class DataFormat : std::uint8_t { csv, json_lines, combined };

/// A mistake in the data, with its place in the data file (from 1; column in bytes). Line 0: it is the file's as a whole.
struct DataError {
  std::string text;
  std::uint64_t line = 0;
  std::uint32_t column = 0;
};

/// Columns, and the values of which a record must have one in them.
using DataFilter = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// Lines of an access log that are no request and so no record.
struct LeftOutLines {
  std::uint64_t lines = 0, of = 0;   // of so many that are not empty
  DataError first;
};

class RecordReader {
 public:
  static constexpr std::size_t kMostCellBytes = 1u << 20;    // of CSV: a longer one is a quote that was never closed
  static constexpr std::size_t kMostRowBytes = 16u << 20;

  /// `where` outlives it.
  static std::unique_ptr<RecordReader> make(DataFormat format, const DataFilter& where);
  explicit RecordReader(const DataFilter& where) : where_(where) {}
  virtual ~RecordReader() = default;
  RecordReader(const RecordReader&) = delete;
  RecordReader& operator=(const RecordReader&) = delete;

  // Before the first block, at will.
  /// It is a piece of a file whose columns are known.
  void begin_piece_of(const std::vector<std::string>& columns);
  /// Records are counted and `index` is told of the pieces; no record is kept.
  void only_index(PieceIndex& index);
  /// The file begins with so many bytes that are no text (a byte order mark).
  void skip(std::uint32_t bytes);

  struct Taken {
    std::size_t bytes = 0;             // of the text: whole rows
    std::optional<DataError> error;
  };
  /// `text` goes on where the rows that were taken end: what was not taken stands at its begin again.
  Taken read(std::string_view text, bool is_last);
  /// What only the whole file can tell.
  virtual std::optional<DataError> finish() = 0;

  /// Of the first row that is not taken.
  std::uint64_t line() const { return line_; }
  /// Bytes before that row in its line.
  std::uint32_t indent() const { return indent_; }
  std::uint64_t records() const { return records_; }
  const std::vector<std::string>& columns() const { return columns_; }
  const LeftOutLines& left_out() const { return left_out_; }
  /// The records that were read, which it then has no more.
  RecordTable& table() { return table_; }

 protected:
  /// As many rows as are whole; each is told by row_ends().
  virtual std::optional<DataError> read_rows(std::string_view text, bool is_last) = 0;
  virtual bool has_header() const { return false; }

  /// The end of the row or line that begins at `at` of `text`, or as far as a row may go.
  static std::string_view until_row_limit(std::string_view text, std::size_t at) {
    return text.substr(0, text.size() - at > kMostRowBytes ? at + kMostRowBytes + 1 : text.size());
  }
  DataError row_too_long() const;
  std::optional<DataError> set_columns(std::vector<std::string> names);
  std::optional<std::uint32_t> column(std::string_view name) const;
  bool stores_cells() const { return keeps_ || columns_.empty() || !filters_.empty(); }
  /// The open cells are a record, if `where` says so.
  void add_record();
  void line_ends() { ++line_; indent_ = 0; }
  /// A row of the data ends at `at`, lines included.
  void row_ends(std::size_t at) {
    taken_ = at;
    if (index_ && index_->is_due(offset_ + at)) [[unlikely]] begin_piece();
  }

  RecordTable table_;
  LeftOutLines left_out_;
  std::vector<std::string> columns_;
  std::uint64_t line_ = 1;
  std::uint32_t indent_ = 0;
  std::size_t taken_ = 0;    // of the text

 private:
  void add_to_piece();
  void begin_piece();

  const DataFilter& where_;
  std::vector<std::pair<std::uint32_t, const std::vector<std::string>*>> filters_;   // column, any of these
  bool keeps_ = true;
  std::uint64_t records_ = 0;
  std::uint64_t offset_ = 0;           // of the text in the file
  PieceIndex* index_ = nullptr;
  std::string_view text_;
  std::size_t hashed_ = 0;             // of the text, for the index
};

std::unique_ptr<RecordReader> make_csv_reader(const DataFilter& where);
std::unique_ptr<RecordReader> make_json_lines_reader(const DataFilter& where);
std::unique_ptr<RecordReader> make_access_log_reader(const DataFilter& where);

}  // namespace squall
