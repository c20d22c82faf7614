#include "net/shard_net.hpp"

#include "net/address_lookup.hpp"
#include "net/datagram.hpp"
#include "net/shard_parts.hpp"
#include "net/tls.hpp"

namespace squall {

ShardNet::Parts::Parts(Environment& environment_, Reactor& reactor_, const TargetTable& targets_, Resolver* resolver_)
    : environment(environment_),
      reactor(reactor_),
      targets(targets_),
      resolver(resolver_),
      counters(targets_.size()),
      receive_buffer(new std::uint8_t[kReceiveBytes]),
      addresses(environment_, targets_, resolver_),
      tls(std::make_unique<TlsContexts>()),
      watches(reactor_) {
  for (std::uint32_t i = 0; i < targets.size(); ++i)
    if (targets.at(i).url().is_tls) tls->prepare(targets.at(i).options().tls);
}

ShardNet::Parts::~Parts() = default;

Stream& ShardNet::Parts::take_stream() {
  Stream* stream = free_streams;
  if (stream) free_streams = stream->next_;
  else stream = &stream_memory.emplace_back(*this);
  stream->previous_ = nullptr;
  stream->next_ = live_streams;
  if (live_streams) live_streams->previous_ = stream;
  live_streams = stream;
  ++live_stream_count;
  return *stream;
}

void ShardNet::Parts::put_stream(Stream& stream) {
  (stream.previous_ ? stream.previous_->next_ : live_streams) = stream.next_;
  if (stream.next_) stream.next_->previous_ = stream.previous_;
  stream.next_ = free_streams;
  free_streams = &stream;
  --live_stream_count;
}

void ShardNet::Parts::link(DatagramSocket& socket) {
  socket.next_ = datagram_sockets;
  if (datagram_sockets) datagram_sockets->previous_ = &socket;
  datagram_sockets = &socket;
}

void ShardNet::Parts::unlink(DatagramSocket& socket) {
  (socket.previous_ ? socket.previous_->next_ : datagram_sockets) = socket.next_;
  if (socket.next_) socket.next_->previous_ = socket.previous_;
}

void ShardNet::Parts::close_all() {
  // What is closed leaves its list only from the loop, so the links hold.
  for (Stream* stream = live_streams; stream; stream = stream->next_) stream->give_up();
  for (DatagramSocket* socket = datagram_sockets; socket; socket = socket->next_) socket->give_up();
  watches.give_up(environment);
  for (AddressLookup* lookup = lookups; lookup; lookup = lookup->next_) lookup->answer_later(SQ_E_CLOSED);
}

std::uint8_t* ShardNet::Parts::datagram_memory(std::size_t bytes) {
  if (!datagram_buffer) datagram_buffer.reset(new std::uint8_t[bytes]);
  return datagram_buffer.get();
}

ShardNet::ShardNet(Environment& environment, Reactor& reactor, const TargetTable& targets, Resolver* resolver)
    : environment_(environment),
      reactor_(reactor),
      targets_(targets),
      parts_(std::make_unique<Parts>(environment, reactor, targets, resolver)) {}

ShardNet::~ShardNet() = default;

std::span<const TargetCounters> ShardNet::counters() const { return parts_->counters; }

std::size_t ShardNet::open_streams() const { return parts_->open_stream_count; }

void ShardNet::observe(TrafficObserver& observer) { parts_->observer = &observer; }

void ShardNet::close_all() { parts_->close_all(); }
bool ShardNet::is_idle() const { return parts_->is_idle(); }

}  // namespace squall
