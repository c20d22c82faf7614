// A UDP port that counts datagrams in batches: the sink (`udp`), and the echo (`udp_echo`) which
// sends each one back. Datagrams are told apart by a tag at their begin (class_of_payload).
#pragma once

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/ip/udp.hpp>
#include <memory>

#include "counters.hpp"
#include "worker.hpp"

namespace squall::city {

class UdpPort {
 public:
  enum class Kind { kSink, kEcho };

  UdpPort(Worker& worker, Kind kind);
  ~UdpPort();
  /// Returns the bound port. Throws boost::system::system_error. Before the worker starts.
  unsigned short listen(const asio::ip::udp::endpoint& address);
  /// Takes what is waiting in the socket first, so that all that was sent before is in the counts
  /// (a frozen echo excepted).
  UdpCounters counters();
  void reset();

 private:
  struct Batch;
  Task<void> serve();
  bool take_batch();
  std::uint64_t kernel_drops() const;

  Worker& worker_;
  const Kind kind_;
  asio::basic_datagram_socket<asio::ip::udp, Executor> socket_;
  std::unique_ptr<Batch> batch_;
  UdpCounters counters_;
  std::uint64_t drops_before_ = 0;
};

}  // namespace squall::city
