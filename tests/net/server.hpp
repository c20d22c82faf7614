// A TCP server on a free loopback port whose connections run a function each, on threads: blocking
// code that reads like the story of one peer.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace squall::test {

/// A listening socket on a free port; nobody accepts.
class Listener {
 public:
  explicit Listener(int backlog = 1024) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, backlog) != 0)
      throw std::runtime_error("cannot listen on loopback");
    socklen_t length = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }
  std::uint16_t port() const { return port_; }
  std::string url(const std::string& scheme = "tcp") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

/// One accepted connection, blocking.
class Peer {
 public:
  explicit Peer(int fd) : fd(fd) {}
  const int fd;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  /// Until `size` bytes have come, or fewer when the client ends.
  std::string read(std::size_t size) {
    std::string result(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count = ::recv(fd, result.data() + have, size - have, 0);
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
    result.resize(have);
    return result;
  }
  std::string read_all() {
    std::string result;
    for (;;) {
      const std::string part = read(65536);
      result += part;
      if (part.size() < 65536) return result;
    }
  }
  void echo() {
    char buffer[65536];
    for (;;) {
      const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
      if (count <= 0 || !send({buffer, static_cast<std::size_t>(count)})) return;
    }
  }
  /// The destructor of the socket then sends RST instead of FIN.
  void reset_on_close() {
    const linger now{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
};

class Server {
 public:
  using Story = std::function<void(Peer&)>;
  explicit Server(Story story) : story_(std::move(story)), acceptor_([this] { accept_all(); }) {}
  ~Server() {
    ::shutdown(listener_.fd(), SHUT_RDWR);   // wakes accept
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : threads_) thread.join();
  }
  std::string url(const std::string& scheme = "tcp") const { return listener_.url(scheme); }
  std::uint16_t port() const { return listener_.port(); }
  std::atomic<int> accepted{0};

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++accepted;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] {
        Peer peer(fd);
        story_(peer);
        const std::lock_guard inner(mutex_);
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }
  const Story story_;
  Listener listener_;
  std::mutex mutex_;                 // guards open_
  std::vector<int> open_;
  std::vector<std::thread> threads_;   // touched by the acceptor, then by the destructor
  std::thread acceptor_;
};

}  // namespace squall::test
