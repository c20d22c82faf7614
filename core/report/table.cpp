#include "report/table.hpp"

#include <algorithm>

namespace squall {

std::size_t text_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string shorten(const std::string& text, std::size_t width) {
  if (text_width(text) <= width || width < 5) return text;
  const auto prefix = [](std::string_view from, std::size_t characters) {
    std::size_t end = 0;
    while (end < from.size() && characters > 0) {
      ++end;
      while (end < from.size() && (static_cast<unsigned char>(from[end]) & 0xC0) == 0x80) ++end;
      --characters;
    }
    return end;
  };
  const std::size_t head = (width - 1) / 2, tail = width - 1 - head;
  const std::size_t tail_begin = prefix(text, text_width(text) - tail);
  return text.substr(0, prefix(text, head)) + "…" + text.substr(tail_begin);
}

std::string Table::print(std::size_t width, const std::string& indent) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], text_width(row[i]));
  }
  std::size_t others = indent.size();
  for (std::size_t i = 1; i < widths.size(); ++i) others += widths[i] + 2;
  if (others + widths[0] > width) widths[0] = std::max<std::size_t>(12, width > others ? width - others : 0);
  std::string out;
  for (const auto& row : rows_) {
    out += indent;
    out += row[0];
    const std::size_t own = text_width(row[0]);
    if (own > widths[0]) out += '\n' + indent;
    out += std::string(widths[0] - (own > widths[0] ? 0 : own), ' ');
    for (std::size_t i = 1; i < row.size(); ++i) {
      out += "  " + std::string(widths[i] - text_width(row[i]), ' ') + row[i];
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace squall
