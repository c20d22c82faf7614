// Where a network output sends: http://host:9200/path, as the user wrote it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace squall::sink {

struct Address {
  std::string host;  // without the brackets of an IPv6 address
  std::string path;  // "" or "/prefix", no slash at its end
  uint16_t port = 0;
  bool is_tls = false;

  /// As it stands in a Host header; the port always.
  std::string authority() const;
  std::string url() const;
  /// What is sent there leaves this machine in no case, as far as the name alone tells.
  bool is_loopback() const;
};

/// Throws plugin::Refusal with what is wrong, and what would be right.  `option` is how the user
/// calls it; a password inside is refused, and not repeated.
Address parse_address(std::string_view option, std::string_view url, uint16_t default_port);

}  // namespace squall::sink
