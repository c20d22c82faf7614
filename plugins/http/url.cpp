// See url.hpp.
#include "url.hpp"

#include <charconv>
#include <squall/plugin.hpp>

#include "encoding.hpp"

namespace squall::http {
namespace {

bool is_http(std::string_view url) {
  const size_t end = url.find("://");
  if (end == std::string_view::npos) return false;
  const std::string_view scheme = url.substr(0, end);
  return equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
}

/// A scheme before any '/', '?' or '#' makes a reference absolute ("mailto:x" too).
bool has_scheme(std::string_view reference) {
  const size_t end = reference.find_first_of(":/?#");
  return end != std::string_view::npos && reference[end] == ':' && end > 0;
}

/// RFC 3986 section 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::string out;
  const bool ends_in_dots = path.ends_with("/.") || path.ends_with("/..");
  for (size_t at = 0; at < path.size();) {
    size_t end = path.find('/', at + 1);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(at, end - at);
    if (segment == "/..")
      out.erase(out.rfind('/') == std::string::npos ? 0 : out.rfind('/'));
    else if (segment != "/.")
      out += segment;
    at = end;
  }
  if (ends_in_dots || out.empty()) out += '/';
  return out;
}

}  // namespace

void append_authority(std::string& out, const sq_target_info& target) {
  const std::string_view host = plugin::view(target.host);
  const bool is_bare_v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  if (is_bare_v6) out += '[';
  out += host;
  if (is_bare_v6) out += ']';
  const uint32_t implied = target.flags & SQ_TG_TLS ? 443 : 80;
  if (target.port == implied || target.port == 0) return;
  char digits[16];
  out += ':';
  out.append(digits, std::to_chars(digits, digits + sizeof digits, target.port).ptr);
}

void append_origin(std::string& out, const sq_target_info& target) {
  out += target.flags & SQ_TG_TLS ? "https://" : "http://";
  append_authority(out, target);
}

std::string resolve_reference(std::string_view origin, std::string_view path,
                              std::string_view reference) {
  reference = trim(reference.substr(0, reference.find('#')));
  std::string absolute;
  if (has_scheme(reference)) {
    if (!is_http(reference)) return {};
    absolute = reference;
  } else if (reference.starts_with("//")) {
    absolute = origin.substr(0, origin.find(':') + 1);
    absolute += reference;
  } else if (reference.starts_with('/')) {
    absolute = origin;
    absolute += reference;
  } else {
    const std::string_view base = path.substr(0, path.find('?'));
    absolute = origin;
    if (reference.empty())
      absolute += path;
    else if (reference.starts_with('?'))
      absolute += base;
    else
      absolute += base.substr(0, base.rfind('/') + 1);
    absolute += reference;
  }
  const size_t authority = absolute.find("://") + 3;
  const size_t path_at = absolute.find_first_of("/?", authority);
  if (path_at == authority) return {};
  std::string result = absolute.substr(0, path_at);
  if (path_at == std::string::npos) return result + '/';
  const size_t query_at = absolute.find('?', path_at);
  const size_t path_end = query_at == std::string::npos ? absolute.size() : query_at;
  result += remove_dot_segments(std::string_view(absolute).substr(path_at, path_end - path_at));
  if (query_at != std::string::npos) result += absolute.substr(query_at);
  return result;
}

std::string_view path_of(std::string_view url) {
  const size_t path_at = url.find('/', url.find("://") + 3);
  return path_at == std::string_view::npos ? "/" : url.substr(path_at);
}

}  // namespace squall::http
