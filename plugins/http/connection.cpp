// See connection.hpp.
#include "connection.hpp"

#include <charconv>

#include "session.hpp"

namespace squall::http {

using plugin::host;

const sq_stream_events Connection::kEvents = {
    sizeof(sq_stream_events),
    0,
    [](void* self, sq_stream*, const sq_stream_info* info) noexcept {
      static_cast<Connection*>(self)->on_open(*info);
    },
    [](void* self, sq_stream*, const uint8_t* data, uint64_t size) noexcept -> uint64_t {
      return static_cast<Connection*>(self)->on_data(reinterpret_cast<const char*>(data), size);
    },
    [](void* self, sq_stream*, void* tag) noexcept {
      static_cast<Connection*>(self)->on_written(*static_cast<Exchange::Write*>(tag));
    },
    [](void* self, sq_stream*, sq_status why, uint32_t kind, sq_str detail) noexcept {
      static_cast<Connection*>(self)->on_closed(why, kind, plugin::view(detail));
    }};

// ---- opening
// -------------------------------------------------------------------------------------

sq_status Connection::open(Exchange& exchange, uint64_t now_ns) {
  state_ = State::kOpening;
  exchange_ = &exchange;
  exchange.enter(SQ_PH_CONNECT, now_ns);
  const sq_connect_opts options{sizeof options, SQ_S_NODELAY | SQ_S_DIRECT, 0, lane_->session->id, {}};
  const sq_status status =
      host.stream->connect(shard_.handle, lane_->target, &options, &kEvents, this, &stream_);
  if (status != SQ_OK) exchange_ = nullptr;
  return status;
}

void Connection::on_open(const sq_stream_info& info) {
  if (state_ != State::kOpening) return;
  Exchange& exchange = *exchange_;
  const uint64_t now = shard_.now_ns();
  // What the host does not explain (a limit on connections, say) was waiting.
  uint64_t left = now - std::min(now, exchange.clock.last_ns);
  const auto give = [&](uint32_t phase, uint64_t ns) {
    const uint64_t share = std::min(left, ns);
    exchange.call->phase_ns[phase] += share;
    left -= share;
  };
  give(SQ_PH_RESOLVE, info.resolve_ns);
  give(SQ_PH_CONNECT, info.connect_ns);
  give(SQ_PH_TLS, info.tls_ns);
  exchange.call->phase_ns[SQ_PH_WAIT_CONN] += left;
  exchange.clock.last_ns = std::max(exchange.clock.last_ns, now);
  exchange.phase = SQ_PH_SEND;
  state_ = State::kIdle;
  exchange_ = nullptr;
  if (send(exchange, now) == Sent::kNo) {
    exchange_ = &exchange;
    state_ = State::kBusy;
    abort(Verdict::failed(SQ_K_CLOSED, "reset"));
  }
}

// ---- sending
// -------------------------------------------------------------------------------------

Connection::Sent Connection::send(Exchange& exchange, uint64_t now_ns) {
  exchange.enter(SQ_PH_SEND, now_ns);
  exchange_ = &exchange;
  call_ = exchange.call;
  state_ = State::kBusy;
  got_first_byte_ = false;
  informational_ = 0;
  const char* problem = exchange.render(lane_->session->jar().get(), now_ns);
  if (problem) {
    // Nothing was sent: the connection stays good.
    exchange_ = nullptr;
    state_ = State::kIdle;
    exchange.has_verdict = true;
    exchange.verdict = Verdict::failed(SQ_K_CHECK, problem);
    lane_->ended(&exchange);
    return Sent::kEnded;
  }
  parser_.reset();
  Exchange::Write& write = exchange.writes[0];
  if (!write_piece(write)) {
    if (exchange_ == nullptr || exchange.has_verdict) return Sent::kEnded;  // its source failed
    exchange_ = nullptr;
    state_ = State::kIdle;
    return Sent::kNo;
  }
  if (exchange_ == &exchange && state_ == State::kBusy) pump();
  return Sent::kYes;
}

void Connection::pump() {
  Exchange& exchange = *exchange_;
  while (state_ == State::kBusy && exchange_ == &exchange && !exchange.all_sent) {
    Exchange::Write* write = exchange.free_write();
    if (!write) return;
    if (!write_piece(*write)) {
      if (exchange_ == &exchange && !exchange.has_verdict)
        abort(Verdict::failed(SQ_K_CLOSED, "reset"));
      return;
    }
  }
  if (state_ == State::kBusy && exchange_ == &exchange && exchange.writes_pending == 0 && !got_first_byte_)
    exchange.enter(SQ_PH_FIRST_BYTE, shard_.now_ns());
}

/// Hands the next stretch of the request to the stream: the head with what follows it in memory, a
/// piece of a source, or a range of a file.  False: the stream refused, or the exchange was ended.
bool Connection::write_piece(Exchange::Write& write) {
  Exchange& exchange = *exchange_;
  sq_buf buffers[16];
  uint32_t count = 0;
  uint64_t bytes = 0;
  const auto add = [&](std::string_view text) {
    buffers[count++] = plugin::buf(text);
    bytes += text.size();
  };

  if (exchange.has_held) {
    exchange.has_held = false;
    const sq_chunk file = exchange.spare().held;
    if (host.stream->send_file(stream_, file.fd, file.offset, file.len, &write) != SQ_OK)
      return false;
    write.is_busy = true;
    write.bytes = file.len;
    ++exchange.writes_pending;
    return true;
  }
  if (!exchange.head_sent) {
    add(exchange.head_view);
    exchange.head_sent = true;
    if (exchange.head_is_whole) exchange.all_sent = true;
  }
  while (!exchange.all_sent && count < 12) {
    sq_chunk chunk{};
    const Piece piece = next_piece(&chunk);
    if (piece == Piece::kError) return false;
    if (piece == Piece::kNone) {
      if (exchange.chunked) add(exchange.any_chunk_sent ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
      exchange.all_sent = true;
      break;
    }
    if (exchange.chunked) {
      char* const frame = exchange.frame(write);
      char* end = frame;
      if (exchange.any_chunk_sent) end = std::copy_n("\r\n", 2, end);
      end = std::to_chars(end, frame + Exchange::kFrameBytes, chunk.len, 16).ptr;
      end = std::copy_n("\r\n", 2, end);
      add({frame, static_cast<size_t>(end - frame)});
      exchange.any_chunk_sent = true;
    }
    if (piece == Piece::kFile) {
      exchange.spare().held = chunk;
      exchange.has_held = true;
      break;
    }
    add(plugin::view(chunk.mem));
    // One frame per write; and a long source is read as the stream takes it, not far ahead.
    if (exchange.chunked || bytes >= kPieceBytes) break;
  }
  if (count == 0) return exchange.has_held ? write_piece(write) : true;
  const sq_status status = host.stream->write(stream_, buffers, count, &write);
  if (status == SQ_DONE) {
    exchange.call->bytes_out += bytes;
    exchange.report_progress();
    return true;
  }
  if (status != SQ_OK) return false;
  write.is_busy = true;
  write.bytes = bytes;
  ++exchange.writes_pending;
  return true;
}

Connection::Piece Connection::next_piece(sq_chunk* out) {
  Exchange& exchange = *exchange_;
  const Body& body = *exchange.body;
  while (exchange.part < body.parts.size()) {
    const BodyPart& part = body.parts[exchange.part];
    *out = sq_chunk{};
    out->fd = -1;
    switch (part.kind) {
      case BodyPart::Kind::kText:
      case BodyPart::Kind::kView: {
        const std::string_view text = body.view(part);
        ++exchange.part;
        if (text.empty()) continue;
        out->mem = plugin::buf(text);
        out->len = text.size();
        return Piece::kMemory;
      }
      case BodyPart::Kind::kFile: {
        const uint64_t length = std::min(part.length - exchange.part_done, kPieceBytes);
        if (length == 0) break;
        out->fd = part.fd;
        out->offset = exchange.part_done;
        out->len = length;
        exchange.part_done += length;
        return Piece::kFile;
      }
      case BodyPart::Kind::kSource: {
        const uint64_t limit = std::min(part.length - exchange.part_done, kPieceBytes);
        const sq_status status = limit ? host.source->next(part.source, limit, out) : SQ_OK;
        if (!limit) break;
        const bool is_memory = out->fd < 0;
        const uint64_t length = is_memory ? out->mem.len : out->len;
        const bool ended = status == SQ_OK && length == 0;
        if (status != SQ_OK || length > limit || (ended && part.length != UINT64_MAX)) {
          abort(Verdict::failed(SQ_K_PLUGIN, ended ? "payload ended early" : "payload failed"));
          return Piece::kError;
        }
        if (ended) break;
        out->len = length;
        exchange.part_done += length;
        return is_memory ? Piece::kMemory : Piece::kFile;
      }
    }
    ++exchange.part;
    exchange.part_done = 0;
  }
  return Piece::kNone;
}

void Connection::on_written(Exchange::Write& write) {
  // An exchange is not completed while the host holds its buffers, so it is still this one's.
  Exchange& exchange = *exchange_;
  write.is_busy = false;
  --exchange.writes_pending;
  exchange.call->bytes_out += write.bytes;
  if (state_ != State::kBusy) return;
  exchange.report_progress();
  pump();
}

// ---- receiving
// -----------------------------------------------------------------------------------

ResponseParser& Connection::parser(uint64_t now_ns) {
  if (!parser_) parser_.emplace(*exchange_, lane_->session->jar(), now_ns, shard_.instance.header_limit);
  return *parser_;
}

/// Of a whole answer whose head is that of the last one to this operation: what Beast found in it holds again.
/// False: it is to be parsed.
bool Connection::take_known_answer(std::string_view answer, uint64_t now_ns) {
  Exchange& exchange = *exchange_;
  if (!exchange.prepared->learns_heads || exchange.hop.method == "HEAD") return false;
  const KnownHead* known = shard_.known_heads.find(exchange.prepared->number);
  if (!known || !known->begins(answer)) return false;
  exchange.status = known->status;
  exchange.keeps_this_body = exchange.prepared->keeps_body;
  exchange.take_body(answer.substr(known->size, known->body_bytes));
  const size_t used = known->size + known->body_bytes;
  exchange.call->bytes_in += used;
  if (used < answer.size()) note_garbage(answer.data() + used, answer.size() - used);
  answer_complete(used < answer.size(), true, now_ns);
  return true;
}

uint64_t Connection::on_data(const char* data, size_t size) {
  // All of them will be needed, and with thousands of connections none is in the cache.
  __builtin_prefetch(exchange_);
  __builtin_prefetch(reinterpret_cast<const char*>(exchange_) + 64);
  __builtin_prefetch(call_);
  __builtin_prefetch(lane_);
  if (state_ == State::kClosing || state_ == State::kOpening) return size;
  if (state_ == State::kIdle) {
    if (size) note_garbage(data, size);
    drop();  // the peer has finished, or speaks without being asked
    return size;
  }
  Exchange& exchange = *exchange_;
  if (size == 0) {
    const uint64_t now = shard_.recent_ns();
    const auto step = parser(now).finish();
    if (step.kind != ResponseParser::Step::kComplete)
      abort(step.verdict);
    else
      answer_complete(false, parser_->keep_alive(), now);
    return 0;
  }
  const uint64_t now = shard_.recent_ns();
  const bool is_first = !got_first_byte_;
  if (is_first) {
    got_first_byte_ = true;
    exchange.enter(SQ_PH_RECEIVE, now);
    exchange.call->first_byte_ns = std::max(now, exchange.call->start_ns);
  }
  if (is_first && take_known_answer({data, size}, now)) return size;
  size_t used = 0;
  for (;;) {
    const auto step = parser(now).feed(data + used, size - used);
    used += step.consumed;
    exchange.call->bytes_in += step.consumed;
    if (step.kind == ResponseParser::Step::kBroken) {
      if (step.verdict.kind == SQ_K_PROTOCOL) note_garbage(data, size);
      abort(step.verdict);
      return size;
    }
    if (step.kind == ResponseParser::Step::kNeedMore) {
      exchange.report_progress();
      return used;
    }
    if (!parser_->is_informational()) break;
    if (++informational_ > kMaxInformational) {
      abort(Verdict::failed(SQ_K_LIMIT, "informational answers"));
      return size;
    }
    parser_.reset();  // the answer itself follows
    if (used == size) return used;
  }
  if (is_first && informational_ == 0 && exchange.prepared->learns_heads && parser_->is_plain()) {
    const uint64_t body_bytes = exchange.body_bytes;
    shard_.known_heads.learn(exchange.prepared->number, {data, used - body_bytes}, exchange.status, body_bytes);
  }
  if (used < size) note_garbage(data + used, size - used);
  answer_complete(used < size, parser_->keep_alive(), now);
  return size;
}

void Connection::answer_complete(bool has_stray_bytes, bool keeps_alive, uint64_t now_ns) {
  Exchange& exchange = *exchange_;
  exchange.verdict =
      has_stray_bytes ? Verdict::failed(SQ_K_PROTOCOL, "bytes after the answer") : Verdict{};
  const bool is_reusable = !has_stray_bytes && keeps_alive && exchange.all_sent &&
                           exchange.writes_pending == 0 && !exchange.prepared->closes_connection;
  if (!is_reusable) return abort(exchange.verdict);
  exchange.has_verdict = true;
  exchange.mark(now_ns);
  exchange_ = nullptr;
  state_ = State::kIdle;
  __builtin_prefetch(lane_->session);
  lane_->ended(&exchange);
}

// ---- ending
// --------------------------------------------------------------------------------------

void Connection::abort(Verdict verdict) {
  Exchange& exchange = *exchange_;
  if (exchange.has_verdict) return;
  exchange.has_verdict = true;
  exchange.verdict = verdict;
  exchange.mark(shard_.now_ns());
  const bool host_holds_buffers = exchange.writes_pending > 0 && stream_;
  close_stream();
  if (host_holds_buffers) return;  // on_closed ends it
  Lane* lane = lane_;
  exchange_ = nullptr;
  detach();
  lane->ended(&exchange);
}

void Connection::drop() {
  detach();
  close_stream();
}

void Connection::detach() {
  if (lane_) lane_->forget(this);
  lane_ = nullptr;
}

void Connection::close_stream() {
  const bool was_closing = std::exchange(state_, State::kClosing) == State::kClosing;
  if (stream_ && !was_closing) host.stream->close(stream_);
}

void Connection::on_closed(sq_status why, uint32_t kind, std::string_view detail) {
  stream_ = nullptr;
  Exchange* exchange = std::exchange(exchange_, nullptr);
  Lane* lane = lane_;
  if (exchange && state_ == State::kOpening)
    exchange->phase = kind == SQ_K_RESOLVE ? SQ_PH_RESOLVE
                      : kind == SQ_K_TLS   ? SQ_PH_TLS
                                           : SQ_PH_CONNECT;
  if (exchange) {
    for (auto& write : exchange->writes) write.is_busy = false;
    exchange->writes_pending = 0;
    if (!exchange->has_verdict) {
      exchange->has_verdict = true;
      exchange->mark(shard_.now_ns());
      exchange->spare().detail_text = detail.empty() ? std::string_view("eof") : detail;
      exchange->verdict =
          Verdict::failed(kind == SQ_K_NONE ? uint32_t{SQ_K_CLOSED} : kind, exchange->spare().detail_text);
      if (why == SQ_E_TIMEOUT) exchange->verdict.outcome = SQ_OUT_TIMEOUT;
    }
  }
  detach();
  shard_.free_connection(this);  // may delete the shard, once the last session is closed
  if (exchange) lane->ended(exchange);
}

void Connection::note_garbage(const char* data, size_t size) {
  if (!shard_.may_log_garbage(shard_.now_ns())) return;
  static constexpr char kHex[] = "0123456789abcdef";
  std::string line = "http: bytes that are no answer, or no part of one, from target ";
  line += plugin::view(host.target->info(lane_->target)->name);
  line += ':';
  for (size_t i = 0; i < std::min<size_t>(size, 64); ++i) {
    line += ' ';
    line += kHex[static_cast<unsigned char>(data[i]) >> 4];
    line += kHex[static_cast<unsigned char>(data[i]) & 15];
  }
  host.log(SQ_LOG_WARN, line);
}

}  // namespace squall::http
