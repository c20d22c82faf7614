// One connection to a target over a host stream: sends one exchange's request, parses its answer,
// then waits for the next.  Never pipelines, never sends a request twice, and closes whenever it is
// in doubt, so that a late or stray byte can be credited to no other request.
//
//   state       event                         next
//   kOpening    on_open                       kBusy (its exchange's request is written)
//   kBusy       answer complete, reusable     kIdle
//   kBusy       anything else that ends it    kClosing (the exchange ends now, or at on_closed
//   while
//                                             the host still holds its buffers)
//   kIdle       send()                        kBusy
//   kIdle       bytes, end of stream          kClosing
//   any         on_closed                     freed
#pragma once
#include <optional>
#include <squall/plugin.hpp>

#include "response_parser.hpp"

namespace squall::http {

class Shard;

class Connection {
 public:
  enum class State { kOpening, kIdle, kBusy, kClosing };

  Connection(Shard& shard, Lane& lane) : shard_(shard), lane_(&lane) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Begins to connect for this exchange.  SQ_OK: on_open or on_closed follows.
  sq_status open(Exchange& exchange, uint64_t now_ns);
  enum class Sent {
    kYes,
    kEnded,  // the exchange is over already, and no longer to be looked at
    kNo      // the stream turned out to be closed already: another connection may serve it
  };
  /// Writes the request of an exchange on an idle connection.
  Sent send(Exchange& exchange, uint64_t now_ns);
  /// Ends the exchange that is being served: its verdict is final, the connection is closed.
  void abort(Verdict verdict);
  /// Lets go of the lane and closes; frees itself at on_closed.
  void drop();
  State state() const { return state_; }
  bool serves(const Exchange& exchange) const { return exchange_ == &exchange; }
  /// The lane's: which of several was used last.
  uint32_t last_use() const { return last_use_; }
  void note_use(uint32_t number) { last_use_ = number; }

  static const sq_stream_events kEvents;

 private:
  static constexpr uint64_t kPieceBytes = 256 * 1024;  // of a source at a time; larger is no faster
  static constexpr int kMaxInformational = 16;

  void on_open(const sq_stream_info& info);
  uint64_t on_data(const char* data, size_t size);
  void on_written(Exchange::Write& write);
  void on_closed(sq_status why, uint32_t kind, std::string_view detail);

  bool begin_request(Exchange& exchange);
  void pump();
  bool write_piece(Exchange::Write& write);
  enum class Piece { kNone, kMemory, kFile, kError };
  Piece next_piece(sq_chunk* out);
  ResponseParser& parser(uint64_t now_ns);
  bool take_known_answer(std::string_view answer, uint64_t now_ns);
  void answer_complete(bool has_stray_bytes, bool keeps_alive, uint64_t now_ns);
  void note_garbage(const char* data, size_t size);
  void close_stream();
  void detach();

  Shard& shard_;
  Lane* lane_;  // null once dropped
  sq_stream* stream_ = nullptr;
  Exchange* exchange_ = nullptr;
  sq_call* call_ = nullptr;  // of the last exchange, to be fetched beside it
  State state_ = State::kOpening;
  bool got_first_byte_ = false;
  int informational_ = 0;
  uint32_t last_use_ = 0;
  std::optional<ResponseParser> parser_;  // made with the first byte of an answer
};

}  // namespace squall::http
