// The least that a bulk sender can do: one connection, write() of the same 256 KiB until all is sent,
// then wait until the peer has closed, as tcp.dump does. The dump table's peer:
//   write_loop PORT BYTES [CONGESTION_CONTROL]
// Prints one line of JSON; its CPU time is what the caller's wait4() says.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t kChunk = 256 * 1024;

int fail(const char* what) {
  std::perror(what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int socket_fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (socket_fd < 0) return fail("socket");
  if (argc > 3 && setsockopt(socket_fd, IPPROTO_TCP, TCP_CONGESTION, argv[3],
                             static_cast<socklen_t>(std::strlen(argv[3]))) != 0) {
    return fail("TCP_CONGESTION");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return fail("connect");

  const unsigned long long total = std::strtoull(argv[2], nullptr, 10);
  const std::vector<char> chunk(kChunk, 'x');
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned long long sent = 0; sent < total;) {
    const auto wanted = static_cast<std::size_t>(std::min<unsigned long long>(kChunk, total - sent));
    const ssize_t count = ::write(socket_fd, chunk.data(), wanted);
    if (count < 0) return fail("write");
    sent += static_cast<unsigned long long>(count);
  }
  ::shutdown(socket_fd, SHUT_WR);
  char last;
  if (::read(socket_fd, &last, 1) < 0) return fail("read");
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  std::printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", total, taken.count());
}
