// One redisAsyncContext on the shard's loop: what libevent's or libuv's adapter does for hiredis, done by hand over
// squall.fdwatch/1. The library dials an address that the host has resolved and allowed, and its socket is watched with the
// target, so that nothing goes to an address that is not listed. A client connects once; the next attempt is a new one.
#pragma once
#include <hiredis/async.h>

#include <span>
#include <squall/plugin.hpp>
#include <string>

#include "reply.hpp"

/// `detail` is a word that lives as long as the program.
struct Failure {
  uint32_t kind = SQ_K_NONE;
  const char* detail = "";
};

struct ClientEvents {
  virtual void on_connected() = 0;
  /// Of each request, in order; null: the connection has gone, and `why` says how.
  virtual void on_reply(void* request, const redisReply* reply, const Failure& why) = 0;
  /// The last event. The client may be destroyed from inside.
  virtual void on_closed(const Failure& why) = 0;

 protected:
  ~ClientEvents() = default;
};

struct Peer {
  const sq_target* target;
  uint64_t session;
  std::string address;  // a literal
};

class Client {
 public:
  /// Throws Failure when it cannot even begin.
  Client(sq_shard* shard, const Peer& peer, ClientEvents& events);
  /// Closes at once. Every request that is left gets its on_reply, and no on_closed comes.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Behind what was sent before, without waiting for its answers. The bytes of the request; 0: it was not taken.
  uint64_t send(std::span<const char*> words, std::span<const size_t> sizes, void* request);
  /// From inside on_reply: the connection is of no use; on_closed follows.
  void give_up(const Failure& why);

 private:
  static Client& of(const redisAsyncContext* context) { return *static_cast<Client*>(context->data); }
  static void on_ready(void* self, int fd, uint32_t events) SQ_NOEXCEPT;
  static void reply_arrived(redisAsyncContext* context, void* reply, void* request) noexcept;
  void want(uint32_t events);
  void read();
  bool speaks_unasked() const;
  void note_failure();

  ClientEvents& events_;
  sq_shard* shard_;
  const sq_target* target_;
  redisAsyncContext* context_ = nullptr;  // null once the library has freed it
  squall::plugin::Watch watch_;
  uint32_t wanted_ = 0;
  uint64_t unanswered_ = 0;
  bool is_connected_ = false, was_told_ = false;
  Failure failure_;
};
