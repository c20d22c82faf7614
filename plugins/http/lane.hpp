// A session's way to one target: its connections, and the calls that wait for one.  There is one
// connection, unless calls are made side by side: then as many as those may have, and what is open
// stays open for later calls.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "exchange.hpp"

namespace squall::http {

class Connection;
class Session;

struct Lane {
  Lane(Session& owner, const sq_target* to) : session(&owner), target(to) {}

  Session* const session;
  const sq_target* const target;

  void push(Exchange* exchange);
  void push_front(Exchange* exchange);
  bool remove(Exchange* exchange);
  /// Serves waiting exchanges, as far as connections are idle or may be opened for them.
  void advance(uint64_t now_ns);
  /// An exchange is over, with or without an answer; called by the connection that served it.
  void ended(Exchange* exchange);
  /// The connection that serves this exchange; null: it waits.
  Connection* serving(const Exchange& exchange) const;
  /// The connection is gone.
  void forget(Connection* connection);
  /// Closes what is open.  Nothing is being served or waits.
  void close();

 private:
  void serve(Exchange* exchange, uint64_t now_ns);
  Connection* open_connection();
  /// The connection that was used last among those that serve nothing; null: there is none.
  Connection* idle() const;
  void drop_idle();
  size_t open_count() const { return (first_ ? 1 : 0) + (more_ ? more_->size() : 0); }
  /// Takes the next exchange that can be served now from the queue; null: none can.
  Exchange* take_next();

  Connection* first_ = nullptr;                     // nearly always the only one
  std::unique_ptr<std::vector<Connection*>> more_;  // made when a second one is
  Exchange* first_waiting_ = nullptr;
  Exchange* last_waiting_ = nullptr;
  uint32_t waiting_beside_ = 0;  // how many of those may have a connection beside others
  bool is_advancing_ = false;
};

}  // namespace squall::http
