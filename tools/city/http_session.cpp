#include "http_session.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <cstring>
#include <optional>
#include <vector>

#include "answer_head.hpp"
#include "listener.hpp"
#include "request_body.hpp"

namespace squall::city {
namespace {

constexpr std::size_t kFirstBufferSize = 2 << 10;
constexpr std::size_t kBodyBufferSize = 256 << 10;
constexpr std::size_t kMaxInlineBody = 16 << 10;  // answers up to here are one buffer
constexpr auto kLingerTime = std::chrono::seconds(1);

Socket& lowest_layer(Socket& socket) { return socket; }
Socket& lowest_layer(TlsStream& stream) { return stream.next_layer(); }

template <class Stream>
class HttpSession {
 public:
  HttpSession(HttpDesk& desk, HttpCounters& counters, Stream& stream)
      : desk_(desk), counters_(counters), stream_(stream), number_(++desk.shared.connections) {}

  Task<void> run();

 private:
  enum class Read { kDone, kEnd, kBad };

  Task<bool> fill();
  Task<Read> read_head();
  Task<Read> read_body();
  Task<bool> drain(std::uint64_t size);
  void decide();
  ConnectionField connection_field() const;
  Task<bool> write_answer();
  template <class Buffers>
  Task<bool> send(const Buffers& buffers, bool is_last);
  JournalEntry journal_entry() const;
  void settle();
  void withdraw();
  Task<void> linger();

  HttpDesk& desk_;
  HttpCounters& counters_;
  Stream& stream_;
  const std::uint64_t number_;

  std::vector<char> buffer_ = std::vector<char>(kFirstBufferSize);
  std::size_t begin_ = 0, end_ = 0;  // what was read and not yet consumed

  RequestHead head_;
  RequestBody body_;
  std::optional<HttpRequest> parser_;
  Way way_{};
  Answer answer_;
  std::string out_;  // the answer's head, and its body when that is small
  std::uint64_t request_bytes_ = 0;
  std::uint64_t answer_bytes_ = 0, answer_body_bytes_ = 0;     // a "100 Continue" is in the first
  std::int64_t read_ns_ = 0, received_ns_ = 0, reply_ns_ = 0;  // for the journal
  std::uint64_t answered_ = 0;
  bool is_settled_ = false;
  std::uint64_t settled_at_reset_ = 0;
};

/// Reads more. False when the connection is at its end.
template <class Stream>
Task<bool> HttpSession<Stream>::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else if (buffer_.size() >= kBodyBufferSize) {
      co_return false;  // a chunk's header without an end; a request's header has a limit of its
                        // own
    } else {
      buffer_.resize(buffer_.size() * 2);
    }
  }
  const auto [error, size] = co_await stream_.async_read_some(
      asio::buffer(buffer_.data() + end_, buffer_.size() - end_), kAwait);
  end_ += size;
  if (desk_.journal.is_open()) read_ns_ = monotonic_ns();
  co_return !error;
}

