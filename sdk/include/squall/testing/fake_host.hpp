// A host inside a test: a virtual clock, scripted streams, datagrams and payloads, posts, and descriptors over real
// poll(). A protocol's table is driven through it without sockets, threads or sleeps, and every broken rule of the ABI
// (a call completed twice, a stream left open) fails the test. It does not measure, retry or resolve anything: what
// happens is what the test says. Needs the C++ library and dlopen() only; SQUALL_PLUGIN_DIR, a text, is the folder of
// the plugin (CMake's squall_add_plugin_test() defines it).
//
//   using namespace squall::fake;
//   Host host;                                                  // one at a time
//   Protocol http(host, "http");                                // loads libhttp.so (or a path), opens instance and shard
//   const sq_target* site = host.add_target("site", "http://127.0.0.1:8080");
//   Prepared get = http.prepare("get", http.bind("get").to(site).text("path", "/x"));   // a step of a scenario
//   Session user(http, 1);
//   Call& call = user.start(get);
//   host.run();                                                 // all that is due now
//   host.stream(0).feed("HTTP/1.1 200 OK\r\n…");               // the test is the server
//   host.run();
//   check_equal(call.ending(), "ok");  check_equal(call.code, 200);  check_equal(call.text("body"), "…");
//
// Compiled tasks have users instead of sessions: fake_host_tasks.hpp says how.
// Read on in fake_host_tables.hpp: it is what a plugin sees, and shorter than the real one.
#pragma once
#include <dlfcn.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <squall/plugin.hpp>
#include <squall/testing/check.hpp>
#include <squall/testing/done.hpp>
#include <squall/testing/lent_memory.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#ifndef SQUALL_PLUGIN_DIR
#error "define SQUALL_PLUGIN_DIR as the folder of the plugin: squall_add_plugin_test() of squall-sdk does"
#endif

namespace squall::fake {
class Host;
class Protocol;
/// Whether plugin code is running, so that a test can count what it allocates and not what this
/// host does.
inline thread_local bool in_plugin = false;
struct Scope {
  explicit Scope(bool plugin_runs) : was(std::exchange(in_plugin, plugin_runs)) {}
  ~Scope() { in_plugin = was; }
  bool was;
};
inline Host* the_host = nullptr;  // tables carry no context everywhere; one host lives at a time
}  // namespace squall::fake

// ---- the opaque handles of abi.h, as this host sees them ----------------------------------------

struct sq_shard {
  uint32_t index = 0;
};
struct sq_timer {
  void (*fn)(void*) SQ_NOEXCEPT;
  void* ctx;
  uint64_t at_ns = 0;
  bool is_freed = false;  // it is kept then: a plugin that goes on using it is told so
};
struct sq_watch {
  int fd;
  uint32_t events;
  void (*fn)(void*, int, uint32_t) SQ_NOEXCEPT;
  void* ctx;
  const sq_target* peer;
  bool is_ended = false;
};
struct sq_target {
  sq_target_info info{};
  sq_tls_info tls{};
  std::string name, scheme, host, path, url, resolves_to;
  sq_status resolve_status = SQ_OK;
  mutable uint64_t noted[4] = {};  // by SQ_CN_*
};
/// A body: text in memory, or a range of a file (fd >= 0).
struct sq_source {
  std::string text;
  int fd = -1;
  uint64_t file_size = 0, at = 0;
  bool size_known = true;
  uint64_t declared_more = 0;     // size() says so many bytes more than there are
  sq_status next_status = SQ_OK;  // what next() returns
  uint64_t piece = UINT64_MAX;    // at most so many bytes a chunk, beside the asker's own limit
  int rewinds = 0;
  uint64_t size() const { return fd >= 0 ? file_size : text.size(); }
};
struct sq_series {
  std::string operation, name;
};

/// A scripted stream.  The test is the server: reads `sent`, calls feed(), finish(), reset().
struct sq_stream {
  // What the plugin did.
  const sq_target* target = nullptr;
  uint64_t session = 0, pace_bytes_per_s = 0, connect_timeout_ns = 0;
  std::string alpn;
  std::string sent;  // all bytes that "the kernel" took, file ranges included
  uint64_t writes = 0, file_bytes = 0, sent_bytes = 0;
  bool shut_down = false, close_called = false, reading = true;
  // What the test may set before it happens.
  bool hold_writes = false;  // writes stay pending; see release_writes()
  bool keep_sent = true;     // false: what was written is counted, and neither read nor kept
  uint64_t takes_bytes = UINT64_MAX;  // after so many bytes "the network" is full: writes stay pending
  // State.
  bool is_open = false, is_closed = false, peer_finished = false;

  void feed(std::string_view bytes);
  void finish();  // FIN from the peer, after what was fed
  void end(sq_status why, uint32_t kind, std::string_view detail);  // the connection is gone
  void reset() { end(SQ_E_CLOSED, SQ_K_CLOSED, "reset"); }
  void release_writes();  // lets held writes go and holds no more
  std::string take_sent() { return std::exchange(sent, {}); }

