// One client connection as plugins see it (sq_stream): resolve, connect, TLS, then bytes in both
// directions, pushed to the plugin and never completed from inside one of its calls.
//
//   state        ends with                              next
//   kResolving   addresses / failure / time-out         kConnecting, kEnded
//   kConnecting  one is writable / all addresses failed kHandshaking (TLS), kOpen, kEnded
//   kHandshaking handshake done / failed                kOpen, kEnded
//   kOpen        close(), reset, both sides finished    kEnded
//   kEnded       on_closed delivered from the loop      back into the pool
//
// Reading is level-triggered with one recv per readiness into a buffer that the shard's streams
// share; what the plugin leaves is kept in a borrowed one.  Small answers that are ready together are
// received together, each into a borrowed one, before the first is shown (Reactor::take_ahead).
// Writing tries at once and continues when the kernel says so, at most kTurnBytes per loop turn, so that
// one bulk stream cannot make the shard late.  The member functions stand in stream.cpp and stream_{connect,receive,send}.cpp.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>

#include "net/address_book.hpp"
#include "net/buffer_pool.hpp"
#include "net/connect_race.hpp"
#include "net/environment.hpp"
#include "net/failure.hpp"
#include "net/reactor.hpp"
#include "net/shard_net.hpp"
#include "net/token_bucket.hpp"
#include "net/write_queue.hpp"

namespace squall {

class TlsSession;
struct Plugin;

inline constexpr std::uint64_t kTurnBytes = 1u << 20;
inline constexpr std::size_t kUnconsumedBytesMax = 64u << 20;

/// What one attempt to move bytes gave.
struct Transfer {
  enum Outcome : std::uint8_t { kMoved, kBlocked, kEnd, kFailed } outcome;
  bool wants_other = false;    // kBlocked: TLS must write before it can read, or the reverse
  std::size_t bytes = 0;
  Failure failure;             // kFailed
};

class Stream : public ::sq_stream {
 public:
  struct ConnectOptions {
    std::uint64_t timeout_ns = 0;    // 0: the target's
    std::uint64_t session = 0;
    std::string_view alpn;           // comma-separated
    bool no_delay = false;
    bool is_direct = false;          // write() may answer SQ_DONE
  };

  explicit Stream(ShardNet::Parts& parts);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void connect(const Target& target, const ConnectOptions& options, const sq_stream_events* events,
               void* context) noexcept;
  sq_status write(std::span<const iovec> buffers, void* tag) noexcept;
  sq_status send_file(int fd, std::uint64_t offset, std::uint64_t length, void* tag) noexcept;
  sq_status flush(void* tag) noexcept;
  void pace(std::uint64_t bytes_per_s) noexcept;
  void read_enable(bool on) noexcept;
  void shutdown() noexcept;
  /// By the plugin, or by the shard at its end.
  void close(Failure why = {}) noexcept;
  /// At the shard's end, of a stream that its plugin has left open: a fault, and the plugin hears no more of it.
  void give_up() noexcept;
  /// False, and a fault, when the thread is not the shard's, the stream has had its on_closed, or another plugin's.
  bool may_be_used(const char* function) noexcept;

 private:
  enum State : std::uint8_t { kResolving, kConnecting, kHandshaking, kOpen, kEnded };

  // stream_connect.cpp
  void resolved(const Failure& failure);
  void begin_connecting();
  const Address* next_address();
  void try_next_address();
  int begin_attempt(const Address& address, Failure& failure);
  int open_socket(const Address& address, Failure& failure);
  void attempt_finished(int fd);
  void leave_race();
  void start_tls();
  void continue_handshake();
  void opened();

  // stream_receive.cpp
  bool receive_ahead();
  void keep_ahead();
  void receive();
  void count_received(std::span<const std::uint8_t> data);
  bool deliver(std::size_t fresh, bool is_in_rest);
  Transfer receive_some(void* data, std::size_t size);
  std::span<std::uint8_t> rest_space();
  void keep_rest(const std::uint8_t* data, std::size_t size);
  void release_rest();
  void peer_finished();