template <class Stream>
Task<typename HttpSession<Stream>::Read> HttpSession<Stream>::read_head() {
  request_bytes_ = answer_bytes_ = 0;
  parser_.emplace(head_, body_);
  for (;;) {
    if (begin_ < end_) {
      error_code error;
      const auto used = parser_->put(asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
      begin_ += used;
      request_bytes_ += used;
      if (parser_->is_header_done()) {
        received_ns_ = read_ns_;
        co_return Read::kDone;
      }
      if (error && error != http::error::need_more) co_return Read::kBad;
    }
    if (!co_await fill()) {
      request_bytes_ += end_ - begin_;
      co_return Read::kEnd;
    }
  }
}

/// Takes the next `size` bytes of the body out of the socket, without a copy when nobody wants to
/// see them.
template <class Stream>
Task<bool> HttpSession<Stream>::drain(std::uint64_t size) {
  if (size > kFirstBufferSize && buffer_.size() < kBodyBufferSize) {
    if (std::is_same_v<Stream, TlsStream> || body_.needs_content()) {
      buffer_.resize(std::min<std::uint64_t>(size, kBodyBufferSize));
    }
  }
  while (size > 0) {
    if constexpr (std::is_same_v<Stream, Socket>) {
      if (!body_.needs_content()) {
        const auto [error, got] =
            co_await stream_.async_receive(desk_.worker.drain_window(size), MSG_TRUNC, kAwait);
        size -= got;
        request_bytes_ += got;
        body_.add_unseen(got);
        if (error) co_return false;
        continue;
      }
    }
    const auto room = std::min<std::uint64_t>(size, buffer_.size());
    const auto [error, got] =
        co_await stream_.async_read_some(asio::buffer(buffer_.data(), room), kAwait);
    size -= got;
    request_bytes_ += got;
    body_.add({buffer_.data(), got});
    if (error) co_return false;
  }
  co_return true;
}

template <class Stream>
Task<typename HttpSession<Stream>::Read> HttpSession<Stream>::read_body() {
  body_.begin(way_.route->keeps_body,
              !head_.checksum_field.empty() || query_value(head_.query(), "checksum") == "1");
  if (parser_->is_done()) co_return Read::kDone;

  if (boost::beast::iequals(head_.expect, "100-continue") && begin_ == end_) {
    constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    answer_bytes_ = kGoOn.size();
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(kGoOn), kAwait);
    if (error) co_return Read::kEnd;
  }

  Read result = Read::kDone;
  if (const auto length = parser_->content_length()) {
    // The parser has done its part: a body of known length needs no parsing.
    const auto here = std::min<std::uint64_t>(*length, end_ - begin_);
    body_.add({buffer_.data() + begin_, static_cast<std::size_t>(here)});
    begin_ += here;
    request_bytes_ += here;
    if (!co_await drain(*length - here)) result = Read::kEnd;
  } else {
    while (!parser_->is_done()) {
      error_code error;
      if (begin_ < end_) {
        const auto used = parser_->put(asio::buffer(buffer_.data() + begin_, end_ - begin_), error);
        begin_ += used;
        request_bytes_ += used;
        if (error && error != http::error::need_more) co_return Read::kBad;
        if (!error) continue;
      }
      if (buffer_.size() < kBodyBufferSize && begin_ == end_) buffer_.resize(buffer_.size() * 2);
      if (!co_await fill()) {
        result = Read::kEnd;
        break;
      }
    }
  }
  if (begin_ == end_ && buffer_.size() > HttpRequest::kMaxHeaderSize) {
    // Idle connections shall be small: thousands of cameras send a picture a minute each.
    begin_ = end_ = 0;
    buffer_ = std::vector<char>(kFirstBufferSize);
  }
  co_return result;
}

/// Asks the route, then lets the control port's wishes have their way.
template <class Stream>
void HttpSession<Stream>::decide() {
  answer_.clear();
  auto& behaviour = desk_.worker.behaviour;
  Happened happened;
  if (behaviour.errors.take()) {
    ++counters_.injected_errors;
    answer_.status = behaviour.error_status;
    answer_.text = "error on request\n";
  } else if (body_.is_too_large()) {
    answer_.status = 413;
    answer_.text = "this path takes at most 16 MiB\n";
  } else if (!(way_.route->methods & method_bit(head_.method))) {
    answer_.status = 405;
    answer_.fields = way_.route->methods == Route::kRead ? "Allow: GET, HEAD\r\n"
                                                         : "Allow: POST, PUT, PATCH, DELETE\r\n";
    answer_.text = "not with this method\n";
  } else {
    Visit visit{head_,         way_.rest,         way_.class_prefix, body_.kept(), body_.bytes(),
                body_.xxh64(), body_.is_hashed(), desk_.shared,      desk_.gzip,   happened};
    way_.route->answer(visit, answer_);
  }
  counters_.logins += happened.logins;
  counters_.logouts += happened.logouts;
  counters_.entities += happened.entities;
  counters_.taps += happened.taps;
  answer_.delay_ns += behaviour.next_delay_ns();

  ++answered_;
  const bool is_last = behaviour.close_after > 0 && answered_ >= behaviour.close_after;
  answer_.close = !parser_->keep_alive() || is_last;
}

