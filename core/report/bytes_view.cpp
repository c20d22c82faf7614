#include "report/bytes_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/series_view.hpp"

namespace squall {
namespace {

constexpr std::size_t kDumpColumns = 16;

/// Length of the UTF-8 character at the begin, 0 when there is none, SIZE_MAX when it is only begun.
std::size_t character_size(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4 : 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (i >= bytes.size()) return SIZE_MAX;
    if ((static_cast<unsigned char>(bytes[i]) & 0xC0) != 0x80) return 0;
  }
  return size;
}

std::string_view without_half_character(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    if (byte >= 0xC0 && character_size(text.substr(text.size() - back)) == SIZE_MAX) text.remove_suffix(back);
    break;
  }
  return text;
}

void add_lines(std::string& out, std::string_view text, std::string_view mark) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    out += mark;
    for (const char c : line) out += c == '\r' ? '?' : c;
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
}

void add_dump(std::string& out, std::string_view bytes, std::string_view mark) {
  for (std::size_t begin = 0; begin < bytes.size(); begin += kDumpColumns) {
    const std::string_view row = bytes.substr(begin, kDumpColumns);
    std::string hex, letters;
    for (const char c : row) {
      hex += fmt::format("{:02x} ", static_cast<unsigned char>(c));
      letters += c >= 0x20 && c < 0x7F ? c : '.';
    }
    out += fmt::format("{}{:08x}  {:<48} |{}|\n", mark, begin, hex, letters);
  }
}

/// Returns how many of `bytes` stand in `out` now.
std::size_t add_part(std::string& out, std::string_view bytes, std::uint64_t total, std::size_t text_limit,
                     std::string_view mark, const Redaction& redaction) {
  if (bytes.empty()) return 0;
  if (!is_text(bytes, total > bytes.size())) {
    const std::string hidden = redaction.same_length(bytes);
    const std::size_t shown = std::min(hidden.size(), kShownDumpBytes);
    add_dump(out, std::string_view(hidden).substr(0, shown), mark);
    return shown;
  }
  // What is hidden changes its length: the limit counts what is printed, and only the begin is cut by it.
  const std::string hidden = redaction.text(bytes);
  if (hidden.size() <= text_limit && bytes.size() <= text_limit) {
    add_lines(out, without_half_character(hidden), mark);
    return bytes.size();
  }
  add_lines(out, without_half_character(std::string_view(hidden).substr(0, text_limit)), mark);
  return std::min(bytes.size(), text_limit);
}

}  // namespace

bool is_text(std::string_view bytes, bool is_cut) {
  while (!bytes.empty()) {
    const std::size_t size = character_size(bytes);
    if (size == SIZE_MAX) return is_cut;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool is_control = first < 0x20 || first == 0x7F || (first == 0xC2 && static_cast<unsigned char>(bytes[1]) < 0xA0);
    if (size == 0 || (is_control && first != '\n' && first != '\r' && first != '\t')) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::string bytes_view(std::string_view kept, std::uint64_t total, std::string_view mark, const Redaction& redaction) {
  std::string out;
  std::size_t head = kept.find("\r\n\r\n");
  head = head == kept.npos ? 0 : head + 4;
  if (!is_text(kept.substr(0, head))) head = 0;
  std::size_t shown = add_part(out, kept.substr(0, head), head, kKeptBytes, mark, redaction);
  shown += add_part(out, kept.substr(head), total - head, kShownTextBytes, mark, redaction);
  if (total > shown) out += fmt::format("{}… {} more bytes of {} are not shown\n", mark, count_text(total - shown), count_text(total));
  return out;
}

std::string short_view(std::string_view bytes, const Redaction& redaction, std::size_t limit) {
  if (!is_text(bytes)) {
    const std::string hidden = redaction.same_length(bytes.substr(0, kKeptBytes));
    std::string hex;
    for (const char c : std::string_view(hidden).substr(0, kDumpColumns)) hex += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    return fmt::format("{} bytes:{}{}", count_text(bytes.size()), hex, bytes.size() > kDumpColumns ? " …" : "");
  }
  const std::string hidden = redaction.text(bytes.substr(0, kKeptBytes));
  std::string out;
  for (const char c : without_half_character(std::string_view(hidden).substr(0, limit))) {
    if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else if (c == '\t') out += "\\t";
    else out += c;
  }
  if (hidden.size() > limit || bytes.size() > kKeptBytes) out += fmt::format("… ({} bytes)", count_text(bytes.size()));
  return out;
}

}  // namespace squall
