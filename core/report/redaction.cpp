#include "report/redaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace squall {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::size_t kShortestBase64 = 6;   // a shorter part would also stand where no secret is

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

std::string json_form(const std::string& secret) {
  std::string text = nlohmann::json(secret).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

std::string percent_form(const std::string& secret, bool is_form, bool is_upper) {
  std::string out;
  for (const char c : secret) {
    const bool is_plain = is_token(c) || c == '~';
    if (is_plain) out += c;
    else if (is_form && c == ' ') out += '+';
    else out += fmt::format(fmt::runtime(is_upper ? "%{:02X}" : "%{:02x}"), static_cast<unsigned char>(c));
  }
  return out;
}

/// The letters of base64 that depend on the secret alone, when `before` bytes of something else stand
/// in front of it in its group of three.
std::string base64_core(const std::string& secret, std::size_t before) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t first_bit = before * 8, last_bit = (before + secret.size()) * 8;
  const auto bit = [&](std::size_t at) {
    const std::size_t own = at - first_bit;
    return (static_cast<unsigned char>(secret[own / 8]) >> (7 - own % 8)) & 1;
  };
  std::string out;
  for (std::size_t letter = (first_bit + 5) / 6; (letter + 1) * 6 <= last_bit; ++letter) {
    unsigned value = 0;
    for (std::size_t i = 0; i < 6; ++i) value = value << 1 | static_cast<unsigned>(bit(letter * 6 + i));
    out += kLetters[value];
  }
  return out;
}

/// "sid=abc; lang=de" -> "sid=***; lang=***". Of Set-Cookie only the first pair is the cookie.
std::string hide_cookies(std::string_view value, bool only_first) {
  std::string out;
  bool is_first = true;
  while (!value.empty()) {
    const std::string_view part = value.substr(0, value.find(';'));
    const std::size_t equals = part.find('=');
    if (only_first && !is_first) out += part;
    else if (equals == part.npos) out += kHidden;
    else out += fmt::format("{}={}", part.substr(0, equals), kHidden);
    value.remove_prefix(part.size());
    if (!value.empty()) {
      out += ';';
      value.remove_prefix(1);
    }
    is_first = false;
  }
  return out;
}

std::string hide_value(std::string_view name, std::string_view value) {
  std::string lowered(name);
  std::ranges::transform(lowered, lowered.begin(), lower);
  if (lowered == "cookie" || lowered == "set-cookie") return hide_cookies(value, lowered == "set-cookie");
  const std::size_t space = value.find(' ');
  if (lowered.ends_with("authorization") && space != value.npos) return fmt::format("{} {}", value.substr(0, space), kHidden);
  return std::string(kHidden);
}

/// One line, with its line end when it has one.
std::string hide_header(std::string_view line) {
  std::size_t colon = 0;
  while (colon < line.size() && is_token(line[colon])) ++colon;
  if (colon == 0 || colon >= line.size() || line[colon] != ':') return std::string(line);
  const std::string_view name = line.substr(0, colon);
  if (!Redaction::is_sensitive(name)) return std::string(line);
  std::size_t begin = colon + 1, end = line.size();
  while (begin < end && line[begin] == ' ') ++begin;
  while (end > begin && (line[end - 1] == '\n' || line[end - 1] == '\r')) --end;
  return fmt::format("{}{}{}", line.substr(0, begin), hide_value(name, line.substr(begin, end - begin)), line.substr(end));
}

}  // namespace

Redaction::Redaction(const std::vector<std::string>& secrets) {
  const auto add = [this](std::string form) {
    if (!form.empty() && std::ranges::find(forms_, form) == forms_.end()) forms_.push_back(std::move(form));
  };
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    add(secret);
    add(json_form(secret));
    for (const bool is_form : {false, true}) {
      for (const bool is_upper : {false, true}) add(percent_form(secret, is_form, is_upper));
    }
    for (const std::size_t before : {0, 1, 2}) {
      std::string core = base64_core(secret, before);
      if (core.size() < kShortestBase64) continue;
      std::string for_urls = core;
      std::ranges::replace(for_urls, '+', '-');
      std::ranges::replace(for_urls, '/', '_');
      add(std::move(core));
      add(std::move(for_urls));
    }
  }
  std::ranges::stable_sort(forms_, std::ranges::greater{}, &std::string::size);
}

bool Redaction::is_sensitive(std::string_view header) {
  std::string name(header);
  std::ranges::transform(name, name.begin(), lower);
  for (const std::string_view known : {"authorization", "proxy-authorization", "cookie", "set-cookie"}) {
    if (name == known) return true;
  }
  for (const std::string_view part : {"api-key", "apikey", "api_key", "token", "secret", "password", "session-id"}) {
    if (name.find(part) != name.npos) return true;
  }
  return false;
}

std::size_t Redaction::form_at(std::string_view text, std::size_t place) const {
  for (const std::string& form : forms_) {
    if (text.compare(place, form.size(), form) == 0) return form.size();
  }
  return 0;
}

std::string Redaction::text(std::string_view text) const {
  std::string hidden;
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t size = form_at(text, i)) {
      hidden += kHidden;
      i += size;
    } else {
      hidden += text[i++];
    }
  }
  std::string out;
  for (std::string_view rest = hidden; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end == rest.npos ? end : end + 1);
    out += hide_header(line);
    rest.remove_prefix(line.size());
  }
  return out;
}

std::string Redaction::same_length(std::string_view bytes) const {
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    if (const std::size_t size = form_at(bytes, i)) {
      out.append(size, '*');
      i += size;
    } else {
      out += bytes[i++];
    }
  }
  return out;
}

}  // namespace squall