template <class Stream>
ConnectionField HttpSession<Stream>::connection_field() const {
  const bool is_wanted = parser_->keep_alive() && !desk_.worker.behaviour.announce_close;
  if (answer_.close) return is_wanted ? ConnectionField::kNone : ConnectionField::kClose;
  return head_.version < 11 ? ConnectionField::kKeepAlive : ConnectionField::kNone;
}

template <class Stream>
JournalEntry HttpSession<Stream>::journal_entry() const {
  JournalEntry entry;
  entry.t_receive_ns = received_ns_;
  entry.t_reply_ns = reply_ns_;
  entry.method = head_.method_text;
  entry.target = head_.target;
  entry.path = head_.path();
  entry.class_name = way_.class_name;
  entry.status = answer_.status;
  entry.connection = number_;
  entry.request_bytes = request_bytes_;
  entry.response_bytes = answer_bytes_;
  entry.seq =
      to_number(head_.seq_field.empty() ? query_value(head_.query(), "seq") : head_.seq_field);
  return entry;
}

template <class Stream>
void HttpSession<Stream>::settle() {
  is_settled_ = true;
  settled_at_reset_ = desk_.resets;
  ++counters_.statuses[answer_.status];
  counters_.response_bytes += answer_bytes_;
  counters_.response_body_bytes += answer_body_bytes_;
  auto& tally = counters_.by_class.at(way_.class_name);
  tally.response_bytes += answer_body_bytes_;
  if (answer_.status >= 400) ++tally.failed;
  if (desk_.journal.is_open()) desk_.journal.add(journal_entry());
}

template <class Stream>
void HttpSession<Stream>::withdraw() {
  ++counters_.cut_answers;
  if (!is_settled_ || settled_at_reset_ != desk_.resets) return;
  if (--counters_.statuses[answer_.status] == 0) counters_.statuses.erase(answer_.status);
  counters_.response_bytes -= answer_bytes_;
  counters_.response_body_bytes -= answer_body_bytes_;
  auto& tally = counters_.by_class.at(way_.class_name);
  tally.response_bytes -= answer_body_bytes_;
  if (answer_.status >= 400) --tally.failed;
  if (desk_.journal.is_open()) {
    auto entry = journal_entry();
    entry.is_withdrawn = true;
    desk_.journal.add(entry);
  }
}

template <class Stream>
template <class Buffers>
Task<bool> HttpSession<Stream>::send(const Buffers& buffers, bool is_last) {
  answer_bytes_ += asio::buffer_size(buffers);
  if (is_last) settle();
  const auto [error, size] = co_await asio::async_write(stream_, buffers, kAwait);
  if (error) withdraw();
  co_return !error;
}

template <class Stream>
Task<bool> HttpSession<Stream>::write_answer() {
  answer_body_bytes_ = 0;
  is_settled_ = false;
  if (has_no_body(answer_.status)) {
    answer_.body = Answer::Body::kText;
    answer_.text = {};
    answer_.own_text.clear();
  }
  render_head(out_, answer_, connection_field());
  if (desk_.journal.is_open()) reply_ns_ = monotonic_ns();
  bool is_sent = true;
  const auto& filler = desk_.shared.filler;
  const auto body = head_.method == http::verb::head ? Answer::Body::kText : answer_.body;
  const auto text = head_.method == http::verb::head ? std::string_view{} : answer_.content();

  if (body == Answer::Body::kText) {
    answer_body_bytes_ = text.size();
    if (text.size() <= kMaxInlineBody) {
      out_ += text;
      is_sent = co_await send(asio::buffer(out_), true);
    } else {
      is_sent =
          co_await send(std::array{asio::buffer(std::as_const(out_)), asio::buffer(text)}, true);
    }
  } else if (body == Answer::Body::kHalves) {
    const auto whole = filler.piece(0, answer_.filler_size);
    answer_body_bytes_ = whole.size();
    out_ += whole.substr(0, whole.size() / 2);
    is_sent = co_await send(asio::buffer(out_), false);
    if (is_sent) {
      co_await sleep_until(desk_.worker.executor(), monotonic_ns() + answer_.half_pause_ns);
      is_sent = co_await send(asio::buffer(whole.substr(whole.size() / 2)), true);
    }
  } else {
    const bool is_chunked = body == Answer::Body::kChunked;
    std::uint64_t done = 0;
    do {
      const auto limit = is_chunked ? answer_.chunk_size : Filler::kBlockSize;
      auto piece = filler.piece(done, std::min<std::uint64_t>(limit, answer_.filler_size - done));
      done += piece.size();
      answer_body_bytes_ += piece.size();
      const bool is_last = done == answer_.filler_size;
      std::string_view tail;
      if (is_chunked) {
        if (!piece.empty()) fmt::format_to(std::back_inserter(out_), "{:x}\r\n", piece.size());
        tail = piece.empty() ? "0\r\n\r\n" : is_last ? "\r\n0\r\n\r\n" : "\r\n";
      }
      is_sent = co_await send(
          std::array{asio::buffer(std::as_const(out_)), asio::buffer(piece), asio::buffer(tail)},
          is_last);
      out_.clear();
    } while (is_sent && done < answer_.filler_size);
  }

  co_return is_sent;
}