  // Internal.
  struct Write {
    std::vector<sq_buf> bufs;
    int fd = -1;
    uint64_t offset = 0, length = 0;
    void* tag = nullptr;
    bool is_flush = false;
  };
  const sq_stream_events* events = nullptr;
  void* ctx = nullptr;
  std::string unread;
  bool finish_pending = false, delivery_queued = false;
  std::deque<Write> pending;
  std::string info_alpn, info_peer = "127.0.0.1:1";
};

struct sq_dgram {
  const sq_target* target = nullptr;
  const sq_dgram_events* events = nullptr;
  void* ctx = nullptr;
  uint64_t session = 0;
  std::vector<std::string> sent;
  int32_t send_limit = INT32_MAX;  // how many packets the next send() takes
  bool is_open = false, is_closed = false;
  void receive(std::vector<std::string> packets);
  void error(int32_t sys_errno);
};

namespace squall::fake {

using plugin::str;
using plugin::view;

/// What a connect() meets; the test may change `host.network` at any moment.
struct Network {
  bool open = true;  // false: fails with the three below
  sq_status why = SQ_E_IO;
  uint32_t kind = SQ_K_CONNECT;
  std::string detail = "refused";
  sq_status refuse_now = SQ_OK;  // connect() itself returns this
  uint64_t resolve_ns = 0, connect_ns = 0, tls_ns = 0;
  bool hold_writes = false, keep_sent = true;
  uint64_t takes_bytes = UINT64_MAX;   // of a stream
  int32_t dgram_send_limit = INT32_MAX;  // of datagram sockets opened from now on
};

struct Count {  // one squall.samples/1 record or count
  sq_series* series;
  uint64_t session, due_ns, end_ns;
  uint32_t outcome, kind;
  uint64_t bytes, n;
};

class Host {
 public:
  Host();
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  std::atomic<uint64_t> now_ns = 1'000'000'000;  // a library's threads may ask for it
  Network network;
  sq_shard shard;
  const std::thread::id thread = std::this_thread::get_id();  // the shard's
  /// Called after each write of a stream reached it: a server in a lambda.
  std::function<void(sq_stream&)> serve;
  std::vector<Count> samples;
  std::multiset<uint64_t> sessions;  // that are open
  std::vector<std::string> log_lines;

  const sq_target* add_target(std::string name, std::string url);
  const std::list<sq_target>& targets() const { return targets_; }
  sq_target* mutable_target(const sq_target* target) { return const_cast<sq_target*>(target); }
  /// Everything that is due now, until nothing is: opens, data, completions, posts, timers.
  void run();
  /// Moves the clock, running what falls due on the way in order.
  void advance(uint64_t ns);
  /// Runs the next thing that is due, now or at any time to come; false: there is nothing.
  bool step() { return run_one(UINT64_MAX); }
  /// Waits on watched descriptors with real poll(), then runs; false: nothing became ready.
  bool poll_once(int timeout_ms);
  /// Polls until `done` says so; fails the test after `limit_ms` of real time without progress.
  bool poll_until(const std::function<bool()>& done, int limit_ms = 10'000);

  size_t stream_count() const { return streams_.size(); }
  sq_stream& stream(size_t index) { return *streams_.at(index); }
  sq_stream& last_stream() { return *streams_.back(); }
  size_t open_streams() const;
  size_t dgram_count() const { return dgrams_.size(); }
  sq_dgram& dgram(size_t index) { return *dgrams_.at(index); }
  size_t timer_count() const { return timers_.size(); }
  size_t watch_count() const { return watches_.size(); }
  sq_source* make_source(std::string text);
  sq_source* make_file_source(int fd, uint64_t size);

  void later(std::function<void()> what, uint64_t after_ns = 0) {
    events_.emplace(std::pair(now_ns + after_ns, order_++), std::move(what));
  }
  void deliver(sq_stream* stream);
  void push_writes(sq_stream* stream);

  static const sq_host& root();
  static const sq_users_api* users();
  static const sq_records_api* records();

 private:
  friend struct Tables;
  bool run_one(uint64_t limit_ns);
  /// From the living to those that are over; true: it was among the living.
  template <class T>
  static bool retire(std::list<T>& living, std::list<T>& over, const T* handle) {
    const auto found = std::find_if(living.begin(), living.end(), [&](const T& one) { return &one == handle; });
    if (found != living.end()) over.splice(over.end(), living, found);
    return found != living.end();
  }
  std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> events_;
  uint64_t order_ = 0;
  std::mutex posts_mutex_;  // post() comes from any thread
  std::deque<sq_post*> posts_;
  std::vector<std::unique_ptr<sq_stream>> streams_;
  std::vector<std::unique_ptr<sq_dgram>> dgrams_;
  std::list<sq_timer> timers_, freed_timers_;
  std::list<sq_watch> watches_, ended_watches_;
  std::list<sq_target> targets_;
  std::list<sq_source> sources_;
};

/// One sq_call of this host.
struct Call : sq_call {
  bool completed = false, released = false;
  int completions = 0;
  uint64_t completed_at_ns = 0, progress_out = 0, progress_in = 0;
  Protocol* protocol = nullptr;
  void* session = nullptr;
  uint32_t op = 0;
  const sq_value* args = nullptr;  // lent to the plugin until it has completed
  lent::Memory lent{};

