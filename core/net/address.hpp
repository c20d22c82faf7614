// An IP address with a port, as a value: parse and print literals, compare, and tell the addresses
// that no scenario may ever reach.  No names: those are the resolver's.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace squall {

class Address {
 public:
  Address() { storage_.any.sa_family = AF_UNSPEC; }
  /// "127.0.0.1", "::1"; a port and brackets are not part of it.
  static std::optional<Address> parse(std::string_view literal, std::uint16_t port = 0);
  /// Nothing for families other than IPv4 and IPv6.
  static std::optional<Address> from(const sockaddr* address, socklen_t length);
  /// The far end of a connected socket; nothing with errno set (ENOTCONN: still connecting).
  static std::optional<Address> peer_of(int fd);

  int family() const { return storage_.any.sa_family; }
  std::uint16_t port() const;
  Address with_port(std::uint16_t port) const;
  const sockaddr* data() const { return &storage_.any; }
  socklen_t size() const;

  std::string ip_text() const;      // "::1"
  std::string text() const;         // "[::1]:80"
  bool same_ip(const Address& other) const;
  friend bool operator==(const Address& a, const Address& b) {
    return a.same_ip(b) && a.port() == b.port();
  }
  bool is_loopback() const;
  /// Multicast, broadcast and the cloud metadata services: refused even when a scenario lists them.
  bool is_forbidden() const;

 private:
  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } storage_{};
};

}  // namespace squall
