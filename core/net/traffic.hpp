// Who looks at the bytes of a shard's sockets: `squall run --once -v` shows them. No other run has one, and
// then a socket pays one branch that is never taken. It only looks: nothing that it does reaches the socket.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "net/failure.hpp"

namespace squall {

class Target;

/// Bytes are those of the plugin, above TLS. Thread: the shard's.
class TrafficObserver {
 public:
  virtual ~TrafficObserver() = default;
  virtual void connected(const Target& target, std::string_view peer) = 0;
  /// As the plugin gave them, in one call; of datagrams those that the kernel took, one call each.
  virtual void sent(const Target& target, std::span<const iovec> pieces) = 0;
  virtual void sent_file(const Target& target, int fd, std::uint64_t offset, std::uint64_t length) = 0;
  virtual void received(const Target& target, const void* data, std::size_t size) = 0;
  /// A connection is over, or was never made.
  virtual void closed(const Target& target, const Failure& why) = 0;
};

}  // namespace squall
