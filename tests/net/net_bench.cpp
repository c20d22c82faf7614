// What the shard's sockets cost, as CPU of the loop's thread beside the barest code that does the
// same: timer wake-ups, ping-pong on 64 connections, one bulk stream.  Ratios within one run are
// comparable, single figures are not.  `net_bench quick` runs each once for a moment.
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "loop.hpp"
#include "net/net_api.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

std::uint64_t read_clock(clockid_t id) {
  timespec t;
  clock_gettime(id, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}
std::uint64_t now_ns() { return read_clock(CLOCK_MONOTONIC); }
std::uint64_t cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

// ---- timers -------------------------------------------------------------------------------------

constexpr std::uint64_t kTimerRate = 5000;

void report_timers(const char* name, std::uint64_t cpu, std::vector<std::uint64_t>& late) {
  std::ranges::sort(late);
  const auto at = [&](double q) { return static_cast<double>(late[static_cast<std::size_t>(q * static_cast<double>(late.size() - 1))]) / 1e3; };
  fmt::print("timer  {:<14} {:6.2f} us CPU per wake   late p50 {:7.1f} us  p99 {:7.1f} us  p99.9 {:7.1f} us\n", name,
             static_cast<double>(cpu) / 1e3 / static_cast<double>(late.size()), at(0.5), at(0.99), at(0.999));
}

void timers_by_reactor(std::uint64_t count) {
  Reactor::prepare_thread();
  Reactor reactor;
  std::vector<std::uint64_t> late;
  late.reserve(count);
  const std::uint64_t begin = now_ns() + 1'000'000, cpu = cpu_ns();
  for (std::uint64_t i = 0; i < count;) {
    const std::uint64_t due = begin + i * 1'000'000'000u / kTimerRate;
    const std::uint64_t now = now_ns();
    if (now < due) {
      reactor.wait(due - now);
      continue;
    }
    late.push_back(now - due);
    ++i;
  }
  report_timers("epoll_pwait2", cpu_ns() - cpu, late);
}

void timers_by_asio(std::uint64_t count) {
  Reactor::prepare_thread();
  namespace asio = boost::asio;
  asio::io_context context(1);
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             asio::io_context::executor_type> timer(context);
  std::vector<std::uint64_t> late;
  late.reserve(count);
  const std::uint64_t begin = now_ns() + 1'000'000, cpu = cpu_ns();
  std::function<void()> next = [&] {
    const std::uint64_t due = begin + late.size() * 1'000'000'000u / kTimerRate;
    timer.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due)));
    timer.async_wait([&, due](const boost::system::error_code&) {
      late.push_back(now_ns() - due);
      if (late.size() < count) next();
    });
  };
  next();
  context.run();
  report_timers("steady_timer", cpu_ns() - cpu, late);
}

// ---- ping-pong ----------------------------------------------------------------------------------

constexpr int kConnections = 64;
constexpr std::size_t kMessage = 128;

/// Echoes on one thread until all connections are gone.
void echo_all(int listener, int connections) {
  const int epoll = epoll_create1(0);
  for (int i = 0; i < connections; ++i) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
  epoll_event events[64];
  char buffer[4096];
  while (connections > 0) {
    const int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      const ssize_t size = ::recv(events[i].data.fd, buffer, sizeof buffer, 0);
      if (size > 0) {
        [[maybe_unused]] const auto sent = ::send(events[i].data.fd, buffer, static_cast<std::size_t>(size), MSG_NOSIGNAL);
      } else {
        ::close(events[i].data.fd);
        --connections;
      }
    }
  }
  ::close(epoll);
}

double ping_by_streams(std::uint64_t requests) {
  Listener listener;
  std::thread server([&] { echo_all(listener.fd(), kConnections); });
  double result = 0;
  {
    Shard shard;
    const Target& target = shard.add(listener.url());
    shard.start();
    struct User {
      sq_stream* stream = nullptr;
      std::uint64_t* left = nullptr;
      int* open = nullptr;
      char message[kMessage] = {};
      void send() {
        const sq_buf buffer{message, sizeof message};
        stream_api()->write(stream, &buffer, 1, nullptr);
      }
    };
    std::uint64_t left = requests;
    int open = 0;
    static const sq_stream_events events{
        sizeof events, 0,
        [](void* ctx, sq_stream*, const sq_stream_info*) noexcept { ++*static_cast<User*>(ctx)->open; },
        [](void* ctx, sq_stream*, const std::uint8_t*, std::uint64_t size) noexcept {
          User& user = *static_cast<User*>(ctx);
          if (*user.left > 0) {
            --*user.left;
            user.send();
          }
          return size;
        },
        [](void*, sq_stream*, void*) noexcept {},
        [](void*, sq_stream*, sq_status, std::uint32_t, sq_str) noexcept {}};
    std::vector<User> users(kConnections);
    const sq_connect_opts options{sizeof options, SQ_S_NODELAY, 0, 0, {}};
    for (User& user : users) {
      user.left = &left;
      user.open = &open;
      stream_api()->connect(&shard, &target, &options, &events, &user, &user.stream);
    }
    shard.loop.until([&] { return open == kConnections; });
    const std::uint64_t cpu = cpu_ns();
    for (User& user : users) user.send();
    while (left > 0) shard.loop.turn(1'000'000'000);
    result = static_cast<double>(cpu_ns() - cpu) / static_cast<double>(requests);
  }
  server.join();
  return result;
}

double ping_by_epoll(std::uint64_t requests) {
  Listener listener;
  std::thread server([&] { echo_all(listener.fd(), kConnections); });
  const int epoll = epoll_create1(0);
  std::vector<int> fds;
  char message[kMessage] = {}, buffer[65536];
  for (int i = 0; i < kConnections; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const Address address = *Address::parse("127.0.0.1", listener.port());
    if (::connect(fd, address.data(), address.size()) != 0) std::abort();
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    fds.push_back(fd);
  }
  const std::uint64_t cpu = cpu_ns();
  for (const int fd : fds) ::send(fd, message, sizeof message, MSG_NOSIGNAL);
  epoll_event events[64];
  for (std::uint64_t left = requests; left > 0;) {
    const int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count && left > 0; ++i) {
      if (::recv(events[i].data.fd, buffer, sizeof buffer, 0) <= 0) std::abort();
      ::send(events[i].data.fd, message, sizeof message, MSG_NOSIGNAL);
      --left;
    }
  }
  const double result = static_cast<double>(cpu_ns() - cpu) / static_cast<double>(requests);
  for (const int fd : fds) ::close(fd);
  ::close(epoll);
  server.join();
  return result;
}

