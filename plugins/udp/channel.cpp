#include "channel.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace squall::udp {
namespace {

using plugin::complete;
using plugin::host;
using plugin::view;

constexpr size_t kMaxPayload = 65'507;  // UDP over IPv4: 65,535 less 20 and 8 of headers

Failure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return {SQ_K_RECEIVE, error, "closed: port unreachable (ICMP)"};
    case EHOSTUNREACH:
      return {SQ_K_RECEIVE, error, "host unreachable (ICMP)"};
    case ENETUNREACH:
      return {SQ_K_SEND, error, "network unreachable"};
    case EMSGSIZE:
      return {SQ_K_SEND, error, "EMSGSIZE"};
    case EPERM:
      return {SQ_K_SEND, error, "EPERM: refused by a local filter"};
    case ENOBUFS:
      return {SQ_K_LOCAL_RESOURCE, error, "ENOBUFS"};
    case ENOMEM:
      return {SQ_K_LOCAL_RESOURCE, error, "ENOMEM"};
    case EMFILE:
      return {SQ_K_LOCAL_RESOURCE, error, "EMFILE"};
    case EADDRNOTAVAIL:
      return {SQ_K_LOCAL_RESOURCE, error, "EADDRNOTAVAIL"};
  }
  return {SQ_K_RECEIVE, error, "socket error"};
}

/// send() tells a status, not an errno: the nearest that UDP knows.
Failure send_failure(sq_status status) {
  switch (status) {
    case SQ_E_CLOSED:
      return failure_of(ECONNREFUSED);  // an earlier datagram's ICMP answer
    case SQ_E_LIMIT:
      return failure_of(ENOBUFS);
    case SQ_E_NOMEM:
      return failure_of(ENOMEM);
    case SQ_E_INVALID:
      return failure_of(EMSGSIZE);
  }
  return {SQ_K_SEND, 0, "send failed"};
}

Failure open_failure(sq_status status) {
  switch (status) {
    case SQ_E_LIMIT:
      return failure_of(EMFILE);
    case SQ_E_NOMEM:
      return failure_of(ENOMEM);
    case SQ_E_UNSUPPORTED:
      return {SQ_K_OFF_LIST, 0, "the target is not allowed"};
  }
  return {SQ_K_CONNECT, 0, "cannot open a socket"};
}

}  // namespace

void Channel::on_receive(void* self, sq_dgram*, const sq_buf* packets, uint32_t n) noexcept {
  if (n > 0) static_cast<Channel*>(self)->answered(packets[0]);  // the others answer nothing
}

void Channel::on_error(void* self, sq_dgram*, int32_t error) noexcept {
  Channel& channel = *static_cast<Channel*>(self);
  Exchange* exchange = std::exchange(channel.asked_, nullptr);
  if (!exchange) return;  // of an earlier udp.send, whose call has ended
  channel.close_socket();
  channel.fail(exchange, failure_of(error));
  channel.ask_next();
}

void Channel::close_socket() {
  if (socket_) host.datagram->close(std::exchange(socket_, nullptr));
}

void Channel::submit(Exchange* exchange) {
  if (exchange->waits_for_answer) {
    if (asked_ || !waiting_.empty())
      waiting_.push_back(exchange);
    else
      ask(exchange);
  } else if (transmit(exchange)) {
    exchange->size = exchange->call->bytes_out;
    complete(exchange->call, SQ_OUT_OK, SQ_K_NONE);
  }
}

void Channel::cancel(Exchange* exchange) {
  const bool was_asked = exchange == asked_;
  if (was_asked) {
    asked_ = nullptr;
    close_socket();  // its answer may still come; the next question gets a port of its own
  } else if (std::erase(waiting_, exchange) == 0) {
    return;  // has ended already
  }
  sq_call* call = exchange->call;
  const bool is_late = call->deadline_ns && now() >= call->deadline_ns;
  exchange->phases.mark(call, was_asked ? SQ_PH_FIRST_BYTE : SQ_PH_WAIT_CONN, now());
  complete(call, is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED, SQ_K_NONE, 0,
           was_asked ? "no answer" : "not sent: others were waiting");
  if (was_asked) ask_next();
}

