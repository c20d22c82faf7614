// A shard's pools and a virtual user's session: one lane per target, each with its connections and
// a queue of calls, and the user's cookies.  Decides which connection serves a call, follows
// redirects, and turns verdicts into completed calls.
#pragma once
#include <list>
#include <memory>
#include <squall/plugin.hpp>
#include <vector>

#include "connection.hpp"
#include "known_assets.hpp"
#include "known_heads.hpp"
#include "lane.hpp"
#include "page.hpp"
#include "pool.hpp"

namespace squall::http {

class Shard {
 public:
  Shard(const Instance& owner, sq_shard* shard) : instance(owner), handle(shard) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  /// Ends with loop.done() once the last connection is gone; then the shard is deleted.
  void close(sq_done* done);
  uint64_t now_ns() const { return plugin::host.loop->now_ns(handle); }
  /// When the event that is being handled was taken up.
  uint64_t recent_ns() const { return plugin::host.loop->recent_ns(handle); }

  Connection* make_connection(Lane& lane);
  void free_connection(Connection* connection);
  /// True at most once in ten seconds, so that a hostile target cannot flood the log.
  bool may_log_garbage(uint64_t now_ns);

  const Instance& instance;
  sq_shard* const handle;
  KnownHeads known_heads;
  KnownAssets known_assets;
  Pool<Exchange> exchanges;
  Pool<Page> pages;
  uint32_t uses = 0;  // of connections that have others beside them, in their order

 private:
  std::vector<void*> connections_;  // raw memory of sizeof(Connection)
  size_t live_connections_ = 0;
  sq_done* done_ = nullptr;
  uint64_t next_garbage_log_ns_ = 0;
};

class Session {
 public:
  Session(Shard& shard, uint64_t id) : shard(shard), id(id) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  void start(const Prepared& prepared, const sq_value* args, sq_call* call);
  void cancel(sq_call* call);
  sq_status output(const sq_call* call, uint32_t index, std::string_view key, sq_value* out);
  void release(sq_call* call);

  Lane& lane(const sq_target* target);
  std::unique_ptr<CookieJar>& jar() { return jar_; }  // empty until the first cookie
  /// Completes the call, or goes on with the redirect or the assets that its answer asks for.
  void conclude(Exchange* exchange);
  /// Ends an exchange that waits or is being served.
  void stop(Exchange& exchange, Verdict verdict);
  /// Tells whoever waits for the exchange, the host or its page, that it is over.
  void complete(Exchange* exchange);

  Shard& shard;
  const uint64_t id;

 private:
  bool follow_redirect(Exchange* exchange);
  std::list<Lane> lanes_;  // a user speaks to few targets
  std::unique_ptr<CookieJar> jar_;
};

}  // namespace squall::http
