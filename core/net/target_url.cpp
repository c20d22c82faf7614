#include "net/target_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "net/address.hpp"

namespace squall {
namespace {

struct Scheme {
  std::string_view name;
  std::uint16_t port;               // 0: must be given
  bool is_tls;
};
constexpr std::array kSchemes = {
    Scheme{"http", 80, false},   Scheme{"https", 443, true},  Scheme{"mqtt", 1883, false},
    Scheme{"mqtts", 8883, true}, Scheme{"ws", 80, false},     Scheme{"wss", 443, true},
    Scheme{"tcp", 0, false},     Scheme{"tls", 0, true},      Scheme{"udp", 0, false},
};
constexpr std::size_t kUrlBytesMax = 2048;
constexpr std::size_t kHostBytesMax = 253;   // RFC 1035
constexpr std::size_t kLabelBytesMax = 63;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lowered(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

/// A DNS name as resolvers take it; underscores too, since container networks use them.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax) return false;
  if (host.back() == '.') host.remove_suffix(1);
  std::size_t label = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (label == 0 || host[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const bool is_word = is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
    if (!is_word && !(c == '-' && label > 0)) return false;
    if (++label > kLabelBytesMax) return false;
  }
  return label > 0 && host.back() != '-';
}

/// "127.1" and "2130706433" are addresses to getaddrinfo although they look like names: a name
/// that ends in a number is none.
bool ends_in_a_number(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  const auto last = host.substr(host.rfind('.') + 1);
  return !last.empty() && (std::ranges::all_of(last, is_digit) || lowered(last).starts_with("0x"));
}

TargetUrlResult refuse(std::string error) { return {std::nullopt, std::move(error)}; }

}  // namespace

std::string TargetUrl::origin() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("{}://[{}]:{}", scheme, host, port)
               : fmt::format("{}://{}:{}", scheme, host, port);
}

TargetUrlResult parse_target_url(std::string_view text) {
  if (text.empty()) return refuse("an address is empty");
  if (text.size() > kUrlBytesMax)
    return refuse(fmt::format("an address of {} bytes is too long: at most {}", text.size(), kUrlBytesMax));
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f)
      return refuse(fmt::format("'{}' has a blank or a control character in it", c == ' ' ? text : "the address"));

  const auto colon = text.find("://");
  if (colon == std::string_view::npos)
    return refuse(fmt::format("'{}' has no scheme (write http://{}?)", text, text));
  TargetUrl url;
  url.scheme = lowered(text.substr(0, colon));
  const auto scheme = std::ranges::find(kSchemes, url.scheme, &Scheme::name);
  if (scheme == kSchemes.end())
    return refuse(fmt::format("'{}' is no known scheme (http, https, mqtt, mqtts, ws, wss, tcp, tls, udp)",
                              url.scheme));
  url.is_tls = scheme->is_tls;

  std::string_view rest = text.substr(colon + 3);
  const auto path = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, path);
  rest = path == std::string_view::npos ? std::string_view{} : rest.substr(path);
  if (rest.find('#') != std::string_view::npos)
    return refuse(fmt::format("'{}' has a fragment, which is never sent (drop the part from '#')", text));
  if (rest.starts_with('?')) url.path.push_back('/');
  url.path += rest;
  // The text may hold a password, so it is not repeated.
  if (authority.find('@') != std::string_view::npos)
    return refuse("an address must not hold a user or password (use the operation's own: auth, user, password)");

  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos)
      return refuse(fmt::format("'{}' opens a bracket that never closes", text));
    const auto literal = authority.substr(1, bracket - 1);
    const auto address = Address::parse(literal);
    if (!address || address->family() != AF_INET6)
      return refuse(fmt::format("'{}' is no IPv6 address", literal));
    url.host = address->ip_text();
    authority.remove_prefix(bracket + 1);
    if (!authority.empty() && authority.front() != ':')
      return refuse(fmt::format("'{}' has something between ']' and the port", text));
    has_port = !authority.empty();
    if (has_port) port = authority.substr(1);
  } else {
    const auto split = authority.find(':');
    if (split != std::string_view::npos && authority.find(':', split + 1) != std::string_view::npos)
      return refuse(fmt::format("'{}' has more than one ':' (an IPv6 address stands in brackets)", authority));
    has_port = split != std::string_view::npos;
    if (has_port) port = authority.substr(split + 1);
    url.host = lowered(authority.substr(0, split));
    if (url.host.empty()) return refuse(fmt::format("'{}' has no host", text));
    const bool is_literal = Address::parse(url.host).has_value();
    if (!is_literal && (!is_name(url.host) || ends_in_a_number(url.host)))
      return refuse(fmt::format("'{}' is no host name or address", url.host));
  }

  if (!has_port) {
    if (scheme->port == 0) return refuse(fmt::format("'{}' needs a port ({}://host:port)", text, url.scheme));
    url.port = scheme->port;
    return {url, {}};
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
    return refuse(fmt::format("'{}' is no port (1 to 65535)", port));
  url.port = static_cast<std::uint16_t>(number);
  return {url, {}};
}

}  // namespace squall
