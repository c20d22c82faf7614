#include "recording/recorded_url.hpp"

#include <cctype>

#include "net/target_url.hpp"

namespace squall {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string_view RecordedUrl::query() const {
  const std::size_t mark = target.find('?');
  return mark == target.npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::string scheme_of(std::string_view url) {
  std::string scheme;
  for (const char c : url) {
    if (c == ':') return scheme;
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '-' && c != '.') break;
    scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return {};
}

std::optional<RecordedUrl> parse_recorded_url(std::string_view url) {
  const std::string scheme = scheme_of(url);
  if ((scheme != "http" && scheme != "https") || !url.substr(scheme.size()).starts_with("://")) return std::nullopt;
  url.remove_prefix(scheme.size() + 3);
  url = url.substr(0, url.find('#'));
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  std::string_view authority = url.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) authority.remove_prefix(at + 1);
  const auto parsed = parse_target_url(scheme + "://" + std::string(authority));
  if (!parsed.url) return std::nullopt;
  RecordedUrl result;
  result.host = parsed.url->host;
  result.origin = scheme + "://" + (result.host.find(':') == result.host.npos ? result.host : "[" + result.host + "]");
  if (parsed.url->port != (scheme == "https" ? 443 : 80)) result.origin += ":" + std::to_string(parsed.url->port);
  result.target = url.substr(end);
  if (!result.target.starts_with('/')) result.target.insert(0, 1, '/');
  return result;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace squall
