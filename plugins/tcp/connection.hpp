// One session's connection to one target, and the calls that want it, one at a time and in order.
// It is opened by the first that needs it.  A call that fails or is cancelled while it uses the
// connection takes it along, so that no byte of its answer can be credited to the next; nothing is
// ever sent twice.
//
//   current call   | waits for
//   ---------------+--------------------------------------------------------------------------
//   any, no link   | on_open
//   send           | on_written of its last byte
//   request        | that, and the end of the answer's frame
//   close          | the peer's close, kCloseWaitNs at most
//   given up       | on_closed: until then the stream may read the call's buffers
#pragma once
#include <deque>
#include <squall/plugin.hpp>
#include <string>
#include <string_view>

#include "framing.hpp"

namespace squall::tcp {

class Connection;

/// What hangs on a call in flight: an Exchange or a Dump.
struct CallState {
  const bool is_dump;
};

/// What one message call needs from start() to its release.
struct Exchange : CallState {
  Exchange() : CallState{false} {}
  enum class Kind { kConnect, kSend, kRequest, kClose };
  Kind kind = Kind::kConnect;
  sq_call* call = nullptr;
  Connection* connection = nullptr;
  const Framing* framing = nullptr;
  sq_source* payload = nullptr;
  bool adds_prefix = false;
  uint64_t keep_bytes = 0;
  plugin::PhaseClock phases;
  FrameReader reader;
  std::string prefix, detail;

  // Of the call that has the connection.
  bool is_writing = false, needs_prefix = false, is_source_empty = false;
  uint32_t writes_in_flight = 0;
  uint64_t write_bytes[3] = {};

  bool awaits_answer() const { return is_writing && kind == Kind::kRequest; }
  bool is_all_written() const { return is_source_empty && writes_in_flight == 0; }
};

/// What the connections of a shard share.
struct Streams {
  sq_shard* shard;
  uint32_t open_count = 0;              // streams that still owe an on_closed
  void (*all_closed)(void*) = nullptr;  // set when the shard closes
  void* owner = nullptr;

  void closed() {
    if (--open_count == 0 && all_closed) all_closed(owner);
  }
};

/// One stream from connect() to on_closed(); outlives the connection that gave it up.
struct Link {
  Streams* streams;
  Connection* connection;  // nullptr: nobody waits for its end
  sq_stream* stream = nullptr;
  bool is_closing = false;    // by us: only on_closed counts now
  bool peer_is_done = false;  // serves the current call, no other
};

/// Gives the time since the clock's last mark to the phases of a connect; what the host's own
/// measure leaves of it was waiting.
void note_connect(plugin::PhaseClock& phases, sq_call* call, const sq_stream_info& info,
                  uint64_t now_ns);

class Connection {
 public:
  Connection(Streams& streams, const sq_target* target, uint64_t session);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  const sq_target* target() const { return target_; }
  void submit(Exchange* exchange);
  void cancel(Exchange* exchange);

 private:
  static void on_open(void* link, sq_stream*, const sq_stream_info* info) noexcept;
  static uint64_t on_data(void* link, sq_stream*, const uint8_t* data, uint64_t length) noexcept;
  static void on_written(void* link, sq_stream*, void* tag) noexcept;
  static void on_closed(void* link, sq_stream*, sq_status why, uint32_t kind,
                        sq_str detail) noexcept;
  static void on_timer(void* connection) noexcept;
  static constexpr sq_stream_events kEvents{
      sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

  uint64_t now() const { return plugin::host.loop->now_ns(streams_.shard); }
  void begin_next();
  void begin();
  void connect();
  void opened(const sq_stream_info& info);
  void begin_writing();
  void write_more();
  void written();
  uint64_t received(std::string_view bytes);
  void peer_finished();
  void link_closed(bool was_closing, uint32_t kind, std::string_view detail);
  void finish_if_done();
  void finish(uint32_t outcome, uint32_t kind, std::string_view detail = {});
  void give_up(uint32_t outcome, uint32_t kind, std::string_view detail = {});
  void note_end(uint32_t kind);
  void drop_link();

  Streams& streams_;
  const sq_target* target_;
  uint64_t session_;
  Link* link_ = nullptr;
  Exchange* current_ = nullptr;
  std::deque<Exchange*> waiting_;
  bool is_beginning_ = false;
  plugin::Timer close_timer_;
  // How the current call ends once its stream has let go of the call's buffers.
  struct Ending {
    bool is_set = false;
    uint32_t outcome = 0, kind = 0;
    std::string detail;
  } ending_;
};

}  // namespace squall::tcp
