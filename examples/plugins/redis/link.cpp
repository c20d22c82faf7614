#include "link.hpp"

#include <algorithm>
#include <array>

using namespace squall::plugin;

/// The host cannot take a question back: its answer finds the link gone.
struct Link::Resolution {
  Link* link;
  Shard* shard;
};

namespace {

// A call has its own deadline; this is for a silent address, so that the next one is tried.
constexpr uint64_t kConnectLimitNs = 10'000'000'000;

constexpr std::array kRefused = {"subscribe",  "psubscribe",   "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe",
                                 "monitor",    "pmonitor",     "hello",      "sync",        "psync"};

bool is_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

void end(Exchange* exchange, uint32_t outcome, uint32_t kind, std::string_view detail) {
  exchange->detail = detail;
  complete(std::exchange(exchange->call, nullptr), outcome, kind, 0, exchange->detail);
}

Failure resolve_failure(sq_status status) {
  switch (status) {
    case SQ_E_INVALID: return {SQ_K_OFF_LIST, "target is not listed"};
    case SQ_E_CLOSED: return {SQ_K_CLOSED, "shard ends"};
    case SQ_E_TIMEOUT: return {SQ_K_RESOLVE, "timed out"};
    default: return {SQ_K_RESOLVE, "host not found"};
  }
}

}  // namespace

const char* put_command(const sq_value& command, Shard& shard) {
  const auto items = as_list(command);
  if (items.empty()) return "command is empty";
  shard.words.clear();
  shard.sizes.clear();
  if (shard.texts.size() < items.size()) shard.texts.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    std::string_view word = as_text(items[i]);
    if (items[i].type != SQ_T_STR && items[i].type != SQ_T_BYTES) {
      if (items[i].type == SQ_T_LIST || items[i].type == SQ_T_MAP || items[i].type == SQ_T_NULL)
        return "an argument is neither text nor number";
      shard.texts[i].clear();
      append_text(shard.texts[i], items[i]);
      word = shard.texts[i];
    }
    shard.words.push_back(word.data());
    shard.sizes.push_back(word.size());
  }
  const std::string_view first(shard.words[0], shard.sizes[0]);
  const bool is_refused = std::ranges::any_of(kRefused, [&](const char* word) { return is_word(first, word); });
  if (is_refused) return "this command changes what answers mean: one request has one reply here";
  if (is_word(first, "client") && items.size() > 1 && is_word({shard.words[1], shard.sizes[1]}, "reply"))
    return "CLIENT REPLY takes the answers away that are measured";
  return nullptr;
}

// ---- the shard -----------------------------------------------------------------------------------

Exchange* Shard::take() {
  if (idle_.empty()) {
    all_.push_back(std::make_unique<Exchange>());
    idle_.reserve(all_.size());
    return all_.back().get();
  }
  Exchange* const exchange = idle_.back();
  idle_.pop_back();
  exchange->is_in_flight = exchange->is_released = false;
  exchange->reply.type = REDIS_REPLY_NIL;
  exchange->reply.text.clear();
  exchange->reply.elements.clear();
  return exchange;
}

void Shard::close(sq_done* done) {
  done_ = done;
  end_if_idle();
}

void Shard::resolution_ended() {
  --resolutions_;
  end_if_idle();
}

void Shard::end_if_idle() {
  if (!done_ || resolutions_ > 0) return;
  sq_done* const done = done_;
  delete this;
  host.loop->done(done, SQ_OK, {});
}

// ---- calls ---------------------------------------------------------------------------------------

Link::~Link() {
  if (resolution_) resolution_->link = nullptr;
  client_.reset();  // while the link can still be told of what is left
}

void Link::start(Exchange* exchange) {
  exchange->link = this;
  if (state_ == State::open) return send(exchange);
  waiting_.push_back(exchange);
  if (state_ == State::idle) begin();
}

void Link::send(Exchange* exchange) {
  sq_call* const call = exchange->call;
  if (const char* const fault = put_command(exchange->prepared->args[0].of(exchange->args), shard_))
    return end(exchange, SQ_OUT_FAILED, SQ_K_PROTOCOL, fault);
  const uint64_t bytes = client_->send(shard_.words, shard_.sizes, exchange);
  if (bytes == 0) return end(exchange, SQ_OUT_FAILED, SQ_K_SEND, "not taken");
  exchange->is_in_flight = true;
  exchange->sent_ns = host.loop->now_ns(shard_.handle);
  call->bytes_out = bytes;
  if (std::exchange(was_used_, true)) note(SQ_CN_REUSED);
}

/// What was sent stays so: its reply, when it comes, is nobody's any more.
void Link::cancel(Exchange* exchange) {
  const sq_call* const call = exchange->call;
  if (!call) return;
  if (!exchange->is_in_flight) std::erase(waiting_, exchange);
  const bool is_late = call->deadline_ns && host.loop->now_ns(shard_.handle) >= call->deadline_ns;
  end(exchange, is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED, SQ_K_NONE, {});
}