void Channel::ask(Exchange* exchange) {
  if (transmit(exchange)) asked_ = exchange;
}

void Channel::ask_next() {
  while (!asked_ && !waiting_.empty()) {
    Exchange* next = waiting_.front();
    waiting_.pop_front();
    ask(next);
  }
}

void Channel::answered(const sq_buf& packet) {
  Exchange* exchange = std::exchange(asked_, nullptr);
  if (!exchange) return;  // nobody asked
  sq_call* call = exchange->call;
  call->first_byte_ns = call->end_ns = now();
  exchange->phases.mark(call, SQ_PH_FIRST_BYTE, call->end_ns);
  call->bytes_in = exchange->size = packet.len;
  exchange->body = view(packet).substr(0, static_cast<size_t>(exchange->keep_bytes));
  complete(call, SQ_OUT_OK, SQ_K_NONE);
  ask_next();
}

void Channel::fail(Exchange* exchange, const Failure& failure) {
  exchange->phases.mark(exchange->call, SQ_PH_FIRST_BYTE, now());
  complete(exchange->call, SQ_OUT_FAILED, failure.kind, failure.code, failure.detail);
}

/// False when the call has ended in failure.
bool Channel::transmit(Exchange* exchange) {
  exchange->phases.mark(exchange->call, SQ_PH_WAIT_CONN, now());
  sq_buf packet{};
  Failure failure = gather_payload(exchange->payload, &packet);
  if (failure.kind == SQ_K_NONE && !socket_) {
    const sq_status status = host.datagram->open(shard_, target_, &kEvents, this, &socket_);
    if (status != SQ_OK) {
      socket_ = nullptr;
      failure = open_failure(status);
    }
  }
  if (failure.kind == SQ_K_NONE) {
    const int32_t taken = host.datagram->send(socket_, &packet, 1);
    if (taken < 1) failure = taken == 0 ? failure_of(ENOBUFS) : send_failure(taken);
  }
  if (failure.kind != SQ_K_NONE) {
    fail(exchange, failure);
    return false;
  }
  exchange->call->bytes_out = packet.len;
  exchange->phases.mark(exchange->call, SQ_PH_SEND, now());
  return true;
}

/// The payload in one piece; without a copy when the source has it so.
Failure Channel::gather_payload(sq_source* source, sq_buf* packet) {
  if (!source) return {SQ_K_CHECK, 0, "payload is missing"};
  gather_.clear();
  for (uint64_t total = 0;;) {
    sq_chunk chunk{};
    if (host.source->next(source, kMaxPayload + 1, &chunk) != SQ_OK)
      return {SQ_K_LOCAL_RESOURCE, 0, "payload cannot be read"};
    const bool is_file = chunk.fd >= 0;
    const uint64_t length = is_file ? chunk.len : chunk.mem.len;
    if (length == 0) break;
    total += length;
    if (total > kMaxPayload) return {SQ_K_LIMIT, 0, "payload is above 65507 bytes"};
    if (total == length && !is_file) {
      *packet = chunk.mem;
      continue;
    }
    if (gather_.empty()) gather_ = view(*packet);
    const size_t begin = gather_.size();
    gather_.resize(begin + length);
    if (is_file) {
      if (::pread(chunk.fd, gather_.data() + begin, length, static_cast<off_t>(chunk.offset)) !=
          static_cast<ssize_t>(length))
        return {SQ_K_LOCAL_RESOURCE, errno, "payload file cannot be read"};
    } else {
      gather_.replace(begin, length, view(chunk.mem));
    }
    *packet = plugin::buf(gather_);
  }
  return {};
}

}  // namespace squall::udp
