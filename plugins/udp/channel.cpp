#include "channel.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace squall::udp {
namespace {

using plugin::complete;
using plugin::host;
using plugin::view;

constexpr size_t kMaxPayload = 65'507;          // UDP over IPv4: 65,535 less 20 and 8 of headers

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
    case SQ_E_INVALID:
      return {SQ_K_OFF_LIST, 0, "no allowed udp:// target"};
  }
  return {SQ_K_CONNECT, 0, "cannot open a socket"};
}

}  // namespace

void Channel::on_receive(void* self, sq_dgram*, const sq_buf* packets, uint32_t n) noexcept {
  if (n > 0) static_cast<Channel*>(self)->answered(packets[0]);  // the others answer nothing
}

void Channel::on_error(void* self, sq_dgram*, int32_t error) noexcept {
  static_cast<Channel*>(self)->failed(error);
}

void Channel::on_open(void* self, sq_dgram*) noexcept {
  Channel& channel = *static_cast<Channel*>(self);
  channel.is_opening_ = false;
  channel.send_waiting();
}

void Channel::close_socket() {
  if (socket_) host.datagram->close(std::exchange(socket_, nullptr));
  is_opening_ = false;
}

void Channel::submit(Exchange* exchange) {
  waiting_.push_back(exchange);
  send_waiting();
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
  if (was_asked) send_waiting();
}

/// In order, but a question waits for its turn and lets those pass that need no answer.
void Channel::send_waiting() {
  for (size_t i = 0; i < waiting_.size() && !is_opening_;) {
    Exchange* exchange = waiting_[i];
    if (exchange->waits_for_answer && asked_) {
      ++i;
      continue;
    }
    const Sent sent = transmit(exchange);
    if (sent == Sent::kNotYet) return;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    if (sent == Sent::kFailed) continue;
    if (exchange->waits_for_answer) {
      asked_ = exchange;
    } else {
      exchange->size = exchange->call->bytes_out;
      complete(exchange->call, SQ_OUT_OK, SQ_K_NONE);
    }
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
  send_waiting();
}

/// An error ends the question that is out, or all who wait for a socket that never came up.  With
/// neither it belongs to an earlier udp.send, whose call has ended.
void Channel::failed(int32_t error) {
  const bool never_came_up = socket_ && is_opening_;
  if (Exchange* exchange = std::exchange(asked_, nullptr)) {
    close_socket();
    fail(exchange, failure_of(error));
  } else if (never_came_up) {
    close_socket();
    std::deque<Exchange*> waiting;
    waiting.swap(waiting_);
    const Failure failure =
        error == EHOSTUNREACH ? Failure{SQ_K_RESOLVE, error, "no address"} : failure_of(error);
    for (Exchange* exchange : waiting) fail(exchange, failure);
  }
  send_waiting();
}

void Channel::fail(Exchange* exchange, const Failure& failure) {
  exchange->phases.mark(exchange->call, SQ_PH_FIRST_BYTE, now());
  complete(exchange->call, SQ_OUT_FAILED, failure.kind, failure.code, failure.detail);
}

Channel::Sent Channel::transmit(Exchange* exchange) {
  exchange->phases.mark(exchange->call, SQ_PH_WAIT_CONN, now());
  Failure failure = exchange->has_packet ? Failure{} : gather_payload(exchange);
  if (failure.kind == SQ_K_NONE && !socket_) {
    const sq_status status = host.datagram->open(shard_, target_, session_, &kEvents, this, &socket_);
    if (status == SQ_OK) {
      is_opening_ = true;
      return Sent::kNotYet;
    }
    socket_ = nullptr;
    failure = open_failure(status);
  }
  if (failure.kind == SQ_K_NONE) {
    const int32_t taken = host.datagram->send(socket_, &exchange->packet, 1);
    if (taken == 0) failure = failure_of(ENOBUFS);
    if (taken < 0) {
      failure = send_failure(taken);
      close_socket();  // on_error would tell the same again, to the next call
    }
  }
  if (failure.kind != SQ_K_NONE) {
    fail(exchange, failure);
    return Sent::kFailed;
  }
  exchange->call->bytes_out = exchange->packet.len;
  exchange->phases.mark(exchange->call, SQ_PH_SEND, now());
  return Sent::kYes;
}

/// The payload in one piece; without a copy when the source has it so.
Failure Channel::gather_payload(Exchange* exchange) {
  sq_source* const source = exchange->payload;
  sq_buf& packet = exchange->packet;
  std::string& gathered = exchange->gathered;
  if (!source) return {SQ_K_CHECK, 0, "payload is missing"};
  packet = {};
  gathered.clear();
  for (uint64_t total = 0;;) {
    sq_chunk chunk{};
    chunk.fd = -1;
    if (host.source->next(source, kMaxPayload + 1, &chunk) != SQ_OK)
      return {SQ_K_LOCAL_RESOURCE, 0, "payload cannot be read"};
    const bool is_file = chunk.fd >= 0;
    const uint64_t length = is_file ? chunk.len : chunk.mem.len;
    if (length == 0) break;
    total += length;
    if (total > kMaxPayload) return {SQ_K_LIMIT, 0, "payload is above 65507 bytes"};
    if (total == length && !is_file) {
      packet = chunk.mem;
      continue;
    }
    if (gathered.empty()) gathered = view(packet);
    const size_t begin = gathered.size();
    gathered.resize(begin + length);
    if (is_file) {
      if (::pread(chunk.fd, gathered.data() + begin, length, static_cast<off_t>(chunk.offset)) !=
          static_cast<ssize_t>(length))
        return {SQ_K_LOCAL_RESOURCE, errno, "payload file cannot be read"};
    } else {
      gathered.replace(begin, length, view(chunk.mem));
    }
    packet = plugin::buf(gathered);
  }
  exchange->has_packet = true;
  return {};
}

}  // namespace squall::udp
