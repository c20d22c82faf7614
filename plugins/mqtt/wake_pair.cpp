#include "wake_pair.hpp"

#include <mosquitto.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace squall::mqtt {
namespace {

// The structure is private, but begins with these three in every 2.0.x; what is found there is
// believed only when it looks exactly like a fresh client's.
struct Head {
  int socket, pair_read, pair_write;
};

bool is_known_version() {
  int major = 0, minor = 0, revision = 0;
  mosquitto_lib_version(&major, &minor, &revision);
  return major == 2 && minor == 0;
}

bool is_unnamed_unix_stream(int descriptor) {
  int domain = 0, type = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX)
    return false;
  size = sizeof type;
  if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM)
    return false;
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  return getsockname(descriptor, reinterpret_cast<sockaddr*>(&name), &length) == 0 &&
         length == sizeof(sa_family_t);
}

}  // namespace

bool close_wake_pair(mosquitto* client) {
  static const bool known = is_known_version();
  if (!known || mosquitto_socket(client) != -1) return false;
  Head head;
  std::memcpy(&head, client, sizeof head);
  if (head.socket != -1 || head.pair_read < 0 || head.pair_write < 0 ||
      head.pair_read == head.pair_write || !is_unnamed_unix_stream(head.pair_read) ||
      !is_unnamed_unix_stream(head.pair_write))
    return false;
  ::close(head.pair_read);
  ::close(head.pair_write);
  head.pair_read = head.pair_write = -1;  // the library's own sign for "there is none"
  std::memcpy(static_cast<void*>(client), &head, sizeof head);
  return true;
}

}  // namespace squall::mqtt
