#include "request.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <charconv>

namespace squall::prometheus {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Takes the part before the next `separator` off the text.
std::string_view take(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = trimmed(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

bool equal(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

/// Without its port.
std::string_view name_of(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == host.npos ? std::string_view() : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

bool is_allowed(std::string_view host, const std::vector<std::string>& hosts) {
  const std::string_view name = name_of(host);
  if (equal(name, "localhost")) return true;
  boost::system::error_code not_an_address;
  boost::asio::ip::make_address(std::string(name), not_an_address);
  return !not_an_address ||
         std::ranges::any_of(hosts, [&](const std::string& known) { return equal(known, name); });
}

}  // namespace

Format format_for(std::string_view accept) {
  double text = 0, open = 0;
  while (!accept.empty()) {
    std::string_view one = take(accept, ',');
    const std::string_view type = take(one, ';');
    double weight = 1;
    std::string_view version;
    while (!one.empty()) {
      std::string_view parameter = take(one, ';');
      const std::string_view name = take(parameter, '=');
      if (equal(name, "version")) version = trimmed(parameter);
      if (equal(name, "q"))
        std::from_chars(parameter.data(), parameter.data() + parameter.size(), weight);
    }
    const bool is_open =
        equal(type, "application/openmetrics-text") && (version.empty() || version == "1.0.0");
    const bool is_text = equal(type, "text/plain") && (version.empty() || version == "0.0.4");
    if (is_open) open = std::max(open, weight);
    if (is_text) text = std::max(text, weight);
  }
  return open > text ? Format::openmetrics : Format::text;
}

Answer answer_to(const Asked& asked, const std::vector<std::string>& hosts) {
  if (!is_allowed(asked.host, hosts))
    return {421,
            {},
            "ask by the address, by localhost, or by a name that the option `hosts` of this output "
            "lists\n"};
  if (asked.target.substr(0, asked.target.find('?')) != "/metrics")
    return {404, {}, "there is only /metrics\n"};
  if (asked.method != "GET" && asked.method != "HEAD") return {405, {}, "only GET and HEAD\n"};
  return {200, format_for(asked.accept), {}};
}

}  // namespace squall::prometheus
