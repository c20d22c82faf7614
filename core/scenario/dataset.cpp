#include "scenario/dataset.hpp"

#include <algorithm>
#include <bit>
#include <xxhash.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "payload/random_stream.hpp"
#include "scenario/access_log.hpp"

namespace squall {
namespace {

constexpr std::size_t kMaxCell = 1u << 20;  // a longer one is a quote that was never closed

/// Offset of the first byte that is not UTF-8 (overlong forms and surrogates included), or npos.
std::size_t find_bad_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    std::size_t length = 0;
    unsigned char low = 0x80, high = 0xBF;  // of the second byte
    if (lead < 0x80) { ++i; continue; }
    if (lead >= 0xC2 && lead <= 0xDF) length = 2;
    else if (lead >= 0xE0 && lead <= 0xEF) { length = 3; if (lead == 0xE0) low = 0xA0; if (lead == 0xED) high = 0x9F; }
    else if (lead >= 0xF0 && lead <= 0xF4) { length = 4; if (lead == 0xF0) low = 0x90; if (lead == 0xF4) high = 0x8F; }
    else return i;
    if (i + length > text.size() || byte(i + 1) < low || byte(i + 1) > high) return i;
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::optional<DataError> check_text(std::string_view bytes) {
  const auto place = [&](std::size_t at, std::string text) {
    const std::string_view before = bytes.substr(0, at);
    const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 == 0
    return DataError{std::move(text), static_cast<std::uint32_t>(1 + std::ranges::count(before, '\n')),
                     static_cast<std::uint32_t>(at - begin + 1)};
  };
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    return DataError{"the file is UTF-16; save it as UTF-8", 1, 1};
  if (const std::size_t at = bytes.find('\0'); at != bytes.npos) return place(at, "a NUL byte; data files are text");
  if (const std::size_t at = find_bad_utf8(bytes); at != bytes.npos)
    return place(at, fmt::format("byte 0x{:02x} is not UTF-8", static_cast<unsigned char>(bytes[at])));
  return std::nullopt;
}

}  // namespace

// Appends cells and closes rows. The CSV reader lets it write over bytes that were read already: an
// unquoted cell is never longer than its source.
class CellWriter {
 public:
  CellWriter(Dataset& data, const Dataset::Where& where) : data_(data), where_(where) { data_.ends_.assign(1, 0); }

  void put(char c) { data_.buffer_[length_++] = c; }
  void append(std::string_view text) { data_.buffer_.append(text); length_ = data_.buffer_.size(); }
  std::size_t cell_length() const { return length_ - data_.ends_.back(); }
  std::size_t cells_in_row() const { return data_.ends_.size() - 1 - data_.rows_ * columns(); }
  void end_cell() { data_.ends_.push_back(length_); }

  /// Of the row that is being written.
  std::string_view cell(std::size_t i) const {
    const std::size_t at = data_.ends_.size() - 1 - cells_in_row() + i;
    return std::string_view(data_.buffer_).substr(data_.ends_[at], data_.ends_[at + 1] - data_.ends_[at]);
  }

  /// Takes the row of cells as the columns' names; text of the mistake in them, if any.
  std::optional<DataError> take_header() {
    std::vector<std::string> names;
    const std::size_t count = data_.ends_.size() - 1;
    for (std::size_t i = 0; i < count; ++i) {
      names.emplace_back(std::string_view(data_.buffer_).substr(data_.ends_[i], data_.ends_[i + 1] - data_.ends_[i]));
      if (names.back().empty()) return DataError{fmt::format("column {} has no name", i + 1), 1, 1};
      for (std::size_t k = 0; k < i; ++k)
        if (names[k] == names[i])
          return DataError{fmt::format("column '{}' stands twice in the header", names[i]), 1, 1};
    }
    discard_all();
    return set_columns(std::move(names));
  }

  std::optional<DataError> set_columns(std::vector<std::string> names) {
    data_.columns_ = std::move(names);
    for (const auto& [column, values] : where_) {
      const auto index = data_.column(column);
      if (!index) return DataError{fmt::format("no column '{}', which `where` asks for", column), 1, 1};
      filters_.emplace_back(*index, &values);
    }
    return std::nullopt;
  }

  void end_row() {
    const bool kept = std::ranges::all_of(
        filters_, [&](const auto& f) { return std::ranges::find(*f.second, cell(f.first)) != f.second->end(); });
    if (kept) { ++data_.rows_; return; }
    data_.ends_.resize(data_.ends_.size() - columns());
    length_ = data_.ends_.back();
    if (data_.buffer_.size() > length_ && appends_) data_.buffer_.resize(length_);
  }

  void set_appends() { appends_ = true; }
  void finish() {
    data_.buffer_.resize(length_);
    data_.buffer_.shrink_to_fit();
    data_.ends_.shrink_to_fit();
  }

 private:
  std::size_t columns() const { return data_.columns_.size(); }
  void discard_all() { data_.ends_.assign(1, 0); length_ = 0; }

