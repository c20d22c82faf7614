// What the sessions of one shard share: scratch memory, the pool of exchanges, the TLS contexts, one
// timer that serves the keep-alive of all libmosquitto clients, and a count of what still has to
// come back (resolutions, paho clients that are closing) before the shard may end.
#pragma once
#include <atomic>
#include <cstdint>
#include <random>
#include <squall/plugin.hpp>
#include <string>
#include <vector>

#include "connect_options.hpp"
#include "delivery.hpp"
#include "exchange.hpp"
#include "tls_contexts.hpp"

namespace squall::mqtt {

/// One `plugins: {mqtt: …}` of a run. Immutable after open(), but for the flag.
struct Instance {
  explicit Instance(std::span<const sq_pair> options);
  ConnectOptions defaults;
  // Named when the plugin opens: the host compiles its plan, and the series with it, after that.
  DeliverySeries delivery_series;
  sq_series* connect_series = nullptr;
  sq_series* resubscribe_series = nullptr;
  /// Some step is an mqtt.expect: messages nobody waits for yet are worth keeping.
  std::atomic<bool> has_expect{false};
};

/// Has a descriptor to look after once a second, whatever else happens.
class Housekept {
 public:
  virtual void keep_house() = 0;  // may destroy the object
  size_t house_index = SIZE_MAX;

 protected:
  ~Housekept() = default;
};

class Shard {
 public:
  Shard(Instance& instance, sq_shard* handle);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  /// Ends with loop.done() and deletes this, when nothing is under way any more.
  void close(sq_done* done);

  Instance& instance() { return instance_; }
  sq_shard* handle() const { return handle_; }
  uint64_t now_ns() const { return plugin::host.loop->now_ns(handle_); }
  ExchangePool& exchanges() { return exchanges_; }
  TlsContexts& tls_contexts() { return tls_contexts_; }
  const DeliverySeries& delivery_series() const { return instance_.delivery_series; }
  sq_series* connect_series() const { return instance_.connect_series; }
  sq_series* resubscribe_series() const { return instance_.resubscribe_series; }
  uint64_t random() { return random_(); }
  /// "sq", the process, the number: at most 23 bytes, which every broker must accept.
  std::string make_client_id();

  /// Scratch for one request; whoever uses it is done before the next one does.
  std::string topic_scratch, payload_scratch;

  void keep(Housekept& one);
  void forget(Housekept& one);

  /// Something that will come back later began, or came back.
  void began() { ++under_way_; }
  void ended();

 private:
  static void tick(void* self) SQ_NOEXCEPT;
  void finish_if_idle();

  Instance& instance_;
  sq_shard* handle_;
  ExchangePool exchanges_;
  TlsContexts tls_contexts_;
  std::mt19937_64 random_;
  std::vector<Housekept*> kept_;
  size_t next_kept_ = 0;
  plugin::Timer house_timer_;
  bool house_timer_armed_ = false;
  size_t under_way_ = 0;
  sq_done* done_ = nullptr;
};

}  // namespace squall::mqtt
