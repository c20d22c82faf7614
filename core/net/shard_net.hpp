// Everything about sockets that belongs to one shard: its reactor, streams, datagram sockets,
// resolved addresses, TLS contexts, shared buffers and counters per target.  Touched by the shard's
// thread alone.  The C tables of abi.h (net_api.hpp) lead here through sq_shard::net.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "net/environment.hpp"
#include "net/handles.hpp"
#include "net/reactor.hpp"
#include "net/target.hpp"

namespace squall {

class Resolver;
class TrafficObserver;

/// Bytes are those of the plugin, above TLS; `wire_*` those that the sockets carried.
struct TargetCounters {
  std::uint64_t opened = 0;          // connections established, TLS included
  std::uint64_t reused = 0;          // requests that found theirs open, as plugins say
  std::uint64_t failed = 0;          // attempts that ended before on_open, whatever the cause
  std::uint64_t closed = 0;          // established ones that ended
  std::uint64_t closed_by_peer = 0;  // of these: the peer's FIN or RST came first
  std::uint64_t sent_bytes = 0, received_bytes = 0;
  std::uint64_t wire_sent_bytes = 0, wire_received_bytes = 0;
  std::uint64_t packets_sent = 0, packets_received = 0;   // datagrams
  std::uint64_t icmp_errors = 0;     // that the kernel told of: nobody listens, no way there; a host sends few of them
};

class ShardNet {
 public:
  /// All arguments outlive it.  `resolver` may be null when every target is a literal.
  ShardNet(Environment&, Reactor&, const TargetTable&, Resolver* resolver);
  /// REQUIRES: is_idle().
  ~ShardNet();
  ShardNet(const ShardNet&) = delete;
  ShardNet& operator=(const ShardNet&) = delete;

  /// By target index; grows never, read on the shard's thread.
  std::span<const TargetCounters> counters() const;
  std::size_t open_streams() const;

  /// At the shard's end: aborts every stream and socket that plugins left open.  Their on_closed
  /// come from the loop; afterwards is_idle() holds once the deferred calls have run.
  void close_all();
  bool is_idle() const;

  /// Before the first connection; outlives it.
  void observe(TrafficObserver& observer);

  Environment& environment() { return environment_; }
  Reactor& reactor() { return reactor_; }
  const TargetTable& targets() const { return targets_; }

  struct Parts;                      // what streams and datagram sockets share; net/shard_parts.hpp
  Parts& parts() { return *parts_; }

 private:
  Environment& environment_;
  Reactor& reactor_;
  const TargetTable& targets_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace squall
