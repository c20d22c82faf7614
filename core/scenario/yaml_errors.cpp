#include "scenario/yaml_errors.hpp"

#include <algorithm>

#include <boost/locale/utf.hpp>
#include <fmt/format.h>

namespace squall {
namespace {

constexpr const char* kOpenText = "the text that begins here does not end in its line";
constexpr const char* kOpenTextHint = "is its closing quote missing?";

/// Line n from 1, without its end; empty beyond the last.
std::string_view line_of(std::string_view text, std::uint32_t n) {
  for (std::uint32_t line = 1; line < n && !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

/// Where the line's first key may stand: behind the dashes of lists.
std::size_t key_indent_of(std::string_view line) {
  return std::min(line.find_first_not_of("- "), line.size());
}

bool is_blank_or_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == line.npos || line[first] == '#';
}

/// Of the quote that ends what begins with one at `begin`; the text's size when there is none.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  std::size_t end = begin + 1;
  while (end < text.size() && text[end] != quote) end += quote == '"' && text[end] == '\\' ? 2 : 1;
  return std::min(end, text.size());
}

/// Where a quoted text begins that swallows what follows it: it ends in a later line, where its last quote was
/// meant to begin another text, or never.
std::optional<Mark> open_quote(std::string_view text, std::uint32_t last_line) {
  Mark mark{1, 1};
  char before = '\n';   // the last character that is no blank, in this line
  bool is_after_blank = true;
  for (std::size_t i = 0; i < text.size() && mark.line <= last_line; ++i) {
    const char c = text[i];
    if (c == '#' && is_after_blank) i = std::min(text.find('\n', i), text.size()) - 1;
    if ((c == '"' || c == '\'') && (before == '\n' || std::string_view(":,[{-").find(before) != std::string_view::npos)) {
      const std::size_t end = closing_quote(text, i);
      const auto lines = std::count(text.begin() + static_cast<std::ptrdiff_t>(i), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
      const std::size_t next = text.find_first_not_of(" \r", end + 1);
      const bool goes_on = end < text.size() && (next == text.npos || std::string_view("\n,]}:#").find(text[next]) != std::string_view::npos);
      if (lines > 0 && !goes_on) return mark;
      for (; i < end; ++i) mark = text[i] == '\n' ? Mark{mark.line + 1, 1} : Mark{mark.line, mark.column + 1};
    }
    if (i >= text.size()) break;
    is_after_blank = text[i] == ' ' || text[i] == '\t' || text[i] == '\n';
    if (!is_after_blank || text[i] == '\n') before = text[i];
    mark = text[i] == '\n' ? Mark{mark.line + 1, 1} : Mark{mark.line, mark.column + 1};
  }
  return std::nullopt;
}

/// The line above, when it is a text where a key was due.
std::optional<Mark> line_without_key(std::string_view text, Mark at) {
  const std::size_t indent = indent_of(line_of(text, at.line));
  for (std::uint32_t n = at.line - 1; n > 0; --n) {
    const std::string_view line = line_of(text, n);
    if (is_blank_or_comment(line)) continue;
    const bool has_key = line.find(": ") != line.npos || line.ends_with(':') || line.substr(indent_of(line)).starts_with('-');
    if (has_key || indent_of(line) != indent) return std::nullopt;
    return Mark{n, static_cast<std::uint32_t>(indent + 1)};
  }
  return std::nullopt;
}

}  // namespace

SyntaxError explain_syntax(std::string_view text, Mark at, const std::string& said, std::optional<Mark> open) {
  const std::string_view line = line_of(text, at.line);
  const auto says = [&](std::string_view part) { return said.find(part) != said.npos; };
  if (line.substr(0, std::min(line.find_first_not_of(" \t"), line.size())).find('\t') != line.npos)
    return {at, "a tab indents this line; YAML takes spaces only", ""};
  if (const auto quote = open_quote(text, at.line)) return {*quote, kOpenText, kOpenTextHint};
  const bool is_map = says("end of map flow not found");
  if (is_map || says("end of sequence flow not found")) {
    const char bracket = is_map ? '{' : '[';
    // What follows stands as far out as the line that opened it: it was meant to be closed by then.
    if (open && at.line > open->line && indent_of(line) <= key_indent_of(line_of(text, open->line)))
      return {*open, fmt::format("this '{}' is never closed", bracket), ""};
    return {at, fmt::format("a '{}' is never closed, or a ',' is missing", bracket), ""};
  }
  if (says("illegal map value")) {
    if (const auto above = line_without_key(text, at)) return {*above, "a key and its ':' are missing", ""};
    return {at, "a ':' where none can stand", "a text with ': ' in it needs quotes"};
  }
  if (says("illegal block entry")) return {at, "a '-' where no list can begin", ""};
  if (says("end of map not found"))
    return {at, "this map goes wrong here", "is the indentation the same as above, and does each key have its ':'?"};
  if (says("end of sequence not found"))
    return {at, "this list goes wrong here", "each item begins with '- ' in the same column"};
  return {at, "not YAML: " + said, ""};
}

std::optional<SyntaxError> mistake_of_last_text(std::string_view text, Mark begin) {
  const std::string_view line = line_of(text, begin.line);
  if (line.size() < begin.column) return std::nullopt;
  const std::size_t offset = static_cast<std::size_t>(line.data() - text.data()) + begin.column - 1;
  const bool is_quoted = text[offset] == '"' || text[offset] == '\'';
  if (!is_quoted || closing_quote(text, offset) < text.size()) return std::nullopt;
  return SyntaxError{begin, kOpenText, kOpenTextHint};
}

std::optional<SyntaxError> mistake_of_bytes(std::string_view text) {
  namespace utf = boost::locale::utf;
  Mark mark{1, 1};
  for (auto next = text.begin(); next != text.end();) {
    const auto begin = next;
    const utf::code_point point = utf::utf_traits<char>::decode(next, text.end());
    if (point == utf::illegal || point == utf::incomplete)
      return SyntaxError{mark, "this is not UTF-8, as a scenario must be", "save the file as UTF-8"};
    if (point == 0) return SyntaxError{mark, "a NUL byte; a scenario is text", ""};
    const bool is_control = point < ' ' && point != '\t' && point != '\n' && point != '\r';   // also in a comment, says YAML
    if (is_control || point == 0x7F) return SyntaxError{mark, "a control character, which no YAML may hold", "write it as \"\\x1b\" in a quoted text"};
    if (point == '\n') mark = {mark.line + 1, 1};
    else mark.column += static_cast<std::uint32_t>(next - begin);
  }
  return std::nullopt;
}

}  // namespace squall
