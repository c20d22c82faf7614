#include "payload/source_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "payload/suggestion.hpp"

namespace squall {
namespace {

// One record of RFC 4180 from `at` on: quoted cells may hold commas, doubled quotes and line ends.
std::vector<std::string> read_record(std::string_view text, std::size_t& at) {
  std::vector<std::string> cells(1);
  bool in_quotes = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (in_quotes) {
      if (c != '"') {
        cells.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        cells.back() += '"';
        ++at;
      } else {
        in_quotes = false;
      }
    } else if (c == '"' && cells.back().empty()) {
      in_quotes = true;
    } else if (c == ',') {
      cells.emplace_back();
    } else if (c == '\n') {
      ++at;
      break;
    } else if (c != '\r') {
      cells.back() += c;
    }
  }
  return cells;
}

}  // namespace

std::string join_path(std::string_view folder, std::string_view file) {
  return folder.empty() ? std::string(file) : (std::filesystem::path(folder) / file).string();
}

Result<std::string> read_text_file(std::string_view folder, std::string_view file) {
  const std::string path = join_path(folder, file);
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure))
    return Error{"'" + path + "' is a folder, not a file"};
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return Error{"cannot read '" + path + "': " + std::strerror(errno)};
  const auto size = static_cast<std::uint64_t>(in.tellg());
  if (size > (std::uint64_t{1} << 30)) return Error{"'" + path + "' is larger than 1 GiB"};
  std::string text(size, '\0');
  in.seekg(0);
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in) return Error{"cannot read '" + path + "'"};
  return text;
}

Result<std::vector<std::string>> read_column(std::string_view folder, std::string_view file,
                                             std::string_view column) {
  auto text = read_text_file(folder, file);
  if (!text) return text.error();
  std::string_view rest = *text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  std::size_t at = 0;
  const std::vector<std::string> header = read_record(rest, at);
  std::size_t index = 0;
  while (index < header.size() && header[index] != column) ++index;
  if (index == header.size()) {
    const std::vector<std::string_view> names(header.begin(), header.end());
    return Error{"'" + std::string(file) + "' has no column '" + std::string(column) + "'" +
                 did_you_mean(column, names)};
  }
  std::vector<std::string> cells;
  for (std::size_t row = 1; at < rest.size(); ++row) {
    std::vector<std::string> record = read_record(rest, at);
    if (record.size() == 1 && record[0].empty()) continue;  // an empty line
    if (record.size() <= index) {
      return Error{"'" + std::string(file) + "', row " + std::to_string(row) + ": no column '" +
                   std::string(column) + "'"};
    }
    cells.push_back(std::move(record[index]));
  }
  return cells;
}

}  // namespace squall
