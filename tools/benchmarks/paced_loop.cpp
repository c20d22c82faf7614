// The least that an open-loop HTTP generator can do and still begin each request when it is due: one epoll,
// epoll_pwait2 to the next due time, one GET on a free connection. What h2load saves by starting requests
// in batches of its timer, this does not: it is the peer for the price of punctuality. With "look" it never sleeps:
// as punctual as this machine allows, at the price of a CPU.
//   paced_loop PORT RATE_PER_S SECONDS CONNECTIONS [look]
// Prints one line of JSON: requests, and how late they began in µs. Answers are told apart by the length of
// the first one: a server whose answers to GET / differ in length is not for this.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr char kRequest[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
constexpr std::size_t kRequestBytes = sizeof kRequest - 1;

struct Connection {
  int fd = -1;
  std::size_t received = 0;
};

std::uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

std::size_t answer_bytes(int fd) {
  char buffer[65536];
  if (::send(fd, kRequest, kRequestBytes, 0) < 0) fail("send");
  std::string answer;
  for (;;) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) fail("recv");
    answer.append(buffer, static_cast<std::size_t>(count));
    const auto end = answer.find("\r\n\r\n");
    const auto length = answer.find("Content-Length: ");
    if (end == std::string::npos || length == std::string::npos) continue;
    const std::size_t whole = end + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10);
    if (answer.size() >= whole) return whole;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  const double rate = std::atof(argv[2]);
  const auto total = static_cast<std::uint64_t>(rate * std::atof(argv[3]));
  const bool sleeps = argc < 6 || std::string(argv[5]) != "look";
  std::vector<Connection> connections(std::strtoul(argv[4], nullptr, 10));
  std::vector<Connection*> idle;
  const int epoll = epoll_create1(0);
  std::size_t answer = 0;
  for (Connection& connection : connections) {
    connection.fd = connect_to(port);
    if (answer == 0) answer = answer_bytes(connection.fd);
    epoll_event event{EPOLLIN, {&connection}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection.fd, &event);
    idle.push_back(&connection);
  }
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);

  std::vector<std::uint32_t> late_ns;
  late_ns.reserve(total);
  const std::uint64_t begin = now_ns();
  char buffer[65536];
  epoll_event events[256];
  for (std::uint64_t sent = 0, done = 0; done < total;) {
    std::uint64_t now = now_ns(), due = 0;
    for (; sent < total && !idle.empty(); ++sent) {
      due = begin + static_cast<std::uint64_t>(static_cast<double>(sent) * 1e9 / rate);
      if (due > now) break;
      Connection* const connection = idle.back();
      idle.pop_back();
      late_ns.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(now - due, UINT32_MAX)));
      if (::send(connection->fd, kRequest, kRequestBytes, 0) < 0) fail("send");
      now = now_ns();
    }
    const bool has_due = sent < total && !idle.empty();
    const std::uint64_t left = sleeps && has_due && due > now ? due - now : 0;
    const timespec limit{static_cast<time_t>(left / 1'000'000'000u), static_cast<long>(left % 1'000'000'000u)};
    const int count = epoll_pwait2(epoll, events, 256, has_due || !sleeps ? &limit : nullptr, nullptr);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int i = 0; i < count; ++i) {
      auto* const connection = static_cast<Connection*>(events[i].data.ptr);
      const ssize_t bytes = ::recv(connection->fd, buffer, sizeof buffer, 0);
      if (bytes <= 0) fail("recv");
      connection->received += static_cast<std::size_t>(bytes);
      if (connection->received < answer) continue;
      connection->received = 0;
      ++done;
      idle.push_back(connection);
    }
  }
  if (late_ns.empty()) return 2;
  std::sort(late_ns.begin(), late_ns.end());
  const auto at = [&](double q) {
    return late_ns[static_cast<std::size_t>(q * static_cast<double>(late_ns.size() - 1))] / 1e3;
  };
  std::printf("{\"requests\": %zu, \"late_us\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}\n", late_ns.size(),
              at(0.5), at(0.99), at(1));
}
