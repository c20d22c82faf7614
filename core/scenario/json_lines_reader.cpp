// JSON Lines: an object a line, all with the keys of the first.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "scenario/record_reader.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

class JsonLinesReader final : public RecordReader {
 public:
  using RecordReader::RecordReader;

  std::optional<DataError> finish() override {
    if (columns_.empty()) return DataError{"the file is empty", 1, 1};
    return std::nullopt;
  }

 private:
  std::optional<DataError> read_rows(std::string_view text, bool is_last) override {
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view in = until_row_limit(text, at);
      const std::size_t end = std::min(in.find('\n', at), in.size());
      if (end == in.size() && in.size() < text.size()) return row_too_long();
      if (end == in.size() && !is_last) break;
      if (auto error = read_line(in.substr(at, end - at))) return error;
      at = std::min(end + 1, in.size());
      line_ends();
      row_ends(at);
    }
    return std::nullopt;
  }

  std::optional<DataError> read_line(std::string_view text) {
    if (text.find_first_not_of(" \t\r") == text.npos) return std::nullopt;
    Json row;
    try {
      row = Json::parse(text);
    } catch (const nlohmann::json::parse_error& e) {
      return DataError{"not a JSON value", line_, indent_ + static_cast<std::uint32_t>(std::max<std::size_t>(e.byte, 1))};
    }
    if (!row.is_object()) return DataError{"each line is one JSON object", line_, 1};
    if (columns_.empty()) {
      std::vector<std::string> names;
      for (const auto& [key, value] : row.items()) names.push_back(key);
      if (names.empty()) return DataError{"the first object names the columns, and it is empty", line_, 1};
      if (auto error = set_columns(std::move(names))) return error;
    }
    for (const std::string& column : columns_) {
      const auto cell = row.find(column);
      if (cell == row.end()) return DataError{fmt::format("no '{}', which the first line has", column), line_, 1};
      if (cell->is_string()) table_.append(cell->get_ref<const std::string&>());
      else if (!cell->is_null()) table_.append(cell->dump());
      table_.end_cell();
    }
    if (row.size() != columns_.size())
      for (const auto& [key, value] : row.items())
        if (!column(key)) return DataError{fmt::format("'{}', which the first line does not have", key), line_, 1};
    add_record();
    return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<RecordReader> make_json_lines_reader(const DataFilter& where) { return std::make_unique<JsonLinesReader>(where); }

}  // namespace squall
