// The connection of one session to one target, and its calls: they go out one behind the other without waiting
// (pipelining), and their answers come in that order. It opens when a call needs it and opens again when it was lost.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

/// Of the run: `plugins: { redis: { … } }`.
struct Instance {
  explicit Instance(std::span<const sq_pair> options);
  std::string user, password;
  int64_t database = 0;
};

struct Prepared {  // one step of a scenario, compiled once and read by every shard
  Prepared(Instance&, uint32_t op, std::span<const sq_binding> bindings, const sq_wants& wants);
  squall::plugin::Args args;
  uint64_t outputs, keep_bytes;
  bool allows_error;
};

class Link;

struct Exchange {  // one call, from start() to release() and to its reply, whichever is later
  sq_call* call = nullptr;  // null once it has ended
  Link* link = nullptr;
  const Prepared* prepared = nullptr;  // null: of the link itself, for AUTH and SELECT
  const sq_value* args = nullptr;
  uint64_t sent_ns = 0;
  bool is_in_flight = false, is_released = false;
  Reply reply;
  std::string detail;
};

class Shard {  // one thread; exchanges are used again
 public:
  Shard(Instance& instance, sq_shard* handle) : instance(instance), handle(handle) {}
  /// Ends with loop.done() when no resolution is under way any more.
  void close(sq_done* done);
  Exchange* take();
  void give_back(Exchange* exchange) { idle_.push_back(exchange); }
  void resolution_began() { ++resolutions_; }
  void resolution_ended();

  Instance& instance;
  sq_shard* handle;
  std::vector<const char*> words;  // scratch for one request
  std::vector<size_t> sizes;
  std::vector<std::string> texts;  // of arguments that are no text

 private:
  void end_if_idle();
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> idle_;
  size_t resolutions_ = 0;
  sq_done* done_ = nullptr;
};

class Link final : private ClientEvents {
 public:
  Link(Shard& shard, uint64_t session, const sq_target* target) : shard_(shard), session_(session), target_(target) {}
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const sq_target* target() const { return target_; }
  void start(Exchange* exchange);
  void cancel(Exchange* exchange);

 private:
  enum class State : uint8_t { idle, resolving, connecting, open };
  struct Resolution;

  void begin();
  static void on_resolved(void* resolution, sq_status status, sq_str addresses) SQ_NOEXCEPT;
  void dial(std::optional<Failure> last);
  static void on_connect_limit(void* self) SQ_NOEXCEPT;
  void greet(std::initializer_list<std::string_view> words);
  void opened();
  void send(Exchange* exchange);
  void fail_waiting(const Failure& why);
  void note(uint32_t what) { squall::plugin::host.target->note(shard_.handle, target_, what); }

  void on_connected() override;
  void on_reply(void* request, const redisReply* reply, const Failure& why) override;
  void on_closed(const Failure& why) override;

  Shard& shard_;
  uint64_t session_;
  const sq_target* target_;
  State state_ = State::idle;
  bool was_used_ = false;
  int greetings_ = 0;           // AUTH and SELECT that are not answered yet
  std::string addresses_;       // not tried yet, with blanks between
  std::string refused_;         // the word with which the server refused a greeting, for those who waited
  std::deque<Exchange*> waiting_;
  std::unique_ptr<Client> client_;
  squall::plugin::Timer connect_limit_;
  Resolution* resolution_ = nullptr;
};

/// Puts the words of a command into the shard's scratch. What is wrong with them, or null.
const char* put_command(const sq_value& command, Shard& shard);