void Link::on_reply(void* request, const redisReply* reply, const Failure& why) {
  auto* const exchange = static_cast<Exchange*>(request);
  exchange->is_in_flight = false;
  const bool is_error = reply && reply->type == REDIS_REPLY_ERROR;
  const std::string_view text = is_error ? std::string_view(reply->str, reply->len) : std::string_view();
  if (!exchange->prepared) {  // a greeting
    shard_.give_back(exchange);
    if (is_error) {
      refused_ = error_word(text);
      client_->give_up({SQ_K_CONNECT, "refused"});
    } else if (reply && --greetings_ == 0) {
      opened();
    }
    return;
  }
  if (sq_call* const call = exchange->call) {
    if (reply) {
      const uint64_t now_ns = host.loop->recent_ns(shard_.handle);
      call->first_byte_ns = call->end_ns = now_ns;
      call->phase_ns[SQ_PH_WAIT_CONN] = exchange->sent_ns - std::min(exchange->sent_ns, call->start_ns);
      call->phase_ns[SQ_PH_FIRST_BYTE] = now_ns - std::min(now_ns, exchange->sent_ns);
      call->bytes_in = wire_bytes(*reply);
      if (exchange->prepared->outputs) exchange->reply.assign(*reply, exchange->prepared->keep_bytes);
    }
    if (!reply) end(exchange, SQ_OUT_FAILED, why.kind, why.detail);
    else if (is_error && !exchange->prepared->allows_error) end(exchange, SQ_OUT_FAILED, SQ_K_STATUS, error_word(text));
    else end(exchange, SQ_OUT_OK, SQ_K_NONE, {});
  }
  if (exchange->is_released) shard_.give_back(exchange);
}

// ---- the connection ------------------------------------------------------------------------------

void Link::begin() {
  state_ = State::resolving;
  resolution_ = new Resolution{this, &shard_};
  shard_.resolution_began();
  const sq_status status = host.target->resolve(shard_.handle, target_, on_resolved, resolution_);
  if (status == SQ_OK) return;
  delete std::exchange(resolution_, nullptr);
  shard_.resolution_ended();
  state_ = State::idle;
  fail_waiting(resolve_failure(status));
}

void Link::on_resolved(void* context, sq_status status, sq_str addresses) noexcept {
  const std::unique_ptr<Resolution> resolution(static_cast<Resolution*>(context));
  if (Link* const link = resolution->link) {
    link->resolution_ = nullptr;
    link->addresses_ = view(addresses);
    link->dial(status == SQ_OK ? std::nullopt : std::optional(resolve_failure(status)));
  }
  resolution->shard->resolution_ended();
}

/// The next address; `last`: why there is no connection yet, for those who wait if there is no further address.
void Link::dial(std::optional<Failure> last) {
  while (!addresses_.empty() && !waiting_.empty()) {
    const size_t end = std::min(addresses_.find(' '), addresses_.size());
    const std::string address = addresses_.substr(0, end);
    addresses_.erase(0, end + 1);
    try {
      ClientEvents& events = *this;
      client_ = std::make_unique<Client>(shard_.handle, Peer{target_, session_, address}, events);
      if (!connect_limit_) connect_limit_ = Timer(shard_.handle, on_connect_limit, this);
      connect_limit_.set_at(host.loop->now_ns(shard_.handle) + kConnectLimitNs);
      state_ = State::connecting;
      return;
    } catch (const Failure& failure) {
      last = failure;
    } catch (const std::bad_alloc&) {
      last = Failure{SQ_K_LOCAL_RESOURCE, "ENOMEM"};
    }
  }
  state_ = State::idle;
  if (!last) return;  // nobody waits for it any more
  note(SQ_CN_FAILED);
  fail_waiting(*last);
}

void Link::on_connect_limit(void* self) noexcept {
  auto& link = *static_cast<Link*>(self);
  if (link.state_ != State::connecting) return;
  link.client_.reset();
  link.dial(Failure{SQ_K_CONNECT, "timed out"});
}

void Link::on_connected() {
  const Instance& instance = shard_.instance;
  greetings_ = 0;
  refused_.clear();
  if (!instance.user.empty()) greet({"AUTH", instance.user, instance.password});
  else if (!instance.password.empty()) greet({"AUTH", instance.password});
  if (instance.database != 0) greet({"SELECT", std::to_string(instance.database)});
  if (greetings_ == 0) opened();
}

void Link::greet(std::initializer_list<std::string_view> words) {
  shard_.words.clear();
  shard_.sizes.clear();
  for (const std::string_view word : words) {
    shard_.words.push_back(word.data());
    shard_.sizes.push_back(word.size());
  }
  Exchange* const exchange = shard_.take();
  exchange->prepared = nullptr;
  if (client_->send(shard_.words, shard_.sizes, exchange) > 0) ++greetings_;
  else shard_.give_back(exchange);
}

void Link::opened() {
  connect_limit_.disarm();
  state_ = State::open;
  was_used_ = false;
  note(SQ_CN_OPENED);
  while (!waiting_.empty()) {
    Exchange* const exchange = waiting_.front();
    waiting_.pop_front();
    send(exchange);
  }
}

void Link::on_closed(const Failure& why) {
  client_.reset();
  const bool was_open = std::exchange(state_, State::idle) == State::open;
  if (was_open) {
    note(SQ_CN_CLOSED_BY_PEER);
    if (!waiting_.empty()) begin();
    return;
  }
  if (refused_.empty()) return dial(why);
  addresses_.clear();
  note(SQ_CN_FAILED);
  fail_waiting({SQ_K_CONNECT, refused_.c_str()});
}

void Link::fail_waiting(const Failure& why) {
  while (!waiting_.empty()) {
    Exchange* const exchange = waiting_.front();
    waiting_.pop_front();
    end(exchange, SQ_OUT_FAILED, why.kind, why.detail);
  }
}
