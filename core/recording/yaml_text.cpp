#include "recording/yaml_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recording/ascii.hpp"

namespace squall {
namespace {

using Json = nlohmann::ordered_json;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Words that this or another reader of YAML takes for something else than a text.
bool is_special_word(std::string_view text) {
  constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  return std::ranges::find(kWords, lower(text)) != std::end(kWords);
}

bool is_plain(std::string_view text) {
  if (text.empty() || text.size() > 100 || is_special_word(text) || !(is_letter(text[0]) || text[0] == '/')) return false;
  if (text.back() == ' ') return false;
  return std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || std::string_view(" /._-+=&%;~()*").find(c) != std::string_view::npos; });
}

/// The code point at `at`, whose bytes are `length`. `text` is UTF-8.
std::uint32_t code_point(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at + i < text.size() ? text[at + i] : 0); };
  const unsigned char first = byte(0);
  length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  std::uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3fu);
  return point;
}

/// What may not stand in YAML, or cannot be seen there: controls, separators of lines, marks of direction and byte order.
bool is_unseen(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa1) || (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xfeff || point == 0xfffe || point == 0xffff;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const std::uint32_t point = code_point(text, at, length);
    if (point == '"' || point == '\\') out += '\\', out += static_cast<char>(point);
    else if (point == '\n') out += "\\n";
    else if (point == '\r') out += "\\r";
    else if (point == '\t') out += "\\t";
    else if (is_unseen(point)) out += point < 0x100 ? fmt::format("\\x{:02x}", point) : fmt::format("\\u{:04x}", point);
    else out += text.substr(at, length);
  }
  return out + '"';
}

/// A text of several lines that comes back the same from a literal block.
bool fits_block(std::string_view text) {
  if (text.find('\n') == text.npos || text.starts_with(' ') || text.starts_with('\n') || text.ends_with("\n\n")) return false;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const std::uint32_t point = code_point(text, at, length);
    if (point != '\n' && is_unseen(point)) return false;
    const bool ends_line = point == ' ' && (at + 1 == text.size() || text[at + 1] == '\n');
    if (ends_line) return false;  // cannot be seen, and editors take it away
  }
  return true;
}

bool has_block(const Json& value) {
  if (value.is_string()) return fits_block(value.get_ref<const std::string&>());
  return value.is_structured() && std::ranges::any_of(value, [](const Json& item) { return has_block(item); });
}

}  // namespace

std::string yaml_text(std::string_view text) { return is_plain(text) ? std::string(text) : quoted(text); }

std::string yaml_in_line(const Json& value) {
  if (value.is_string()) return yaml_text(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value.dump();
  std::string out;
  for (const auto& [key, item] : value.items()) {
    if (!out.empty()) out += ", ";
    if (value.is_object()) out += yaml_text(key) + ": ";
    out += yaml_in_line(item);
  }
  if (out.empty()) return value.is_object() ? "{}" : "[]";
  return value.is_object() ? "{ " + out + " }" : "[ " + out + " ]";
}

void append_yaml_entry(std::string& out, std::string_view begin, std::string_view key, const Json& value) {
  const std::string indent(begin.size(), ' ');
  out += begin;
  out += yaml_text(key);
  out += ':';
  if (value.is_string() && has_block(value)) {
    const auto& text = value.get_ref<const std::string&>();
    out += text.ends_with('\n') ? " |\n" : " |-\n";
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (end > at) out += indent + "  " + text.substr(at, end - at);
      out += '\n';
      at = end + 1;
    }
    return;
  }
  const std::string line = yaml_in_line(value);
  const bool fits = begin.size() + key.size() + 2 + line.size() <= kYamlWidth;
  if (!value.is_structured() || value.empty() || (fits && !has_block(value))) {
    out += ' ' + line + '\n';
    return;
  }
  out += '\n';
  for (const auto& [name, item] : value.items()) {
    if (value.is_object()) append_yaml_entry(out, indent + "  ", name, item);
    else out += indent + "  - " + yaml_in_line(item) + '\n';
  }
}

std::string yaml_comment(std::string_view text, std::size_t longest) {
  std::string out;
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const std::uint32_t point = code_point(text, at, length);
    if (out.size() + length > longest) return out + "…";
    if (is_unseen(point)) out += ' ';
    else out += text.substr(at, length);
  }
  return out;
}

}  // namespace squall