  Dataset& data_;
  const Dataset::Where& where_;
  std::vector<std::pair<std::uint32_t, const std::vector<std::string>*>> filters_;   // column, any of these
  std::size_t length_ = 0;
  bool appends_ = false;
};

namespace {

std::optional<DataError> read_csv(const std::string& in, std::size_t at, Dataset& data, CellWriter& out) {
  std::uint32_t line = 1;
  std::size_t line_begin = 0;
  bool header = true;
  const auto column_of = [&](std::size_t offset) { return static_cast<std::uint32_t>(offset - line_begin + 1); };
  while (at < in.size()) {
    if (in[at] == '\n' || (in[at] == '\r' && at + 1 < in.size() && in[at + 1] == '\n')) {  // an empty line
      at += in[at] == '\r' ? 2 : 1;
      ++line;
      line_begin = at;
      continue;
    }
    const std::uint32_t row_line = line;
    for (bool more = true; more;) {
      const std::size_t begin = at;
      const std::uint32_t begin_line = line;
      if (at < in.size() && in[at] == '"') {
        const std::uint32_t begin_column = column_of(at);
        const DataError open{"the quote that opens here is never closed", begin_line, begin_column};
        for (++at;; ++at) {
          if (at >= in.size()) return open;
          if (in[at] == '"') {
            if (at + 1 >= in.size() || in[at + 1] != '"') { ++at; break; }
            ++at;
          }
          const char c = in[at];
          out.put(c);
          if (c == '\n') { ++line; line_begin = at + 1; }
          if (out.cell_length() > kMaxCell) return DataError{"a field of more than 1 MiB; is its quote closed?", begin_line, begin_column};
        }
        if (at < in.size() && in[at] != ',' && in[at] != '\n' && in[at] != '\r')
          return DataError{"text after the closing quote; a quote inside a quoted field is written twice", line, column_of(at)};
      } else {
        for (; at < in.size() && in[at] != ',' && in[at] != '\n' && in[at] != '\r'; ++at) {
          if (in[at] == '"')
            return DataError{"a quote inside a field that does not begin with one", line, column_of(at)};
          out.put(in[at]);
        }
        if (at - begin > kMaxCell) return DataError{"a field of more than 1 MiB", begin_line, column_of(begin)};
      }
      out.end_cell();
      more = at < in.size() && in[at] == ',';
      if (more) ++at;
      else if (at < in.size() && in[at] == '\r') {
        if (at + 1 < in.size() && in[at + 1] != '\n')
          return DataError{"a carriage return without a line feed; line ends are LF or CRLF", line, column_of(at)};
        ++at;
      }
    }
    if (at < in.size()) ++at;  // the line feed
    const std::size_t next_line_begin = at;
    if (header) {
      if (auto error = out.take_header()) { error->line = row_line; return error; }
      header = false;
    } else if (out.cells_in_row() != data.columns().size()) {
      const std::size_t have = out.cells_in_row();
      return DataError{fmt::format("{} field{} where the header has {}", have, have == 1 ? "" : "s", data.columns().size()),
                       row_line, 1};
    } else {
      out.end_row();
    }
    ++line;
    line_begin = next_line_begin;
  }
  if (header) return DataError{"the file is empty; its first line names the columns", 1, 1};
  return std::nullopt;
}

std::optional<DataError> read_json_lines(std::string_view in, Dataset& data, CellWriter& out) {
  using Json = nlohmann::ordered_json;
  out.set_appends();
  bool first = true;
  std::uint32_t line = 0;
  while (!in.empty()) {
    const std::size_t end = std::min(in.find('\n'), in.size());
    std::string_view text = in.substr(0, end);
    in.remove_prefix(std::min(end + 1, in.size()));
    ++line;
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    Json row;
    try {
      row = Json::parse(text);
    } catch (const nlohmann::json::parse_error& e) {
      return DataError{"not a JSON value", line, static_cast<std::uint32_t>(std::max<std::size_t>(e.byte, 1))};
    }
    if (!row.is_object()) return DataError{"each line is one JSON object", line, 1};
    if (first) {
      std::vector<std::string> names;
      for (const auto& [key, value] : row.items()) names.push_back(key);
      if (names.empty()) return DataError{"the first object names the columns, and it is empty", line, 1};
      if (auto error = out.set_columns(std::move(names))) return error;
      first = false;
    }
    for (const std::string& column : data.columns()) {
      const auto cell = row.find(column);
      if (cell == row.end()) return DataError{fmt::format("no '{}', which the first line has", column), line, 1};
      if (cell->is_string()) out.append(cell->get_ref<const std::string&>());
      else if (!cell->is_null()) out.append(cell->dump());
      out.end_cell();
    }
    if (row.size() != data.columns().size())
      for (const auto& [key, value] : row.items())
        if (!data.column(key)) return DataError{fmt::format("'{}', which the first line does not have", key), line, 1};
    out.end_row();
  }
  if (first) return DataError{"the file is empty", 1, 1};
  return std::nullopt;
}

// What a log holds came from the clients of a server that was open to all: bytes in any encoding, and requests that are
// none. The columns' bytes are handed on as they are.
std::optional<DataError> read_access_log(std::string_view in, Dataset::LeftOut& left_out, CellWriter& out) {
  constexpr std::uint64_t kMostLeftOut = 10;   // one in so many
  out.set_appends();
  if (auto error = out.set_columns({"host", "ident", "user", "time", "method", "path", "protocol", "request", "status",
                                    "bytes", "referer", "user_agent"})) return error;
  AccessLogLine line;
  for (std::uint32_t number = 1; !in.empty(); ++number) {
    const std::size_t end = std::min(in.find('\n'), in.size());
    std::string_view text = in.substr(0, end);
    in.remove_prefix(std::min(end + 1, in.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.empty()) continue;
    ++left_out.of;
    if (auto mistake = read_access_log_line(text, line)) {
      if (++left_out.lines == 1) left_out.first = {std::move(mistake->text), number, static_cast<std::uint32_t>(mistake->offset + 1)};
      continue;
    }
    const std::string time = std::to_string(line.time_s);
    for (const std::string_view cell : {line.host, line.ident, line.user, std::string_view(time), line.method, line.path,
                                        line.protocol, std::string_view(line.request), line.status, line.bytes,
                                        std::string_view(line.referer), std::string_view(line.user_agent)}) {
      out.append(cell);
      out.end_cell();
    }
    out.end_row();
  }
  if (left_out.of == 0) return DataError{"the file is empty", 1, 1};
  if (left_out.lines * kMostLeftOut <= left_out.of) return std::nullopt;
  return DataError{fmt::format("{}; so are {} of {} lines, and more than a tenth is no access log (`format` says what the file is)",
                               left_out.first.text, left_out.lines, left_out.of),
                   left_out.first.line, left_out.first.column};
}

}  // namespace

std::variant<Dataset, DataError> Dataset::parse(std::string bytes, Format format, const Where& where) {
  if (auto error = format == Format::combined ? std::nullopt : check_text(bytes)) return *error;
  Dataset data;
  data.hash_ = XXH64(bytes.data(), bytes.size(), 0);
  CellWriter out(data, where);
  const std::size_t begin = bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::optional<DataError> error;
  if (format == Format::csv) {
    data.buffer_ = std::move(bytes);
    error = read_csv(data.buffer_, begin, data, out);
  } else if (format == Format::json_lines) {
    error = read_json_lines(std::string_view(bytes).substr(begin), data, out);
  } else {
    error = read_access_log(std::string_view(bytes).substr(begin), data.left_out_, out);
  }
  if (error) return *error;
  out.finish();
  return data;
}

Dataset Dataset::of_rows(std::vector<std::string> columns, const std::vector<std::vector<std::string>>& rows) {
  Dataset data;
  data.columns_ = std::move(columns);
  data.ends_.push_back(0);
  for (const auto& row : rows) {
    for (const std::string& cell : row) {
      data.buffer_ += cell;
      data.ends_.push_back(data.buffer_.size());
    }
  }
  data.rows_ = rows.size();
  return data;
}

std::string Dataset::left_out_text() const {
  if (left_out_.lines == 0) return {};
  return fmt::format("dataset '{}': {} of {} lines are no requests and are left out; the first is {}:{}:{}: {}", name,
                     left_out_.lines, left_out_.of, file, left_out_.first.line, left_out_.first.column, left_out_.first.text);
}

std::optional<std::uint32_t> Dataset::column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - columns_.begin());
}

