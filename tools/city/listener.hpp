// Listening on a TCP port and accepting for ever, spread over workers in turn. Running out of
// descriptors is counted and waited out; it never ends the loop.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdint>

#include "worker.hpp"

namespace squall::city {

/// An open listener. Throws boost::system::system_error when the address cannot be had.
inline Acceptor listen(Worker& worker, const asio::ip::tcp::endpoint& address) {
  Acceptor acceptor(worker.executor());
  acceptor.open(address.protocol());
  acceptor.set_option(Acceptor::reuse_address(true));
  acceptor.bind(address);
  acceptor.listen(65535);  // the kernel clips it; storms of connects are what this is for
  return acceptor;
}

/// `next()` names the worker of the next connection, `serve(worker, socket)` makes its coroutine.
/// The acceptor lives in the coroutine, and so ends with its loop.
template <class Next, class Serve>
Task<void> accept_all(Acceptor acceptor, std::uint64_t& failures, Next next, Serve serve) {
  for (;;) {
    Worker& worker = next();
    auto [error, socket] = co_await acceptor.async_accept(worker.executor(), kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      ++failures;
      co_await sleep_until(acceptor.get_executor(), monotonic_ns() + 10'000'000);
      continue;
    }
    asio::co_spawn(worker.executor(), serve(worker, std::move(socket)), asio::detached);
  }
}

/// Counts an open connection for as long as it lives.
class OpenMark {
 public:
  explicit OpenMark(std::int64_t& open) : open_(open) { ++open_; }
  ~OpenMark() { --open_; }
  OpenMark(const OpenMark&) = delete;
  OpenMark& operator=(const OpenMark&) = delete;

 private:
  std::int64_t& open_;
};

}  // namespace squall::city