// ---- bulk ---------------------------------------------------------------------------------------

constexpr std::size_t kBlock = 256 << 10;

void discard_all(Peer& peer) {
  static char buffer[1 << 20];
  while (::recv(peer.fd, buffer, sizeof buffer, MSG_TRUNC) > 0) {}
}

struct Bulk { double gigabytes_per_s, cpu_s_per_gigabyte; };
Bulk bulk_result(std::uint64_t bytes, std::uint64_t wall, std::uint64_t cpu) {
  return {static_cast<double>(bytes) / static_cast<double>(wall), static_cast<double>(cpu) / static_cast<double>(bytes)};
}

Bulk bulk_by_stream(std::uint64_t bytes) {
  Server sink(discard_all);
  Shard shard;
  const Target& target = shard.add(sink.url());
  shard.start();
  struct Writer {
    sq_stream* stream = nullptr;
    std::uint64_t left = 0;
    bool is_open = false, is_done = false;
    std::vector<char> block = std::vector<char>(kBlock, 'x');
    void next() {
      if (left == 0) {
        is_done = true;
        return;
      }
      left -= kBlock;
      const sq_buf buffer{block.data(), block.size()};
      stream_api()->write(stream, &buffer, 1, nullptr);
    }
  } writer;
  static const sq_stream_events events{
      sizeof events, 0,
      [](void* ctx, sq_stream*, const sq_stream_info*) noexcept { static_cast<Writer*>(ctx)->is_open = true; },
      [](void*, sq_stream*, const std::uint8_t*, std::uint64_t size) noexcept { return size; },
      [](void* ctx, sq_stream*, void*) noexcept { static_cast<Writer*>(ctx)->next(); },
      [](void*, sq_stream*, sq_status, std::uint32_t, sq_str) noexcept {}};
  writer.left = bytes;
  stream_api()->connect(&shard, &target, nullptr, &events, &writer, &writer.stream);
  shard.loop.until([&] { return writer.is_open; });
  const std::uint64_t wall = now_ns(), cpu = cpu_ns();
  writer.next();
  while (!writer.is_done) shard.loop.turn(1'000'000'000);
  return bulk_result(bytes, now_ns() - wall, cpu_ns() - cpu);
}

Bulk bulk_by_write(std::uint64_t bytes) {
  Server sink(discard_all);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const Address address = *Address::parse("127.0.0.1", sink.port());
  if (::connect(fd, address.data(), address.size()) != 0) std::abort();
  const std::vector<char> block(kBlock, 'x');
  const std::uint64_t wall = now_ns(), cpu = cpu_ns();
  for (std::uint64_t left = bytes; left > 0; left -= kBlock)
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(kBlock)) std::abort();
  const Bulk result = bulk_result(bytes, now_ns() - wall, cpu_ns() - cpu);
  ::close(fd);
  return result;
}

int run(bool is_quick) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int rounds = is_quick ? 1 : 5;
  for (int i = 0; i < (is_quick ? 1 : 2); ++i) {
    std::thread([&] { timers_by_reactor(is_quick ? 100 : 15'000); }).join();
    std::thread([&] { timers_by_asio(is_quick ? 100 : 15'000); }).join();
  }
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t requests = is_quick ? 1000 : 100'000;
    const double bare = ping_by_epoll(requests), ours = ping_by_streams(requests);
    fmt::print("ping   bare epoll {:6.2f} us CPU per request   streams {:6.2f} us   ratio {:.3f}\n", bare / 1e3, ours / 1e3, ours / bare);
  }
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t bytes = (is_quick ? 64u : 8'192u) * std::uint64_t{kBlock};
    const Bulk bare = bulk_by_write(bytes), ours = bulk_by_stream(bytes);
    fmt::print("bulk   write() {:5.2f} GB/s {:.3f} s CPU/GB   stream {:5.2f} GB/s {:.3f} s CPU/GB   ratio {:.3f}\n", bare.gigabytes_per_s,
               bare.cpu_s_per_gigabyte, ours.gigabytes_per_s, ours.cpu_s_per_gigabyte, ours.gigabytes_per_s / bare.gigabytes_per_s);
  }
  return 0;
}

}  // namespace
}  // namespace squall::test

int main(int argc, char** argv) { return squall::test::run(argc > 1 && std::strcmp(argv[1], "quick") == 0); }
