// The socket of one session to one target, and the questions that wait for it.  Datagrams carry no
// sign of what they answer, so one question is asked at a time, and a question that ends unanswered
// takes the socket with it: what arrives late finds nobody, and is never credited to the next one.
// Nothing is sent twice.  A socket whose target's name is still being looked up takes nothing;
// until it does, calls wait in order.
#pragma once
#include <deque>
#include <memory>
#include <squall/plugin.hpp>
#include <string>
#include <vector>

namespace squall::udp {

class Channel;

/// What one call needs from start() to its release.
struct Exchange {
  sq_call* call = nullptr;
  Channel* channel = nullptr;
  sq_source* payload = nullptr;
  sq_buf packet{};       // the payload, once it has been read
  std::string gathered;  // its memory, if it came in pieces
  bool has_packet = false, waits_for_answer = false;
  uint64_t keep_bytes = 0;  // of the answer
  plugin::PhaseClock phases;
  std::string body;
  uint64_t size = 0;
};

/// Why a call failed, in the words of its sample; kind SQ_K_NONE: it did not.
struct Failure {
  uint32_t kind = SQ_K_NONE;
  int32_t code = 0;
  const char* detail = "";
};

class Channel {
 public:
  Channel(sq_shard* shard, const sq_target* target, uint64_t session)
      : shard_(shard), target_(target), session_(session) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() { close_socket(); }

  const sq_target* target() const { return target_; }
  void submit(Exchange* exchange);
  void cancel(Exchange* exchange);

 private:
  enum class Sent { kYes, kNotYet, kFailed };

  static void on_open(void* self, sq_dgram*) noexcept;
  static void on_receive(void* self, sq_dgram*, const sq_buf* packets, uint32_t n) noexcept;
  static void on_error(void* self, sq_dgram*, int32_t error) noexcept;
  static constexpr sq_dgram_events kEvents{sizeof(sq_dgram_events), 0, on_open, on_receive, on_error};

  uint64_t now() const { return plugin::host.loop->now_ns(shard_); }
  void close_socket();
  void send_waiting();
  void answered(const sq_buf& packet);
  void failed(int32_t error);
  void fail(Exchange* exchange, const Failure& failure);
  Sent transmit(Exchange* exchange);
  Failure gather_payload(Exchange* exchange);

  sq_shard* shard_;
  const sq_target* target_;
  uint64_t session_;
  sq_dgram* socket_ = nullptr;
  bool is_opening_ = false;  // on_open comes, or on_error
  Exchange* asked_ = nullptr;
  std::deque<Exchange*> waiting_;
};

}  // namespace squall::udp
