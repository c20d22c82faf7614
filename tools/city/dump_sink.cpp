#include "dump_sink.hpp"

#include <sys/socket.h>

#include <optional>

#include "listener.hpp"
#include "stream_hash.hpp"

namespace squall::city {
namespace {

constexpr std::size_t kReadSize = 512 << 10;

}  // namespace

DumpSink::DumpSink(const std::vector<std::unique_ptr<Worker>>& workers, bool has_checksums)
    : has_checksums_(has_checksums) {
  for (const auto& worker : workers) {
    auto& desk = desks_.emplace_back(new Desk{*worker, {}});
    desk->counters.has_checksums = has_checksums;
  }
}

DumpSink::Desk& DumpSink::desk_of(const Worker& worker) {
  for (auto& desk : desks_) {
    if (&desk->worker == &worker) return *desk;
  }
  return *desks_.front();
}

unsigned short DumpSink::listen(const asio::ip::tcp::endpoint& address) {
  auto& first = *desks_.front();
  auto acceptor = city::listen(first.worker, address);
  const auto port = acceptor.local_endpoint().port();
  asio::co_spawn(first.worker.executor(),
                 accept_all(
                     std::move(acceptor), first.counters.accept_failures,
                     [this]() -> Worker& { return desks_[turn_++ % desks_.size()]->worker; },
                     [this](Worker& worker, Socket socket) {
                       return serve(desk_of(worker), std::move(socket));
                     }),
                 asio::detached);
  return port;
}

Task<void> DumpSink::serve(Desk& desk, Socket socket) {
  auto& counters = desk.counters;
  const OpenMark mark(counters.open);
  ++counters.connections;

  DumpStream stream;
  std::unique_ptr<char[]> buffer(has_checksums_ ? new char[kReadSize] : nullptr);
  std::optional<StreamHash> hash;
  if (has_checksums_) hash.emplace();
  for (;;) {
    // While frozen the sink does not read: the kernel's buffers fill and the sender sees a closed
    // window.
    if (desk.worker.behaviour.stall.is_set()) co_await desk.worker.wait_for_thaw();
    const auto target =
        has_checksums_ ? asio::buffer(buffer.get(), kReadSize) : desk.worker.drain_window();
    const auto [error, size] =
        co_await socket.async_receive(target, has_checksums_ ? 0 : MSG_TRUNC, kAwait);
    stream.bytes += size;
    counters.bytes += size;
    if (hash) hash->add({buffer.get(), size});
    if (error == asio::error::eof) break;
    if (error) {
      ++counters.reset;
      co_return;
    }
  }
  if (hash) stream.xxh64 = hash->value();
  ++counters.finished;
  if (counters.streams.size() < DumpCounters::kMaxStreams) {
    counters.streams.push_back(stream);
  } else {
    ++counters.streams_left_off;
  }
}

DumpCounters DumpSink::counters() {
  DumpCounters sum;
  for (auto& desk : desks_) sum += desk->worker.ask([&desk] { return desk->counters; });
  return sum;
}

void DumpSink::reset() {
  for (auto& desk : desks_) {
    desk->worker.ask([&desk, this] {
      const auto open = desk->counters.open;
      desk->counters = {};
      desk->counters.open = open;
      desk->counters.has_checksums = has_checksums_;
    });
  }
}

}  // namespace squall::city
