#include "json_lines.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace squall::jsonl {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

/// Length of the well-formed UTF-8 sequence at `at`, 0 when there is none (Unicode 15, table 3-7).
size_t sequence_length(const unsigned char* at, const unsigned char* end) {
  const unsigned char first = *at;
  const auto follows = [&](size_t i, unsigned char low = 0x80, unsigned char high = 0xbf) {
    return at + i < end && at[i] >= low && at[i] <= high;
  };
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned char low = first == 0xe0 ? 0xa0 : 0x80, high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned char low = first == 0xf0 ? 0x90 : 0x80, high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

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
  auto at = reinterpret_cast<const unsigned char*>(text.data());
  const auto end = at + text.size();
  while (at < end) {
    auto plain = at;
    while (plain < end && is_plain(*plain)) ++plain;
    bytes_.append(reinterpret_cast<const char*>(at), static_cast<size_t>(plain - at));
    if ((at = plain) == end) break;
    const unsigned char byte = *at;
    if (byte == '"' || byte == '\\') {
      bytes_.push_back('\\');
      bytes_.push_back(static_cast<char>(byte));
      ++at;
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      bytes_.append(byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : byte == '\r' ? "\\r" : escape);
      ++at;
    } else if (const size_t length = sequence_length(at, end)) {
      bytes_.append(reinterpret_cast<const char*>(at), length);
      at += length;
    } else {
      bytes_.append(kReplacement);
      ++at;
    }
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