/// Closes our side and waits for the client's, so that unread bytes do not turn the answer into a
/// reset.
template <class Stream>
Task<void> HttpSession<Stream>::linger() {
  auto& socket = lowest_layer(stream_);
  Timer timer(desk_.worker.executor(), kLingerTime);
  timer.async_wait([&socket](error_code error) {
    error_code ignored;
    if (!error) socket.close(ignored);
  });
  error_code ignored;
  if constexpr (std::is_same_v<Stream, TlsStream>) co_await stream_.async_shutdown(kAwait);
  socket.shutdown(Socket::shutdown_send, ignored);
  for (;;) {
    const auto [error, size] =
        co_await socket.async_receive(desk_.worker.drain_window(), MSG_TRUNC, kAwait);
    if (error) break;
  }
  // The handler holds a reference to the socket, which must outlive it.
  if (timer.cancel() == 0) co_await asio::post(desk_.worker.executor(), kAwait);
}

template <class Stream>
Task<void> HttpSession<Stream>::run() {
  for (;;) {
    const auto head = co_await read_head();
    Read body = Read::kDone;
    if (head == Read::kDone) {
      way_ = find_way(head_);
      body = co_await read_body();
    }
    if (head == Read::kBad || body == Read::kBad) {
      ++counters_.bad_requests;
      constexpr std::string_view kBad =
          "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(kBad), kAwait);
      co_return co_await linger();
    }
    if (head == Read::kEnd || body == Read::kEnd) {
      if (request_bytes_ > 0) {
        ++counters_.cut_requests;
        counters_.cut_request_bytes += request_bytes_;
      }
      co_return;
    }

    ++counters_.requests;
    counters_.request_bytes += request_bytes_;
    counters_.request_body_bytes += body_.bytes();
    auto& tally = counters_.by_class.at(way_.class_name);
    ++tally.count;
    tally.bytes += body_.bytes();

    decide();
    if (answer_.delay_ns > 0)
      co_await sleep_until(desk_.worker.executor(), monotonic_ns() + answer_.delay_ns);
    if (desk_.worker.behaviour.stall.is_set()) co_await desk_.worker.wait_for_thaw();
    if (!co_await write_answer()) co_return;
    if (answer_.close) co_return co_await linger();
  }
}

}  // namespace

Task<void> serve_http(HttpDesk& desk, Socket socket) {
  const OpenMark mark(desk.plain.open);
  ++desk.plain.connections;
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  HttpSession<Socket> session(desk, desk.plain, socket);
  co_await session.run();
}

Task<void> serve_https(HttpDesk& desk, TlsStream stream) {
  const OpenMark mark(desk.tls.open);
  ++desk.tls.connections;
  error_code ignored;
  stream.next_layer().set_option(asio::ip::tcp::no_delay(true), ignored);
  if (const auto wait = desk.worker.behaviour.tls_delay_ns; wait > 0) {
    co_await sleep_until(desk.worker.executor(), monotonic_ns() + wait);
  }
  const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kAwait);
  if (error) {
    ++desk.tls.tls_failures;
    co_return;
  }
  HttpSession<TlsStream> session(desk, desk.tls, stream);
  co_await session.run();
}

}  // namespace squall::city
