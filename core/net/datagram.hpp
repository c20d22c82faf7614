// A connected UDP socket as plugins see it (sq_dgram): batches in both directions, one system call
// each.  No order, no retransmission, no queue of its own: what the kernel does not take, send()
// says so.
#pragma once

#include <cstdint>

#include "net/address_book.hpp"
#include "net/handles.hpp"
#include "net/reactor.hpp"
#include "net/shard_net.hpp"

namespace squall {

struct Plugin;

class DatagramSocket : public ::sq_dgram {
 public:
  DatagramSocket(ShardNet::Parts& parts, const Target& target, std::uint64_t session, const sq_dgram_events* events, void* context);
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  /// SQ_OK also while the target's name is still being looked up: send() takes nothing until on_open, which comes in any
  /// case. A name that cannot be resolved is reported by on_error(EHOSTUNREACH), without it.
  sq_status open();
  /// How many of the packets the kernel took (0 when its buffer is full), or a status < 0 when the
  /// first one failed for good; its cause then comes by on_error, too.
  std::int32_t send(const sq_buf* packets, std::uint32_t count);
  /// No callback after it.  The object lives until the current callback is over.
  void close();
  /// At the shard's end, of a socket that its plugin has left open: a fault.
  void give_up();
  /// False, and a fault, when the thread is not the shard's.
  bool may_be_used(const char* function) noexcept;

 private:
  friend struct ShardNet::Parts;
  sq_status open_socket(const Address& address);
  void ready(std::uint32_t events);
  void receive();
  void report_later(int sys_errno);
  void tell_error(int sys_errno);
  void tell_open();
  void run_deferred();
  TargetCounters& counters();

  struct Later : Deferred { DatagramSocket* socket; } later_;
  struct Waiter : AddressWaiter { DatagramSocket* socket; } waiter_;

  ShardNet::Parts& parts_;
  const Target& target_;
  const std::uint64_t session_;
  const sq_dgram_events* const events_;
  void* const context_;
  const Plugin* const plugin_;        // whose it is
  Watch* watch_ = nullptr;
  int fd_ = -1;
  int error_ = 0;                     // to be reported from the loop
  bool is_open_untold_ = false;       // as well
  bool is_closed_ = false;
  DatagramSocket* previous_ = nullptr;
  DatagramSocket* next_ = nullptr;
};

}  // namespace squall
