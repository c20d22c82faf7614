// One thread with its own event loop. Everything a worker's connections touch (counters, behaviour,
// buffers) belongs to that thread alone, so the hot path has no lock; other threads reach it by
// ask(). It knows nothing of protocols.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>

#include "behaviour.hpp"

namespace squall::city {

namespace asio = boost::asio;
using boost::system::error_code;

// The concrete executor: the type-erased default costs an allocation and an indirect call per
// operation.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
template <class T>
using Task = asio::awaitable<T, Executor>;
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});

/// CLOCK_MONOTONIC, which all programs of one machine share.
inline std::int64_t monotonic_ns() { return Clock::now().time_since_epoch().count(); }

class Worker {
 public:
  /// As many bytes as one discarding receive takes. Given with MSG_TRUNC it is never written to, so
  /// all connections of the worker share it.
  static constexpr std::size_t kDrainSize = 1 << 20;

  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  /// Ends the loop and joins the thread. Afterwards the worker's state may be read from anywhere.
  void stop();

  /// Runs `function` on the worker's thread and returns what it returned. Thread: any but the
  /// worker's own.
  template <class Function>
  auto ask(Function function) -> decltype(function()) {
    if (!thread_.joinable()) return function();
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto answer = task.get_future();
    asio::post(io, std::move(task));
    return answer.get();
  }

  Executor executor() { return io.get_executor(); }
  asio::mutable_buffer drain_window(std::uint64_t limit = kDrainSize) {
    return {drain_.get(), static_cast<std::size_t>(std::min<std::uint64_t>(limit, kDrainSize))};
  }

  /// Behaves so when this returns; whoever waits for the end of a stall looks again. Thread: as
  /// ask().
  void apply(const Behaviour& wanted);

  /// Suspends while the schedule says that the data ports are frozen. One timer serves all who
  /// wait.
  Task<void> wait_for_thaw();

  Behaviour behaviour;
  asio::io_context io{1};

 private:
  Timer thaw_{io.get_executor()};
  std::unique_ptr<char[]> drain_;
  std::thread thread_;
};

/// Suspends until `due_ns` (CLOCK_MONOTONIC). Returns at once when that has passed.
Task<void> sleep_until(Executor executor, std::int64_t due_ns);

}  // namespace squall::city
