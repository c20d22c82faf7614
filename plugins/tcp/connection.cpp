#include "connection.hpp"

#include <algorithm>

namespace squall::tcp {
namespace {

using plugin::host;
using plugin::view;

constexpr uint64_t kWriteBytes = 256
                                 << 10;  // more at a time gains nothing, less costs system calls
constexpr uint32_t kMaxWrites = 2;       // one in the kernel's hands, one ready
constexpr uint32_t kMaxPieces = 16;      // of a payload, gathered in one write
constexpr uint64_t kCloseWaitNs = 1'000'000'000;

}  // namespace

void note_connect(plugin::PhaseClock& phases, sq_call* call, const sq_stream_info& info,
                  uint64_t now_ns) {
  uint64_t rest = now_ns - std::min(now_ns, phases.last_ns);
  for (const auto& [phase, spent] : {std::pair{SQ_PH_RESOLVE, info.resolve_ns},
                                     {SQ_PH_CONNECT, info.connect_ns},
                                     {SQ_PH_TLS, info.tls_ns}}) {
    const uint64_t part = std::min(rest, spent);
    call->phase_ns[phase] += part;
    phases.last_ns += part;
    rest -= part;
  }
  phases.mark(call, SQ_PH_WAIT_CONN, now_ns);
}

Connection::Connection(Streams& streams, const sq_target* target, uint64_t session)
    : streams_(streams),
      target_(target),
      session_(session),
      close_timer_(streams.shard, &Connection::on_timer, this) {}

Connection::~Connection() {
  if (!link_) return;
  drop_link();
  link_->connection = nullptr;
}

// ---- stream events: a link that was given up hears nothing but its end --------------------------

void Connection::on_open(void* context, sq_stream*, const sq_stream_info* info) noexcept {
  Link& link = *static_cast<Link*>(context);
  if (!link.is_closing) link.connection->opened(*info);
}

uint64_t Connection::on_data(void* context, sq_stream*, const uint8_t* data,
                             uint64_t length) noexcept {
  Link& link = *static_cast<Link*>(context);
  if (link.is_closing) return length;
  if (length > 0)
    return link.connection->received(
        {reinterpret_cast<const char*>(data), static_cast<size_t>(length)});
  link.connection->peer_finished();
  return 0;
}

void Connection::on_written(void* context, sq_stream*, void*) noexcept {
  Link& link = *static_cast<Link*>(context);
  if (!link.is_closing) link.connection->written();
}

void Connection::on_closed(void* context, sq_stream*, sq_status, uint32_t kind,
                           sq_str detail) noexcept {
  Link* link = static_cast<Link*>(context);
  Streams& streams = *link->streams;
  Connection* connection = link->connection;
  const bool was_closing = link->is_closing;
  delete link;
  if (connection) {
    connection->link_ = nullptr;
    connection->link_closed(was_closing, kind, view(detail));
  }
  streams.closed();
}

void Connection::on_timer(void* self) noexcept {
  Connection& connection = *static_cast<Connection*>(self);
  if (connection.current_ && connection.current_->kind == Exchange::Kind::kClose)
    connection.give_up(SQ_OUT_OK, SQ_K_NONE, "the peer did not close");
}

// ---- calls -------------------------------------------------------------------------------------

void Connection::submit(Exchange* exchange) {
  waiting_.push_back(exchange);
  if (!current_) begin_next();
}

void Connection::cancel(Exchange* exchange) {
  const sq_call* call = exchange->call;
  const uint32_t outcome =
      call->deadline_ns && now() >= call->deadline_ns ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED;
  if (exchange == current_) {
    if (!ending_.is_set) give_up(outcome, SQ_K_NONE);
  } else if (std::erase(waiting_, exchange) != 0) {
    exchange->phases.mark(exchange->call, SQ_PH_WAIT_CONN, now());
    plugin::complete(exchange->call, outcome, SQ_K_NONE, 0, "not sent: others were waiting");
  }
}

void Connection::begin_next() {
  if (std::exchange(is_beginning_, true)) return;  // a call that ends at once comes here again
  while (!current_ && !waiting_.empty()) {
    current_ = waiting_.front();
    waiting_.pop_front();
    current_->phases.mark(current_->call, SQ_PH_WAIT_CONN, now());
    if (!link_ || !link_->is_closing) begin();  // else link_closed() does
  }
  is_beginning_ = false;
}

void Connection::begin() {
  switch (current_->kind) {
    case Exchange::Kind::kConnect:
      if (link_)
        finish(SQ_OUT_OK, SQ_K_NONE);
      else
        connect();
      break;
    case Exchange::Kind::kSend:
    case Exchange::Kind::kRequest:
      if (!link_) return connect();
      host.target->note(streams_.shard, target_, SQ_CN_REUSED);
      begin_writing();
      break;
    case Exchange::Kind::kClose:
      if (!link_) return finish(SQ_OUT_OK, SQ_K_NONE);
      host.stream->shutdown(link_->stream);
      close_timer_.set_at(now() + kCloseWaitNs);
      break;
  }
}

void Connection::connect() {
  link_ = new Link{&streams_, this};
  sq_connect_opts options{};
  options.struct_size = sizeof options;
  options.flags = SQ_S_NODELAY;
  options.session = session_;
  const sq_status status =
      host.stream->connect(streams_.shard, target_, &options, &kEvents, link_, &link_->stream);
  if (status == SQ_OK) {
    ++streams_.open_count;
    return;
  }
  delete std::exchange(link_, nullptr);
  finish(SQ_OUT_FAILED,
         status == SQ_E_LIMIT || status == SQ_E_NOMEM ? SQ_K_LOCAL_RESOURCE : SQ_K_CONNECT,
         "no stream from the host");
}

void Connection::opened(const sq_stream_info& info) {
  note_connect(current_->phases, current_->call, info, now());
  if (current_->kind == Exchange::Kind::kConnect)
    finish(SQ_OUT_OK, SQ_K_NONE);
  else
    begin_writing();
}

void Connection::begin_writing() {
  Exchange& exchange = *current_;
  if (exchange.adds_prefix) {
    const uint64_t size = exchange.payload ? host.source->size(exchange.payload) : 0;
    if (size == UINT64_MAX || !exchange.framing->fits_prefix(size))
      return finish(SQ_OUT_FAILED, SQ_K_CHECK, "the payload's size does not fit the length prefix");
    exchange.prefix = exchange.framing->prefix(size);
  }
  exchange.is_writing = true;
  exchange.needs_prefix = exchange.adds_prefix;
  exchange.is_source_empty = exchange.payload == nullptr;
  exchange.writes_in_flight = 0;
  if (exchange.kind == Exchange::Kind::kRequest)
    exchange.reader.begin(exchange.framing, exchange.keep_bytes);
  write_more();
}

/// Keeps up to kMaxWrites under way; pieces in memory share a write, a file's range has its own.
void Connection::write_more() {
  Exchange& exchange = *current_;
  while (exchange.writes_in_flight < kMaxWrites &&
         (exchange.needs_prefix || !exchange.is_source_empty)) {
    sq_buf pieces[kMaxPieces];
    uint32_t count = 0;
    uint64_t bytes = 0;
    if (std::exchange(exchange.needs_prefix, false)) {
      pieces[count++] = plugin::buf(exchange.prefix);
      bytes = exchange.prefix.size();
    }
    sq_chunk chunk{};
    chunk.fd = -1;
    while (!exchange.is_source_empty && chunk.fd < 0 && count < kMaxPieces && bytes < kWriteBytes) {
      if (host.source->next(exchange.payload, kWriteBytes, &chunk) != SQ_OK)
        return give_up(SQ_OUT_FAILED, SQ_K_LOCAL_RESOURCE, "the payload cannot be read");
      const bool is_empty = chunk.fd < 0 ? chunk.mem.len == 0 : chunk.len == 0;
      if (is_empty) {
        exchange.is_source_empty = true;
        chunk.fd = -1;
      } else if (chunk.fd < 0) {
        pieces[count++] = chunk.mem;
        bytes += chunk.mem.len;
      }
    }
    sq_status status = SQ_OK;
    if (count > 0) {
      exchange.write_bytes[exchange.writes_in_flight++] = bytes;
      status = host.stream->write(link_->stream, pieces, count, nullptr);
    }
    if (status == SQ_OK && chunk.fd >= 0) {
      exchange.write_bytes[exchange.writes_in_flight++] = chunk.len;
      status = host.stream->send_file(link_->stream, chunk.fd, chunk.offset, chunk.len, nullptr);
    }
    if (status != SQ_OK) return give_up(SQ_OUT_FAILED, SQ_K_SEND, "the connection is going down");
  }
  finish_if_done();
}

void Connection::written() {
  Exchange* exchange = current_;
  if (!exchange || exchange->writes_in_flight == 0) return;
  exchange->call->bytes_out += exchange->write_bytes[0];
  exchange->write_bytes[0] = exchange->write_bytes[1];
  exchange->write_bytes[1] = exchange->write_bytes[2];
  --exchange->writes_in_flight;
  write_more();
}

uint64_t Connection::received(std::string_view bytes) {
  Exchange* exchange = current_;
  // What nobody asked for answers nothing, now or later: it is thrown away as it comes.
  if (!exchange || !exchange->awaits_answer()) return bytes.size();
  sq_call* call = exchange->call;
  if (call->first_byte_ns == 0) {
    call->first_byte_ns = now();
    exchange->phases.mark(call, exchange->is_all_written() ? SQ_PH_FIRST_BYTE : SQ_PH_SEND,
                          call->first_byte_ns);
  }
  const uint64_t used = exchange->reader.take(bytes);
  call->bytes_in += used;
  switch (exchange->reader.state()) {
    case FrameReader::State::kMore:
      return used;
    case FrameReader::State::kTooLong:
      give_up(SQ_OUT_FAILED, SQ_K_LIMIT, "the answer is above max_answer");
      break;
    case FrameReader::State::kComplete:
      finish_if_done();
      break;
  }
  return bytes.size();
}

void Connection::peer_finished() {
  Exchange* exchange = current_;
  if (!exchange) return drop_link();
  if (exchange->kind == Exchange::Kind::kClose) return give_up(SQ_OUT_OK, SQ_K_NONE);
  link_->peer_is_done = true;  // what is being written may still be wanted
  if (!exchange->awaits_answer()) return;
  if (exchange->reader.finish())
    finish_if_done();
  else
    give_up(SQ_OUT_FAILED, SQ_K_CLOSED, "eof");
}

/// The stream is dead; `was_closing`: because we said so.
void Connection::link_closed(bool was_closing, uint32_t kind, std::string_view detail) {
  if (!current_) return;
  if (std::exchange(ending_.is_set, false))
    return finish(ending_.outcome, ending_.kind, ending_.detail);
  if (was_closing) {  // the link of an earlier call
    begin();
    return begin_next();
  }
  if (current_->kind == Exchange::Kind::kClose) return finish(SQ_OUT_OK, SQ_K_NONE);
  finish(SQ_OUT_FAILED, kind == SQ_K_NONE ? uint32_t{SQ_K_CLOSED} : kind, detail);
}

// ---- ends --------------------------------------------------------------------------------------

/// After each step that may have been the last.
void Connection::finish_if_done() {
  Exchange& exchange = *current_;
  if (!exchange.is_all_written()) return;
  if (exchange.kind == Exchange::Kind::kRequest) {
    if (exchange.call->first_byte_ns == 0) exchange.phases.mark(exchange.call, SQ_PH_SEND, now());
    if (exchange.reader.state() != FrameReader::State::kComplete) return;
  }
  finish(SQ_OUT_OK, SQ_K_NONE);
}

/// The rest of the call's time belongs to what it was doing.
void Connection::note_end(uint32_t kind) {
  sq_call* call = current_->call;
  if (call->end_ns != 0) return;
  call->end_ns = now();
  uint32_t phase = SQ_PH_RECEIVE;
  if (current_->kind != Exchange::Kind::kClose && !current_->is_writing)
    phase = kind == SQ_K_RESOLVE ? SQ_PH_RESOLVE : kind == SQ_K_TLS ? SQ_PH_TLS : SQ_PH_CONNECT;
  else if (current_->kind == Exchange::Kind::kSend || !current_->is_all_written())
    phase = SQ_PH_SEND;
  else if (current_->kind == Exchange::Kind::kRequest && call->first_byte_ns == 0)
    phase = SQ_PH_FIRST_BYTE;
  current_->phases.mark(call, phase, call->end_ns);
}

void Connection::finish(uint32_t outcome, uint32_t kind, std::string_view detail) {
  note_end(kind);
  close_timer_.disarm();
  Exchange* exchange = std::exchange(current_, nullptr);
  exchange->is_writing = false;
  exchange->detail = detail;
  plugin::complete(exchange->call, outcome, kind, 0, exchange->detail);
  if (link_ && link_->peer_is_done) drop_link();
  begin_next();
}

/// Ends the current call together with its connection.
void Connection::give_up(uint32_t outcome, uint32_t kind, std::string_view detail) {
  if (!link_) return finish(outcome, kind, detail);
  note_end(kind);
  ending_ = {true, outcome, kind, std::string(detail)};
  drop_link();
}

void Connection::drop_link() {
  if (std::exchange(link_->is_closing, true)) return;
  host.stream->close(link_->stream);
}

}  // namespace squall::tcp
