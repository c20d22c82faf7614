// The address of a target as it stands in a scenario, taken apart strictly: one spelling, one
// meaning, a clear sentence for everything else.  No sockets, no names looked up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall {

struct TargetUrl {
  std::string scheme;               // lower case: http https mqtt mqtts ws wss tcp tls udp
  std::string host;                 // lower case; an IPv6 literal without its brackets
  std::uint16_t port = 0;           // the scheme's own when none is given
  std::string path;                 // with the query; "" or begins with '/'
  bool is_tls = false;

  bool is_datagram() const { return scheme == "udp"; }
  /// "https://[::1]:8443", always with the port.
  std::string origin() const;
};

struct TargetUrlResult {
  std::optional<TargetUrl> url;
  std::string error;                // when !url: one line, lower case, names what is wrong
};

/// Accepts `scheme://host[:port][/path][?query]`.  Credentials and fragments are refused, as are
/// ports 0 and above 65535, hosts that are no DNS name or literal, blanks and control characters.
TargetUrlResult parse_target_url(std::string_view text);

}  // namespace squall
