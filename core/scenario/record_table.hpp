// Records as their cells: one text after another in one buffer, and where each ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "result.hpp"

namespace squall {

/// One record's cells in memory that is somebody else's.
class RecordView {
 public:
  RecordView(const char* text, const std::uint64_t* ends) : text_(text), ends_(ends) {}
  std::string_view operator[](std::uint32_t column) const {
    return {text_ + ends_[column], static_cast<std::size_t>(ends_[column + 1] - ends_[column])};
  }

 private:
  const char* text_;
  const std::uint64_t* ends_;   // begin of each cell, and one end
};

/// One record's cells, kept.
class RecordCopy {
 public:
  RecordCopy(RecordView record, std::size_t columns) : ends_(1, 0) {
    for (std::uint32_t column = 0; column < columns; ++column) {
      text_ += record[column];
      ends_.push_back(text_.size());
    }
  }
  RecordView view() const { return {text_.data(), ends_.data()}; }

 private:
  std::string text_;
  std::vector<std::uint64_t> ends_;
};

/// What it hands out is valid until a row is added or it ends.
class RecordTable {
 public:
  std::size_t size() const { return rows_; }
  RecordView record(std::size_t n) const { return {text_.data(), ends_.data() + n * columns_}; }
  std::size_t memory_bytes() const { return text_.capacity() + ends_.capacity() * sizeof(std::uint64_t); }

  // A row is built cell by cell, each from its parts; until it ends it is no record.
  /// REQUIRES: no record yet.
  void set_columns(std::size_t columns) { columns_ = columns; }
  void append(std::string_view text) { text_.append(text); }
  void end_cell() { ends_.push_back(text_.size()); }
  std::size_t open_cells() const { return ends_.size() - 1 - rows_ * columns_; }
  std::string_view open_cell(std::size_t i) const {
    const std::size_t at = rows_ * columns_ + i;
    return std::string_view(text_).substr(ends_[at], ends_[at + 1] - ends_[at]);
  }
  void end_row() {
    SQUALL_ASSERT(open_cells() == columns_);
    ++rows_;
  }
  void drop_row() {
    ends_.resize(rows_ * columns_ + 1);
    text_.resize(ends_.back());
  }

  /// Room for a text that comes; pages that nothing is written to take no memory.
  void reserve_text(std::size_t bytes) { text_.reserve(bytes); }
  void shrink_to_fit() {
    if (text_.capacity() - text_.size() > text_.size() / 4) text_.shrink_to_fit();   // it holds the text twice for a moment
    ends_.shrink_to_fit();
  }

 private:
  std::string text_;
  std::vector<std::uint64_t> ends_{0};
  std::size_t columns_ = 0, rows_ = 0;
};

}  // namespace squall