std::uint64_t permuted(std::uint64_t index, std::uint64_t count, std::uint64_t key) {
  if (count < 2) return 0;
  // Four Feistel rounds permute 2^(2·half) numbers, at most four times `count`; walking the cycle until it
  // is back inside keeps it a permutation of `count`.
  const unsigned half = (static_cast<unsigned>(std::bit_width(count - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  do {
    std::uint64_t left = index >> half, right = index & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (mix_words({key, round, right}) & mask);
      left = right;
      right = next;
    }
    index = (left << half) | right;
  } while (index >= count);
  return index;
}

std::optional<std::size_t> pick_record(Pick pick, OnEnd on_end, std::size_t records, const PickAt& at) {
  if (records == 0) return std::nullopt;
  const std::uint64_t key = mix_words({at.seed, at.dataset});
  const auto in_line = [&](std::uint64_t place) -> std::optional<std::size_t> {
    if (place >= records && on_end != OnEnd::wrap) return std::nullopt;
    return place % records;
  };
  switch (pick) {
    case Pick::random: {
      const std::uint64_t draw = mix_words({key, at.population, at.user, at.turn});
      return static_cast<std::size_t>((static_cast<unsigned __int128>(draw) * records) >> 64);
    }
    case Pick::shuffled: {
      const auto place = in_line(at.position);
      if (!place) return std::nullopt;
      return permuted(*place, records, mix_words({key, at.position / records}));
    }
    case Pick::unique:
      if (at.position >= records) return std::nullopt;
      return at.position;
    case Pick::per_user: return in_line(at.user);
    case Pick::sequential:
    case Pick::exclusive: return in_line(at.position);
  }
  return std::nullopt;
}

}  // namespace squall
