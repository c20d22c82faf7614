#include "tcp_echo.hpp"

#include <boost/asio/write.hpp>
#include <cstring>
#include <string>

#include "listener.hpp"

namespace squall::city {

unsigned short TcpEcho::listen(const asio::ip::tcp::endpoint& address) {
  auto acceptor = city::listen(worker_, address);
  const auto port = acceptor.local_endpoint().port();
  asio::co_spawn(
      worker_.executor(),
      accept_all(
          std::move(acceptor), counters_.accept_failures, [this]() -> Worker& { return worker_; },
          [this](Worker&, Socket socket) { return serve(std::move(socket)); }),
      asio::detached);
  return port;
}

TcpCounters TcpEcho::counters() {
  return worker_.ask([this] { return counters_; });
}

void TcpEcho::reset() {
  worker_.ask([this] {
    const auto open = counters_.open;
    counters_ = {};
    counters_.open = open;
  });
}

/// Counts the whole messages at the begin of `buffered`.
TcpEcho::Messages TcpEcho::count_whole(std::string_view buffered) {
  Messages whole;
  const auto count = [&](std::string_view message, std::size_t framed_size) {
    ++counters_.messages;
    counters_.bytes += message.size();
    counters_.wire_bytes += framed_size;
    counters_.by_class.at(class_of_payload(message, "tcp")) += Tally{1, message.size()};
    if (on_message_) on_message_(message);
    whole.size += framed_size;
  };
  for (;;) {
    const auto rest = buffered.substr(whole.size);
    if (framing_ == Framing::kNewline) {
      const auto end = rest.find('\n');
      if (end == std::string_view::npos) {
        whole.is_oversize = rest.size() > kMaxMessageSize;
        return whole;
      }
      count(rest.substr(0, end), end + 1);
    } else {
      if (rest.size() < 4) return whole;
      std::size_t size = 0;
      for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(rest[i]);
      if (size > kMaxMessageSize) {
        whole.is_oversize = true;
        return whole;
      }
      if (rest.size() - 4 < size) return whole;
      count(rest.substr(4, size), size + 4);
    }
  }
}

Task<void> TcpEcho::serve(Socket socket) {
  const OpenMark mark(counters_.open);
  ++counters_.connections;
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);

  std::string buffer(1 << 10, '\0');
  std::size_t end = 0;
  for (;;) {
    if (end == buffer.size()) buffer.resize(buffer.size() * 2);
    const auto [read_error, got] = co_await socket.async_read_some(
        asio::buffer(buffer.data() + end, buffer.size() - end), kAwait);
    end += got;
    if (read_error) break;

    // Answers to what came together go together, as a pipelining client would want it.
    const auto whole = count_whole(std::string_view(buffer).substr(0, end));
    if (whole.size > 0) {
      if (const auto delay = worker_.behaviour.next_delay_ns(); delay > 0) {
        co_await sleep_until(worker_.executor(), monotonic_ns() + delay);
      }
      if (worker_.behaviour.stall.is_set()) co_await worker_.wait_for_thaw();
      const auto [error, sent] =
          co_await asio::async_write(socket, asio::buffer(buffer.data(), whole.size), kAwait);
      if (error) break;
      std::memmove(buffer.data(), buffer.data() + whole.size, end - whole.size);
      end -= whole.size;
    }
    if (whole.is_oversize) {
      ++counters_.oversize;
      break;
    }
  }
  counters_.cut_bytes += end;
}

}  // namespace squall::city
