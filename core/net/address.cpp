#include "net/address.hpp"

#include <arpa/inet.h>

#include <cerrno>
#include <cstring>

namespace squall {

std::optional<Address> Address::parse(std::string_view literal, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN + 1];
  if (literal.empty() || literal.size() >= sizeof text) return std::nullopt;
  std::memcpy(text, literal.data(), literal.size());
  text[literal.size()] = '\0';
  Address address;
  if (inet_pton(AF_INET, text, &address.storage_.v4.sin_addr) == 1) {
    address.storage_.v4.sin_family = AF_INET;
    address.storage_.v4.sin_port = htons(port);
    return address;
  }
  if (inet_pton(AF_INET6, text, &address.storage_.v6.sin6_addr) == 1) {
    address.storage_.v6.sin6_family = AF_INET6;
    address.storage_.v6.sin6_port = htons(port);
    return address;
  }
  return std::nullopt;
}

std::optional<Address> Address::from(const sockaddr* address, socklen_t length) {
  Address result;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    std::memcpy(&result.storage_.v4, address, sizeof(sockaddr_in));
    return result;
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    std::memcpy(&result.storage_.v6, address, sizeof(sockaddr_in6));
    return result;
  }
  return std::nullopt;
}

std::optional<Address> Address::peer_of(int fd) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  auto address = from(reinterpret_cast<sockaddr*>(&storage), length);
  if (!address) errno = EAFNOSUPPORT;
  return address;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address result = *this;
  if (family() == AF_INET) result.storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) result.storage_.v6.sin6_port = htons(port);
  return result;
}

socklen_t Address::size() const {
  return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::string Address::ip_text() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
  if (family() == AF_INET6) inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
  return text;
}

std::string Address::text() const {
  const std::string ip = ip_text();
  return (family() == AF_INET6 ? '[' + ip + ']' : ip) + ':' + std::to_string(port());
}

bool Address::same_ip(const Address& other) const {
  if (family() != other.family()) return false;
  if (family() == AF_INET) return storage_.v4.sin_addr.s_addr == other.storage_.v4.sin_addr.s_addr;
  return std::memcmp(&storage_.v6.sin6_addr, &other.storage_.v6.sin6_addr, sizeof(in6_addr)) == 0;
}

namespace {

// An IPv4 address may also come dressed as IPv6 (::ffff:169.254.169.254); rules look through that.
std::optional<std::uint32_t> mapped_v4(const in6_addr& address) {
  if (!IN6_IS_ADDR_V4MAPPED(&address)) return std::nullopt;
  std::uint32_t v4;
  std::memcpy(&v4, address.s6_addr + 12, sizeof v4);
  return ntohl(v4);
}

bool is_forbidden_v4(std::uint32_t host_order) {
  return host_order == 0xa9fea9feu              // 169.254.169.254
         || (host_order >> 28) == 0xe           // 224.0.0.0/4
         || host_order == 0xffffffffu;
}

}  // namespace

bool Address::is_loopback() const {
  if (family() == AF_INET) return (ntohl(storage_.v4.sin_addr.s_addr) >> 24) == 127;
  if (family() != AF_INET6) return false;
  if (const auto v4 = mapped_v4(storage_.v6.sin6_addr)) return (*v4 >> 24) == 127;
  return IN6_IS_ADDR_LOOPBACK(&storage_.v6.sin6_addr);
}

bool Address::is_forbidden() const {
  if (family() == AF_INET) return is_forbidden_v4(ntohl(storage_.v4.sin_addr.s_addr));
  if (family() != AF_INET6) return true;
  const in6_addr& v6 = storage_.v6.sin6_addr;
  if (const auto v4 = mapped_v4(v6)) return is_forbidden_v4(*v4);
  static constexpr unsigned char kMetadata[16] = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0,
                                                  0,    0,    0,    0,    0, 0, 0x02, 0x54};
  return IN6_IS_ADDR_MULTICAST(&v6) || std::memcmp(&v6, kMetadata, sizeof kMetadata) == 0;
}

}  // namespace squall