  uint64_t phases() const;
  /// Output by name, or an empty view; `key` for map-like ones.
  std::string text(std::string_view output, std::string_view key = {});
  int64_t number(std::string_view output, std::string_view key = {});
  sq_status output(std::string_view output, std::string_view key, sq_value* out);
  std::string_view detail_text() const { return view(detail); }
  /// In words: "ok", "failed: closed, eof" (kind and detail), "timeout", "cancelled"; "running" before it has ended.
  std::string ending() const;
};

/// Bindings by parameter name; what they refer to is kept here.
class Bindings {
 public:
  explicit Bindings(const sq_op& op) : op_(op) {}
  Bindings& to(const sq_target* target) {
    sq_value value = plugin::make_value(SQ_T_TARGET);
    value.u.target = target;
    list_.push_back({SQ_PARAM_TO, -1, value});
    return *this;
  }
  Bindings& to_slot(int32_t slot) {
    list_.push_back({SQ_PARAM_TO, slot, {}});
    return *this;
  }
  Bindings& set(std::string_view name, const sq_value& value) {
    list_.push_back({index(name), -1, store_->copy(value)});
    return *this;
  }
  Bindings& slot(std::string_view name, int32_t slot) {
    list_.push_back({index(name), slot, {}});
    return *this;
  }
  Bindings& text(std::string_view name, std::string_view value) {
    return set(name, plugin::text_value(value));
  }
  Bindings& bytes(std::string_view name, std::string_view value) {
    return set(name, plugin::bytes_value(value));
  }
  Bindings& number(std::string_view name, int64_t value) {
    return set(name, plugin::int_value(value));
  }
  Bindings& truth(std::string_view name, bool value) {
    return set(name, plugin::bool_value(value));
  }
  Bindings& duration(std::string_view name, int64_t ns) {
    return set(name, plugin::duration_value(ns));
  }
  /// A map of texts.
  Bindings& map(std::string_view name,
                const std::vector<std::pair<std::string, std::string>>& pairs);
  Bindings& list(std::string_view name, const std::vector<sq_value>& items);
  Bindings& source(std::string_view name, sq_source* source) {
    sq_value value = plugin::make_value(SQ_T_SOURCE);
    value.u.source = source;
    return set(name, value);
  }
  std::span<const sq_binding> view() const { return list_; }

 private:
  uint32_t index(std::string_view name) const;
  const sq_op& op_;
  std::vector<sq_binding> list_;
  // Shared, because a builder that is returned by value is copied and its views must live on.
  std::shared_ptr<plugin::ValueStore> store_ =
      std::make_shared<plugin::ValueStore>();
};

struct Prepared {
  void* handle = nullptr;
  uint32_t op = 0;
};

/// A loaded plugin's protocol with one instance and one shard.
class Protocol {
 public:
  using Options = std::vector<std::pair<std::string, sq_value>>;
  Protocol(Host& host, const std::string& plugin, const Options& options = {});
  ~Protocol();
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;

  Host& host;
  const sq_protocol* table = nullptr;
  void* instance = nullptr;
  void* shard = nullptr;

  const sq_op& op(std::string_view name) const { return *table->ops[op_index(name)]; }
  uint32_t op_index(std::string_view name) const;
  uint32_t output_index(uint32_t op, std::string_view name) const;
  /// Wants every output, and bodies up to keep_bytes, unless told otherwise.
  Prepared prepare(std::string_view op, const Bindings& bindings, uint64_t outputs = UINT64_MAX,
                   uint64_t keep_bytes = 1 << 20);
  /// The text that prepare() refuses with; empty when it accepts.
  std::string refusal(std::string_view op, const Bindings& bindings);
  Bindings bind(std::string_view op_name) const { return Bindings(op(op_name)); }
  /// One that the test has prepared by itself: unprepared when this ends.
  void adopt(const Prepared& prepared) {
    if (prepared.handle) prepared_.push_back(prepared.handle);
  }
  static const sq_plugin* load(const std::string& plugin);

 private:
  std::vector<void*> prepared_;
};

/// One session; releases what the test did not.
class Session {
 public:
  Session(Protocol& protocol, uint64_t id);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Of the calls that start from now on; 0: none. When it is over the host cancels the call, as the real one does.
  uint64_t timeout_ns = 0;
  /// `struct_size`: what an older host says, whose calls end earlier.
  Call& start(const Prepared& prepared, std::vector<sq_value> args = {}, uint32_t flags = 0,
              size_t struct_size = sizeof(sq_call));
  void cancel(Call& call) { protocol.table->cancel(handle, &call); }
  void release(Call& call);
  /// As ~Session: cancels and releases what is left, then closes.
  void close();
  Protocol& protocol;
  const uint64_t id;
  void* handle = nullptr;

 private:
  std::list<Call> calls_;
  std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);  // deadlines may come later than the end
};

}  // namespace squall::fake

#include "fake_host_tables.hpp"
#include "fake_host_queue.hpp"
#include "fake_host_protocol.hpp"
#include "fake_host_tasks.hpp"
