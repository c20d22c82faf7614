// Addresses: of a target as Host header and origin, and of a redirect's Location (RFC 3986 section
// 5).
#pragma once
#include <squall/abi.h>

#include <string>
#include <string_view>

namespace squall::http {

/// "example.org" or "example.org:8080": the port is left out where the scheme implies it.
void append_authority(std::string& out, const sq_target_info& target);
/// "http://example.org:8080".
void append_origin(std::string& out, const sq_target_info& target);

/// The absolute URL that `reference` means on a page at `origin` + `path`, without fragment, dot
/// segments removed.  Empty when the reference is no http(s) URL.
std::string resolve_reference(std::string_view origin, std::string_view path,
                              std::string_view reference);
/// Path and query of an absolute URL; "/" when it has none.
std::string_view path_of(std::string_view url);

}  // namespace squall::http
