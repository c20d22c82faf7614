// What the streams and datagram sockets of one shard share.  Internal to this room.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "net/address_book.hpp"
#include "net/buffer_pool.hpp"
#include "net/plugin_watch.hpp"
#include "net/shard_net.hpp"
#include "net/stream.hpp"
#include "net/traffic.hpp"
#include "net/write_queue.hpp"

namespace squall {

class AddressLookup;
class DatagramSocket;
class TlsContexts;

struct ShardNet::Parts {
  // 256 KiB: a bulk stream takes what the kernel has in few calls, and it stays in the L2 cache.
  static constexpr std::size_t kReceiveBytes = 256u << 10;

  Parts(Environment&, Reactor&, const TargetTable&, Resolver*);
  ~Parts();

  Stream& take_stream();
  void put_stream(Stream& stream);
  void link(DatagramSocket& socket);
  void unlink(DatagramSocket& socket);
  void close_all();
  bool is_idle() const { return !live_streams && !datagram_sockets && !lookups; }
  /// Where datagrams are received; made at the first use, touched only as far as packets reach.
  std::uint8_t* datagram_memory(std::size_t bytes);

  Environment& environment;
  Reactor& reactor;
  const TargetTable& targets;
  Resolver* const resolver;
  TrafficObserver* observer = nullptr;
  std::vector<TargetCounters> counters;            // by target index
  std::unique_ptr<std::uint8_t[]> receive_buffer;  // filled and shown within one callback
  BufferPool buffers;
  WriteItemPool items;
  AddressBook addresses;
  std::unique_ptr<TlsContexts> tls;

  std::deque<Stream> stream_memory;
  Stream* free_streams = nullptr;
  Stream* live_streams = nullptr;
  std::size_t live_stream_count = 0;
  std::size_t open_stream_count = 0;
  PluginWatches watches;
  DatagramSocket* datagram_sockets = nullptr;
  AddressLookup* lookups = nullptr;
  std::unique_ptr<std::uint8_t[]> datagram_buffer;
};

}  // namespace squall
