// Letters as protocols compare them: ASCII only, whatever the locale says.
#pragma once

#include <string>
#include <string_view>

namespace squall {

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// A word of HTTP: a method, a header's name (RFC 9110, token).
inline bool is_token(std::string_view text) {
  for (const char c : text) {
    const bool is_plain = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
    if (!is_plain && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace squall
