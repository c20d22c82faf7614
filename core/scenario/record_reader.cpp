#include "scenario/record_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace squall {

std::unique_ptr<RecordReader> RecordReader::make(DataFormat format, const DataFilter& where) {
  switch (format) {
    case DataFormat::csv: return make_csv_reader(where);
    case DataFormat::json_lines: return make_json_lines_reader(where);
    case DataFormat::combined: return make_access_log_reader(where);
  }
  return nullptr;
}

void RecordReader::begin_piece_of(const std::vector<std::string>& columns) { set_columns(columns); }

void RecordReader::only_index(PieceIndex& index) {
  keeps_ = false;
  index_ = &index;
}

void RecordReader::skip(std::uint32_t bytes) {
  indent_ = bytes;
  offset_ = bytes;
}

RecordReader::Taken RecordReader::read(std::string_view text, bool is_last) {
  text_ = text;
  taken_ = hashed_ = 0;
  if (index_ && index_->empty() && !has_header()) begin_piece();
  auto error = read_rows(text, is_last);
  if (index_) add_to_piece();
  offset_ += taken_;
  return {taken_, std::move(error)};
}

void RecordReader::add_to_piece() {
  index_->add(text_.substr(hashed_, taken_ - hashed_));
  hashed_ = taken_;
}

void RecordReader::begin_piece() {
  add_to_piece();
  index_->begin(offset_ + taken_, records_);
}

DataError RecordReader::row_too_long() const {
  return {fmt::format("a row of more than {} MiB", kMostRowBytes >> 20), line_, 1};
}

std::optional<DataError> RecordReader::set_columns(std::vector<std::string> names) {
  columns_ = std::move(names);
  table_.set_columns(columns_.size());
  for (const auto& [name, values] : where_) {
    const auto index = column(name);
    if (!index) return DataError{fmt::format("no column '{}', which `where` asks for", name), line_, 1};
    filters_.emplace_back(*index, &values);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> RecordReader::column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - columns_.begin());
}

void RecordReader::add_record() {
  const bool fits = std::ranges::all_of(filters_, [&](const auto& filter) {
    return std::ranges::find(*filter.second, table_.open_cell(filter.first)) != filter.second->end();
  });
  if (fits) ++records_;
  if (fits && keeps_) table_.end_row();
  else table_.drop_row();
}

}  // namespace squall
