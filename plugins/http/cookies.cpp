// See cookies.hpp.
#include "cookies.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include "encoding.hpp"

namespace squall::http {
namespace {

std::string lowered(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

bool is_address(std::string_view host) {
  return host.find(':') != std::string_view::npos ||
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// `host` is `domain` or a name below it.  An address matches itself alone.
bool domain_matches(std::string_view host, std::string_view domain) {
  if (equals_ignoring_case(host, domain)) return true;
  return !is_address(host) && host.size() > domain.size() &&
         host[host.size() - domain.size() - 1] == '.' &&
         equals_ignoring_case(host.substr(host.size() - domain.size()), domain);
}

bool path_matches(std::string_view path, std::string_view cookie_path) {
  path = path.substr(0, path.find('?'));
  if (!path.starts_with(cookie_path)) return false;
  return path.size() == cookie_path.size() || cookie_path.ends_with('/') ||
         path[cookie_path.size()] == '/';
}

/// RFC 6265 section 5.1.4: the directory of the request's path.
std::string_view default_path(std::string_view path) {
  path = path.substr(0, path.find('?'));
  const size_t slash = path.rfind('/');
  return !path.starts_with('/') || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

bool parse_http_date(std::string_view text, int64_t* unix_s) {
  static constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  int day = -1, month = -1, year = -1, hour = -1, minute = 0, second = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" ,-", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (word.size() == 8 && word[2] == ':' && word[5] == ':') {
      std::from_chars(word.data(), word.data() + 2, hour);
      std::from_chars(word.data() + 3, word.data() + 5, minute);
      std::from_chars(word.data() + 6, word.data() + 8, second);
    } else if (word[0] >= '0' && word[0] <= '9') {
      int number = 0;
      std::from_chars(word.data(), word.data() + word.size(), number);
      if (day < 0)
        day = number;
      else if (year < 0)
        year = number < 70 ? number + 2000 : number < 100 ? number + 1900 : number;
    } else if (word.size() == 3 && month < 0) {
      const size_t found = kMonths.find(lowered(word));
      if (found != std::string_view::npos && found % 3 == 0) month = static_cast<int>(found / 3);
    }
  }
  if (day < 1 || day > 31 || month < 0 || year < 1601 || year > 9999 || hour < 0 || hour > 23)
    return false;
  std::tm when{};
  when.tm_mday = day;
  when.tm_mon = month;
  when.tm_year = year - 1900;
  when.tm_hour = hour;
  when.tm_min = minute;
  when.tm_sec = second;
  *unix_s = timegm(&when);
  return true;
}

void CookieJar::store(std::string_view field, const Place& place, uint64_t now_ns, int64_t unix_s) {
  if (field.size() > kMaxBytes) return;
  const size_t pair_end = std::min(field.find(';'), field.size());
  const std::string_view pair = field.substr(0, pair_end);
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return;
  Cookie cookie;
  cookie.name = trim(pair.substr(0, equals));
  cookie.value = trim(pair.substr(equals + 1));
  cookie.domain = lowered(place.host);
  cookie.path = default_path(place.path);
  if (cookie.name.empty()) return;

  constexpr int64_t kForever = INT64_MAX / 4'000'000'000;
  int64_t age_s = kForever;
  bool has_max_age = false;
  for (size_t at = pair_end; at < field.size();) {
    const size_t end = std::min(field.find(';', at + 1), field.size());
    const std::string_view attribute = field.substr(at + 1, end - at - 1);
    at = end;
    const size_t split = std::min(attribute.find('='), attribute.size());
    const std::string_view name = trim(attribute.substr(0, split));
    const std::string_view value = trim(attribute.substr(std::min(split + 1, attribute.size())));
    if (equals_ignoring_case(name, "secure")) {
      cookie.is_secure = true;
    } else if (equals_ignoring_case(name, "path")) {
      if (value.starts_with('/')) cookie.path = value;
    } else if (equals_ignoring_case(name, "domain")) {
      std::string_view domain = value;
      if (domain.starts_with('.')) domain.remove_prefix(1);
      if (domain.empty()) continue;
      if (!domain_matches(place.host, domain)) return;
      cookie.is_host_only = equals_ignoring_case(domain, place.host) &&
                            (is_address(domain) || domain.find('.') == std::string_view::npos);
      if (!cookie.is_host_only && domain.find('.') == std::string_view::npos) return;
      cookie.domain = lowered(domain);
    } else if (equals_ignoring_case(name, "max-age")) {
      int64_t seconds = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), seconds).ptr == value.data())
        continue;
      has_max_age = true;
      age_s = std::min(seconds, kForever);
    } else if (equals_ignoring_case(name, "expires") && !has_max_age) {
      int64_t date = 0;
      if (parse_http_date(value, &date)) age_s = std::min(date - unix_s, kForever);
    }
  }
  if (cookie.is_secure && !place.is_secure) return;

  const auto same = [&](const Cookie& other) {
    return other.name == cookie.name && other.domain == cookie.domain && other.path == cookie.path;
  };
  const auto known = std::find_if(cookies_.begin(), cookies_.end(), same);
  if (age_s <= 0) {
    if (known != cookies_.end()) cookies_.erase(known);
    return;
  }
  if (age_s != kForever) cookie.expires_ns = now_ns + static_cast<uint64_t>(age_s) * 1'000'000'000;
  if (known != cookies_.end()) {
    *known = std::move(cookie);
    return;
  }
  std::erase_if(cookies_, [now_ns](const Cookie& old) { return old.expires_ns <= now_ns; });
  if (cookies_.size() >= kMaxCookies) return;
  const auto shorter = std::find_if(cookies_.begin(), cookies_.end(), [&](const Cookie& other) {
    return other.path.size() < cookie.path.size();
  });
  cookies_.insert(shorter, std::move(cookie));
}

void CookieJar::append_header(std::string& out, const Place& place, uint64_t now_ns) const {
  bool is_first = true;
  for (const Cookie& cookie : cookies_) {
    if (cookie.expires_ns <= now_ns || (cookie.is_secure && !place.is_secure)) continue;
    if (cookie.is_host_only ? !equals_ignoring_case(place.host, cookie.domain)
                            : !domain_matches(place.host, cookie.domain))
      continue;
    if (!path_matches(place.path, cookie.path)) continue;
    out += std::exchange(is_first, false) ? "Cookie: " : "; ";
    out += cookie.name;
    out += '=';
    out += cookie.value;
  }
  if (!is_first) out += "\r\n";
}

}  // namespace squall::http
