#include "address.hpp"

#include <charconv>
#include <squall/plugin.hpp>

namespace squall::sink {
namespace {

bool is_plain(unsigned char byte) { return byte > 0x20 && byte < 0x7f; }

}  // namespace

std::string Address::authority() const {
  return (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::string Address::url() const { return (is_tls ? "https://" : "http://") + authority() + path; }

bool Address::is_loopback() const {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

Address parse_address(std::string_view option, std::string_view url, uint16_t default_port) {
  const std::string name(option), example = ": write https://host:" + std::to_string(default_port);
  const size_t scheme_end = url.find("://");
  const std::string_view rest = scheme_end == url.npos ? url : url.substr(scheme_end + 3);
  const size_t authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, authority_end), path = rest.substr(authority_end);
  if (authority.find('@') != authority.npos)
    throw plugin::invalid(name + ": a user or password does not belong into it: there are options");
  const auto wrong = [&](const std::string& why) {
    return plugin::invalid(name + ": '" + std::string(url) + "' " + why + example);
  };
  Address address;
  const std::string_view scheme = scheme_end == url.npos ? "" : url.substr(0, scheme_end);
  address.is_tls = scheme == "https";
  if (!address.is_tls && scheme != "http") throw wrong("begins with neither http:// nor https://");
  for (const char c : url)
    if (!is_plain(static_cast<unsigned char>(c)))
      throw wrong("has a character that no address has");
  if (path.find_first_of("?#") != path.npos) throw wrong("has a query or a fragment");
  while (path.ends_with('/')) path.remove_suffix(1);
  address.path = path;
  address.port = default_port;
  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == authority.npos) throw wrong("has a [ without its ]");
    address.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
    has_port = authority.starts_with(':');
    if (!has_port && !authority.empty()) throw wrong("has something behind the ]");
    if (has_port) port = authority.substr(1);
  } else {
    const size_t colon = authority.find(':');
    address.host = authority.substr(0, colon);
    has_port = colon != authority.npos;
    if (has_port) port = authority.substr(colon + 1);
  }
  if (address.host.empty()) throw wrong("names no host");
  if (has_port) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size() || address.port == 0)
      throw wrong("has no port from 1 to 65535");
  }
  return address;
}

}  // namespace squall::sink
