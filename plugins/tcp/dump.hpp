// tcp.dump: a number of bytes over one or more streams of its own, as fast as they go or at a rate.
// The bytes are positions 0 .. bytes of an endless content (content.hpp), split into one range per
// stream; each stream keeps two writes under way, so memory is constant and the kernel never waits
// for us.  A stream has ended when the peer has closed after our end, or, when it does not within
// the bound, when the kernel's send queue was found empty.
#pragma once
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <vector>

#include "connection.hpp"
#include "content.hpp"

struct XXH64_state_s;

namespace squall::tcp {

constexpr uint32_t kMaxStreams = 64;

struct DumpOrder {
  std::shared_ptr<const Content> content;
  const sq_target* target;
  uint64_t session;
  uint64_t bytes;
  uint32_t streams;
  uint64_t rate_bytes_per_s;  // of all streams together; 0: none
  uint64_t close_wait_ns;
  bool has_checksum;
};

class Dump;

/// One stream's range.  Addresses are given to the host: a lane never moves.
struct Lane {
  Dump* dump = nullptr;
  sq_stream* stream = nullptr;  // nullptr: before connect() and after on_closed()
  uint64_t next = 0, end = 0;   // positions still to be handed to the stream
  uint64_t chunk = 0;           // bytes of one write
  uint32_t in_flight = 0;
  uint64_t write_bytes[2] = {};
  uint32_t buffer_in_use = 0;       // the one of the two that the next write takes
  std::unique_ptr<char[]> buffers;  // two pieces, when a file's bytes must pass through memory
  XXH64_state_s* hash = nullptr;
  bool is_closing = false, is_peer_done = false, is_shut_down = false;
  bool copies = false;  // a file's bytes pass through `buffers`, not by zero-copy sends
  uint64_t empty_ns = 0, peer_closed_ns = 0;  // when it was seen; 0: not yet

  Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane();
  bool has_sent_all() const { return next == end && in_flight == 0; }
};

class Dump : public CallState {
 public:
  Dump(Streams& streams, void (*idle)(void*, Dump*), void* owner);
  Dump(const Dump&) = delete;
  Dump& operator=(const Dump&) = delete;

  /// complete() follows.
  void start(DumpOrder order, sq_call* call);
  void cancel();
  void release();
  void refuse(sq_call* call, std::string why);

  uint64_t size() const { return sent_; }
  double goodput() const;
  std::string_view checksum() const { return checksum_; }
  std::string_view acknowledged() const { return acknowledged_; }

 private:
  static void on_open(void* lane, sq_stream*, const sq_stream_info* info) noexcept;
  static uint64_t on_data(void* lane, sq_stream*, const uint8_t* data, uint64_t length) noexcept;
  static void on_written(void* lane, sq_stream*, void* tag) noexcept;
  static void on_closed(void* lane, sq_stream*, sq_status why, uint32_t kind,
                        sq_str detail) noexcept;
  static void on_timer(void* dump) noexcept;
  static constexpr sq_stream_events kEvents{
      sizeof(sq_stream_events), 0, on_open, on_data, on_written, on_closed};

  uint64_t now() const { return plugin::host.loop->now_ns(streams_.shard); }
  void send_more(Lane& lane);
  sq_status send_next(Lane& lane);
  bool read_file(Lane& lane, char* into, uint64_t size);
  void lane_closed(Lane& lane, uint32_t kind, std::string_view detail);
  void close_lane(Lane& lane);
  void fail(uint32_t outcome, uint32_t kind, std::string_view detail);
  void finish();

  Streams& streams_;
  void (*idle_)(void*, Dump*);
  void* owner_;
  plugin::Timer close_timer_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // grows to the most that were ever needed
  DumpOrder order_{};
  uint32_t open_lanes_ = 0;
  sq_call* call_ = nullptr;  // until complete()
  plugin::PhaseClock phases_;
  bool has_opened_ = false;
  uint64_t opened_ns_ = 0, sent_ = 0, transfer_ns_ = 0;
  uint32_t outcome_ = SQ_OUT_OK, kind_ = SQ_K_NONE;
  std::string detail_, checksum_;
  std::string_view acknowledged_;
};

}  // namespace squall::tcp
