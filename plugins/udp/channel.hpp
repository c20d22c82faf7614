// The socket of one session to one target, and the questions that wait for it.  Datagrams carry no
// sign of what they answer, so one question is asked at a time, and a question that ends unanswered
// takes the socket with it: what arrives late finds nobody, and is never credited to the next one.
// Nothing is sent twice.
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
  bool waits_for_answer = false;
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
  /// `gather` is the shard's buffer for a payload that comes in pieces.
  Channel(sq_shard* shard, const sq_target* target, std::string& gather)
      : shard_(shard), target_(target), gather_(gather) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() { close_socket(); }

  const sq_target* target() const { return target_; }
  void submit(Exchange* exchange);
  void cancel(Exchange* exchange);

 private:
  static void on_receive(void* self, sq_dgram*, const sq_buf* packets, uint32_t n) noexcept;
  static void on_error(void* self, sq_dgram*, int32_t error) noexcept;
  static constexpr sq_dgram_events kEvents{sizeof(sq_dgram_events), 0, on_receive, on_error};

  uint64_t now() const { return plugin::host.loop->now_ns(shard_); }
  void close_socket();
  void ask(Exchange* exchange);
  void ask_next();
  void answered(const sq_buf& packet);
  void fail(Exchange* exchange, const Failure& failure);
  bool transmit(Exchange* exchange);
  Failure gather_payload(sq_source* source, sq_buf* packet);

  sq_shard* shard_;
  const sq_target* target_;
  std::string& gather_;
  sq_dgram* socket_ = nullptr;
  Exchange* asked_ = nullptr;
  std::deque<Exchange*> waiting_;
};

}  // namespace squall::udp