  // stream_send.cpp
  sq_status write_directly(std::span<const iovec> buffers, void* tag);
  void send_pending();
  bool send_buffers(std::uint64_t limit);
  bool send_file_range(std::uint64_t limit);
  Transfer send_some(std::span<const iovec> pieces);
  void item_done();
  void finish_sending();
  void check_flushes();
  void send_failed(const Failure& failure);
  std::uint64_t turn_budget() const;
  void count_sent(std::uint64_t bytes);
  std::uint64_t wire_sent() const;

  // stream.cpp
  void ready(int fd, std::uint32_t events);
  void timer_fired();
  void arm_timer();
  void set_interest(std::uint32_t events);
  void end(const Failure& failure);
  void schedule();
  void run_deferred();
  void report_closed();
  bool is_over() const { return state_ == kEnded; }
  TargetCounters& counters() { return *counters_; }

  static bool on_ahead(void* context) noexcept;
  static void on_ready(void* context, int fd, std::uint32_t events) noexcept;
  static void on_timer(TimerNode& node) noexcept;
  static void on_deferred(Deferred& node) noexcept;
  static void on_addresses(AddressWaiter& waiter, const Failure& failure) noexcept;

  friend struct ShardNet::Parts;

  // Embedded nodes lead back to their stream.
  struct Timer : TimerNode { Stream* stream; };
  struct Later : Deferred { Stream* stream; };
  struct Waiter : AddressWaiter { Stream* stream; };

  // What each write and each read touches stands first, side by side: with thousands of streams
  // the memory to be fetched is what they cost.
  ShardNet::Parts& parts_;
  const sq_stream_events* events_ = nullptr;
  void* context_ = nullptr;
  const Plugin* plugin_ = nullptr;       // whose it is
  const Target* target_ = nullptr;
  TargetCounters* counters_ = nullptr;   // the target's
  std::unique_ptr<TlsSession> tls_;
  int fd_ = -1;
  State state_ = kEnded;
  bool is_lent_ = false;             // from connect() to on_closed
  bool is_direct_ = false;
  bool is_reading_ = true;           // read_enable
  bool has_peer_finished_ = false;
  bool has_finished_ = false;        // our side is shut down
  bool is_shutdown_asked_ = false;   // … or will be, after what is queued
  bool is_send_broken_ = false;      // the peer reset; what it sent before is still shown
  bool is_closed_by_plugin_ = false;
  WriteList queue_;                  // not yet in the kernel
  std::size_t rest_begin_ = 0, rest_end_ = 0;   // of rest_: not consumed
  std::uint16_t ahead_bytes_ = 0;    // at the begin of rest_: received, and to be shown by this group
  std::uint8_t small_reads_ = 0;     // in a row
  std::uint64_t budget_turn_ = 0, budget_used_ = 0;
  std::uint64_t wire_sent_ = 0;      // plain connections
  std::uint64_t pace_ns_ = 0;        // when the bucket allows the next slice; 0: not waiting
  TokenBucket bucket_;

  Later later_;
  WriteList written_;                // on_written to be delivered
  WriteList flushing_;               // kFlush items that wait for acknowledgement
  Watch* watch_ = nullptr;
  Buffer rest_;
  bool no_delay_ = false;
  bool is_counted_ = false;          // in target.open_connections()
  bool was_opened_ = false;
  bool read_again_ = false;          // deferred: show the rest, or what TLS holds
  bool show_rest_ = false;
  bool read_wants_write_ = false;    // TLS
  bool is_racing_ = false;           // kConnecting: race_ has the addresses
  bool has_tried_ = false;           // … else: the only address
  std::unique_ptr<ConnectRace> race_;  // made for the first name with several addresses, then kept
  Timer timer_;
  Waiter waiter_;
  Failure failure_;
  std::uint64_t session_ = 0;
  std::string alpn_;
  std::uint64_t flush_ns_ = 0, flush_since_ns_ = 0;
  std::uint64_t phase_start_ns_ = 0, resolve_ns_ = 0, connect_ns_ = 0, tls_ns_ = 0;

  Stream* previous_ = nullptr;       // in the shard's list of live streams, or its free list
  Stream* next_ = nullptr;
};

}  // namespace squall
