// See session.hpp.
#include "session.hpp"

#include <new>

#include "operations.hpp"
#include "page.hpp"
#include "url.hpp"

namespace squall::http {

using plugin::host;

// ---- Shard
// ---------------------------------------------------------------------------------------

Shard::~Shard() {
  for (void* memory : connections_) ::operator delete(memory);
}

void Shard::close(sq_done* done) {
  done_ = done;
  if (live_connections_ > 0) return;
  host.loop->done(done, SQ_OK, {});
  delete this;
}

Connection* Shard::make_connection(Lane& lane) {
  void* memory = nullptr;
  if (connections_.empty()) {
    memory = ::operator new(sizeof(Connection));
  } else {
    memory = connections_.back();
    connections_.pop_back();
  }
  ++live_connections_;
  return new (memory) Connection(*this, lane);
}

void Shard::free_connection(Connection* connection) {
  connection->~Connection();
  if (connections_.size() < Pool<Connection>::kMost)
    connections_.push_back(connection);
  else
    ::operator delete(connection);
  if (--live_connections_ > 0 || !done_) return;
  host.loop->done(done_, SQ_OK, {});
  delete this;
}

bool Shard::may_log_garbage(uint64_t now_ns) {
  if (now_ns < next_garbage_log_ns_) return false;
  next_garbage_log_ns_ = now_ns + 10'000'000'000;
  return true;
}

// ---- Session
// -------------------------------------------------------------------------------------

Session::~Session() {
  for (Lane& lane : lanes_) lane.close();
}

Lane& Session::lane(const sq_target* target) {
  for (Lane& lane : lanes_)
    if (lane.target == target) return lane;
  return lanes_.emplace_back(*this, target);
}

void Session::start(const Prepared& prepared, const sq_value* args, sq_call* call) {
  Exchange* exchange = shard.exchanges.take();
  call->plugin_data = exchange;
  exchange->call = call;
  exchange->prepared = &prepared;
  exchange->args = args;
  exchange->clock.begin(call);
  exchange->redirects_left = prepared.redirects;
  exchange->wants_fresh_connection = prepared.fresh_connection;
  if (plugin::is_beside(call)) exchange->connections = prepared.instance.connections;
  exchange->hop.target = prepared.args.target(args);
  exchange->hop.method = prepared.method(args);
  if (!exchange->hop.target) {
    exchange->verdict = Verdict::failed(SQ_K_PLUGIN, "to is no target");
    return complete(exchange);
  }
  exchange->hop.info = host.target->info(exchange->hop.target);
  exchange->lane = &lane(exchange->hop.target);
  exchange->lane->push(exchange);
  exchange->lane->advance(call->start_ns);
}

void Session::cancel(sq_call* call) {
  auto* exchange = static_cast<Exchange*>(call->plugin_data);
  if (!exchange) return;
  if (exchange->has_verdict && !exchange->page) return;  // complete() has come, or is coming
  const uint64_t now = shard.now_ns();
  static constexpr std::string_view kWhere[] = {
      "waiting for a connection", "resolve", "connect", "tls", "send", "first byte", "receive"};
  const bool is_late = call->deadline_ns && now >= call->deadline_ns;
  Verdict verdict{is_late ? uint32_t{SQ_OUT_TIMEOUT} : uint32_t{SQ_OUT_CANCELLED}, SQ_K_NONE,
                  kWhere[exchange->phase]};
  if (!exchange->page) return stop(*exchange, verdict);
  verdict.detail = "assets";
  exchange->page->cancel(verdict);
}

void Session::stop(Exchange& exchange, Verdict verdict) {
  if (Connection* serving = exchange.lane->serving(exchange)) return serving->abort(verdict);
  exchange.lane->remove(&exchange);
  exchange.mark(shard.now_ns());
  exchange.has_verdict = true;
  exchange.verdict = verdict;
  complete(&exchange);
}

void Session::conclude(Exchange* exchange) {
  if (exchange->verdict.outcome == SQ_OUT_OK && follow_redirect(exchange)) return;
  if (exchange->prepared->page && Page::is_good(*exchange))
    return shard.pages.take()->begin(*this, *exchange);
  complete(exchange);
}

bool Session::follow_redirect(Exchange* exchange) {
  const int status = exchange->status;
  const bool is_redirect =
      status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  if (!is_redirect || exchange->prepared->redirects == 0 || exchange->spare().location.empty())
    return false;
  const auto fail = [&](uint32_t kind, std::string_view detail) {
    exchange->verdict = Verdict::failed(kind, detail);
    return false;
  };
  if (exchange->redirects_left-- == 0) return fail(SQ_K_LIMIT, "redirects");
  std::string origin;
  append_origin(origin, *exchange->hop.info);
  const std::string url =
      resolve_reference(origin, path_of(exchange->effective_url()), exchange->spare().location);
  const sq_target* target = url.empty() ? nullptr : host.target->match(plugin::str(url));
  if (!target) return fail(SQ_K_OFF_LIST, "redirect");

  Hop& hop = exchange->hop;
  const bool becomes_get = (status == 303 && hop.method != "HEAD") ||
                           ((status == 301 || status == 302) && hop.method == "POST");
  if (becomes_get) {
    hop.method = "GET";
    hop.sends_body = false;
  }
  if (hop.sends_body && exchange->body) {
    for (const BodyPart& part : exchange->body->parts)
      if (part.kind == BodyPart::Kind::kSource && host.source->rewind(part.source) != SQ_OK)
        return fail(SQ_K_PLUGIN, "payload cannot be sent again");
  }
  if (target != hop.target) hop.sends_credentials = false;
  hop.target = target;
  hop.info = host.target->info(target);
  hop.is_first = false;
  exchange->spare().hop_path = path_of(url);
  hop.path = exchange->spare().hop_path;
  exchange->spare().url.clear();
  exchange->reset_answer();
  exchange->has_verdict = false;
  exchange->verdict = {};
  exchange->phase = SQ_PH_WAIT_CONN;
  exchange->call->first_byte_ns = 0;
  exchange->lane = &lane(target);
  exchange->lane->push_front(exchange);
  exchange->lane->advance(shard.now_ns());
  return true;
}

void Session::complete(Exchange* exchange) {
  if (exchange->asset) return exchange->asset->page->asset_ended(*exchange);
  sq_call* call = exchange->call;
  exchange->has_verdict = true;
  exchange->lane = nullptr;
  if (exchange->prepared->wants_url) exchange->effective_url();  // args end with complete()
  if (exchange->clock.last_ns > call->start_ns) call->end_ns = exchange->clock.last_ns;
  plugin::complete(call, exchange->verdict.outcome, exchange->verdict.kind, exchange->status,
                   exchange->verdict.detail);
}

sq_status Session::output(const sq_call* call, uint32_t index, std::string_view key,
                          sq_value* out) {
  auto* exchange = static_cast<Exchange*>(call->plugin_data);
  if (!exchange) return SQ_E_STATE;
  const Page* page = exchange->page;
  const auto count = [](uint64_t n) { return plugin::int_value(static_cast<int64_t>(n)); };
  switch (index) {
    case kOutStatus:
      *out = plugin::int_value(exchange->status);
      return SQ_OK;
    case kOutBody:
      *out = plugin::bytes_value(exchange->spare().body_text);
      return SQ_OK;
    case kOutSize:
      *out = count(exchange->body_bytes + (page ? page->body_bytes() : 0));
      return SQ_OK;
    case kOutUrl:
      *out = plugin::text_value(exchange->spare().url);
      return SQ_OK;
    case kOutHeader:
      *out = plugin::text_value(exchange->find_header(key));
      return SQ_OK;
    case kOutAssets:
      *out = count(page ? page->fetched() : 0);
      return SQ_OK;
    case kOutLeftOut:
      *out = count(page ? page->left_out() : 0);
      return SQ_OK;
    default:
      return SQ_E_INVALID;
  }
}

void Session::release(sq_call* call) {
  auto* exchange = static_cast<Exchange*>(std::exchange(call->plugin_data, nullptr));
  if (!exchange) return;
  if (exchange->page) shard.pages.give_back(exchange->page);
  shard.exchanges.give_back(exchange);
}

}  // namespace squall::http
