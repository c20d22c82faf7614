// See lane.hpp.
#include "lane.hpp"

#include <algorithm>

#include "session.hpp"

namespace squall::http {

using plugin::host;

// ---- the queue
// -----------------------------------------------------------------------------------

void Lane::push(Exchange* exchange) {
  exchange->next = nullptr;
  (last_waiting_ ? last_waiting_->next : first_waiting_) = exchange;
  last_waiting_ = exchange;
  waiting_beside_ += exchange->connections > 1;
}

void Lane::push_front(Exchange* exchange) {
  exchange->next = first_waiting_;
  first_waiting_ = exchange;
  if (!last_waiting_) last_waiting_ = exchange;
  waiting_beside_ += exchange->connections > 1;
}

bool Lane::remove(Exchange* exchange) {
  Exchange* before = nullptr;
  for (Exchange* at = first_waiting_; at; before = at, at = at->next) {
    if (at != exchange) continue;
    (before ? before->next : first_waiting_) = at->next;
    if (last_waiting_ == at) last_waiting_ = before;
    waiting_beside_ -= exchange->connections > 1;
    return true;
  }
  return false;
}

Exchange* Lane::take_next() {
  const size_t open = open_count();
  Exchange* next = first_waiting_;
  if (!idle() && open >= next->connections) {
    // One that waits behind calls which may open nothing takes no connection from them.
    if (next->connections > 1 || waiting_beside_ == 0) return nullptr;
    while (next && open >= next->connections) next = next->next;
  }
  if (next) remove(next);
  return next;
}

void Lane::advance(uint64_t now_ns) {
  // An exchange that fails at once ends in ended(), which comes back here: the flag makes it a
  // loop.
  if (std::exchange(is_advancing_, true)) return;
  while (first_waiting_) {
    Exchange* exchange = take_next();
    if (!exchange) break;
    serve(exchange, now_ns);
  }
  is_advancing_ = false;
}

void Lane::ended(Exchange* exchange) {
  session->conclude(exchange);
  if (first_waiting_) advance(session->shard.now_ns());
}

// ---- the connections
// -----------------------------------------------------------------------------

Connection* Lane::idle() const {
  const auto is_idle = [](const Connection* one) {
    return one && one->state() == Connection::State::kIdle;
  };
  Connection* best = is_idle(first_) ? first_ : nullptr;
  if (!more_) return best;
  for (Connection* one : *more_)
    if (is_idle(one) && (!best || static_cast<int32_t>(one->last_use() - best->last_use()) > 0))
      best = one;
  return best;
}

Connection* Lane::serving(const Exchange& exchange) const {
  if (first_ && first_->serves(exchange)) return first_;
  if (!more_) return nullptr;
  for (Connection* one : *more_)
    if (one->serves(exchange)) return one;
  return nullptr;
}

Connection* Lane::open_connection() {
  Connection* made = session->shard.make_connection(*this);
  if (!first_) return first_ = made;
  if (!more_) more_ = std::make_unique<std::vector<Connection*>>();
  more_->push_back(made);
  return made;
}

void Lane::forget(Connection* connection) {
  if (first_ == connection) {
    first_ = nullptr;
  } else if (more_) {
    std::erase(*more_, connection);
  }
}

void Lane::drop_idle() {
  while (Connection* one = idle()) one->drop();
}

void Lane::close() {
  if (first_) first_->drop();
  while (more_ && !more_->empty()) more_->back()->drop();
}

void Lane::serve(Exchange* exchange, uint64_t now_ns) {
  exchange->enter(SQ_PH_WAIT_CONN, now_ns);
  if (exchange->wants_fresh_connection) drop_idle();
  exchange->wants_fresh_connection = false;
  while (Connection* connection = idle()) {
    if (more_) connection->note_use(++session->shard.uses);
    switch (connection->send(*exchange, now_ns)) {
      case Connection::Sent::kYes:
        host.target->note(session->shard.handle, target, SQ_CN_REUSED);
        return;
      case Connection::Sent::kEnded:
        return;
      case Connection::Sent::kNo:
        connection->drop();  // it was closed before anything was written: another may serve
    }
  }
  Connection* connection = open_connection();
  if (more_) connection->note_use(++session->shard.uses);
  const sq_status status = connection->open(*exchange, now_ns);
  if (status == SQ_OK) return;
  forget(connection);
  session->shard.free_connection(connection);
  exchange->mark(session->shard.now_ns());
  exchange->has_verdict = true;
  if (status == SQ_E_CLOSED)
    exchange->verdict = {SQ_OUT_CANCELLED, SQ_K_NONE, "stopping"};
  else if (status == SQ_E_LIMIT || status == SQ_E_NOMEM)
    exchange->verdict = Verdict::failed(SQ_K_LOCAL_RESOURCE, "connections");
  else
    exchange->verdict = Verdict::failed(SQ_K_CONNECT, "refused by the host");
  ended(exchange);
}

}  // namespace squall::http
