#include "json_lines.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <squall/output.hpp>

namespace squall::jsonl {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

}  // namespace

void JsonLines::begin(std::string_view type) {
  bytes_.append("{\"type\":\"").append(type).push_back('"');
}

void JsonLines::key(std::string_view key) { bytes_.append(",\"").append(key).append("\":"); }

void JsonLines::value(uint64_t number) {
  char digits[24];
  bytes_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void JsonLines::number(std::string_view name, uint64_t number) {
  key(name);
  value(number);
}

void JsonLines::number(std::string_view name, int64_t number) {
  key(name);
  char digits[24];
  bytes_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void JsonLines::real(std::string_view name, double number) {
  key(name);
  real_value(number);
}

void JsonLines::real_value(double number) {
  if (!std::isfinite(number)) {
    bytes_.append("null");
    return;
  }
  char digits[32];
  bytes_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void JsonLines::truth(std::string_view name, bool value) {
  key(name);
  bytes_.append(value ? "true" : "false");
}

void JsonLines::text(std::string_view name, std::string_view value) {
  key(name);
  quoted(value);
}

void JsonLines::quoted(std::string_view text) {
  bytes_.push_back('"');
  while (!text.empty()) {
    size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]))) ++plain;
    bytes_.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text[0]);
    size_t length = 1;
    if (byte == '"' || byte == '\\') {
      bytes_.push_back('\\');
      bytes_.push_back(text[0]);
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      bytes_.append(byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : byte == '\r' ? "\\r" : escape);
    } else if ((length = plugin::utf8_length(text)) > 0) {
      bytes_.append(text.substr(0, length));
    } else {
      bytes_.append(kReplacement);
      length = 1;
    }
    text.remove_prefix(length);
  }
  bytes_.push_back('"');
}

void JsonLines::time(std::string_view name, uint64_t unix_ns) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ns / 1'000'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", parts.tm_year + 1900,
                    parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                    static_cast<unsigned>(unix_ns % 1'000'000'000));
  key(name);
  bytes_.push_back('"');
  bytes_.append(text, static_cast<size_t>(length));
  bytes_.push_back('"');
}

}  // namespace squall::jsonl
