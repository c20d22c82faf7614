// CSV by RFC 4180, with a header row.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "scenario/record_reader.hpp"

namespace squall {
namespace {

/// What may not stand in a cell without quotes, or ends it.
constexpr auto kSpecial = [] {
  std::array<bool, 256> special{};
  for (const char c : {',', '"', '\r', '\n'}) special[static_cast<unsigned char>(c)] = true;
  return special;
}();

class CsvReader final : public RecordReader {
 public:
  using RecordReader::RecordReader;

  std::optional<DataError> finish() override {
    if (columns_.empty()) return DataError{"the file is empty; its first line names the columns", 1, 1};
    return std::nullopt;
  }

 private:
  enum class End : std::uint8_t { whole, cut, bad };

  bool has_header() const override { return columns_.empty(); }

  std::optional<DataError> read_rows(std::string_view text, bool is_last) override {
    for (std::size_t at = 0; at < text.size();) {
      if (text[at] == '\r' && at + 1 == text.size() && !is_last) break;
      if (text[at] == '\n' || (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n')) {  // an empty line
        at += text[at] == '\r' ? 2 : 1;
        line_ends();
        taken_ = at;
        continue;
      }
      in_ = until_row_limit(text, at);
      const bool is_limited = in_.size() < text.size();
      is_last_ = is_last && !is_limited;
      begin_row(at);
      const End end = read_row();
      if (end == End::bad) return std::move(error_);
      if (end == End::cut) {
        table_.drop_row();
        if (is_limited) return row_too_long();
        break;
      }
      if (auto error = take_row()) return error;
      at = at_;
      line_ = row_line_;
      line_ends();
      row_ends(at);
    }
    return std::nullopt;
  }

  // ---- one row: `in_` from `at_`

  void begin_row(std::size_t at) {
    at_ = at;
    row_line_ = line_;
    line_begin_ = at - indent_;   // below 0 it wraps, and the column comes out right
    cells_ = 0;
  }
  bool at_end() const { return at_ == in_.size(); }
  std::uint32_t column_at(std::size_t offset) const { return static_cast<std::uint32_t>(offset - line_begin_ + 1); }
  End fail(std::string text, std::uint64_t line, std::uint32_t column) {
    error_ = {std::move(text), line, column};
    return End::bad;
  }
  End fail(std::string text) { return fail(std::move(text), row_line_, column_at(at_)); }

  End read_row() {
    for (;;) {
      const End end = !at_end() && in_[at_] == '"' ? read_quoted() : read_plain();
      if (end != End::whole) return end;
      table_.end_cell();
      ++cells_;
      if (at_end() || in_[at_] != ',') break;
      ++at_;
    }
    if (!at_end() && in_[at_] == '\r') {
      if (at_ + 1 == in_.size() && !is_last_) return End::cut;
      if (at_ + 1 < in_.size() && in_[at_ + 1] != '\n')
        return fail("a carriage return without a line feed; line ends are LF or CRLF");
      ++at_;
    }
    if (!at_end()) ++at_;  // the line feed
    return End::whole;
  }

  End read_plain() {
    const std::size_t begin = at_, most = std::min(in_.size(), begin + kMostCellBytes + 1);
    while (at_ < most && !kSpecial[static_cast<unsigned char>(in_[at_])]) ++at_;
    if (at_ - begin > kMostCellBytes) return fail("a field of more than 1 MiB", row_line_, column_at(begin));
    if (at_end() && !is_last_) return End::cut;
    if (!at_end() && in_[at_] == '"') return fail("a quote inside a field that does not begin with one");
    if (stores_cells()) table_.append(in_.substr(begin, at_ - begin));
    return End::whole;
  }

  End read_quoted() {
    const std::uint64_t line = row_line_;
    const std::uint32_t column = column_at(at_);
    std::size_t length = 0;
    for (++at_;;) {
      const std::size_t quote = std::min(in_.find('"', at_), in_.size());
      const std::string_view part = in_.substr(at_, quote - at_);
      length += part.size();
      if (length > kMostCellBytes) return fail("a field of more than 1 MiB; is its quote closed?", line, column);
      if (stores_cells()) table_.append(part);
      for (std::size_t feed = part.find('\n'); feed != part.npos; feed = part.find('\n', feed + 1)) {
        ++row_line_;
        line_begin_ = at_ + feed + 1;
      }
      at_ = quote;
      if (at_end()) return is_last_ ? fail("the quote that opens here is never closed", line, column) : End::cut;
      if (++at_ == in_.size()) return is_last_ ? End::whole : End::cut;
      if (in_[at_] != '"') break;
      if (stores_cells()) table_.append("\"");
      ++length;
      ++at_;
    }
    if (in_[at_] != ',' && in_[at_] != '\n' && in_[at_] != '\r')
      return fail("text after the closing quote; a quote inside a quoted field is written twice");
    return End::whole;
  }

  std::optional<DataError> take_row() {
    if (columns_.empty()) return take_header();
    if (cells_ != columns_.size()) {
      return DataError{fmt::format("{} field{} where the header has {}", cells_, cells_ == 1 ? "" : "s", columns_.size()),
                       line_, 1};
    }
    add_record();
    return std::nullopt;
  }

  std::optional<DataError> take_header() {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < cells_; ++i) {
      names.emplace_back(table_.open_cell(i));
      if (names.back().empty()) return DataError{fmt::format("column {} has no name", i + 1), line_, 1};
      if (std::ranges::find(names.begin(), names.end() - 1, names.back()) != names.end() - 1)
        return DataError{fmt::format("column '{}' stands twice in the header", names.back()), line_, 1};
    }
    table_.drop_row();
    return set_columns(std::move(names));
  }

  std::string_view in_;
  std::size_t at_ = 0, line_begin_ = 0, cells_ = 0;
  std::uint64_t row_line_ = 1;     // the line that `at_` is in
  bool is_last_ = false;
  DataError error_;
};

}  // namespace

std::unique_ptr<RecordReader> make_csv_reader(const DataFilter& where) { return std::make_unique<CsvReader>(where); }

}  // namespace squall
