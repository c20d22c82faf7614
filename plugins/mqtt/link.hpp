// A session's relation to one broker: it outlives connections. Queues calls until there is one, opens
// it (at first use, or as a connect step says), matches answers to calls, keeps what is subscribed,
// and after a loss fails what was in flight and comes back with back-off. Knows no client library.
//
//   idle --use--> resolving --> connecting --CONNACK--> connected --lost--> idle
//     \--use soon after a failure--> backing_off --timer--> resolving
// A link with subscriptions goes on by itself from idle; any other waits for its next use.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client.hpp"
#include "delivery.hpp"
#include "exchange.hpp"
#include "inbox.hpp"
#include "pending_table.hpp"
#include "prepared.hpp"
#include "shard.hpp"

namespace squall::mqtt {

class Link final : public ClientEvents {
 public:
  Link(Shard& shard, uint64_t session, const sq_target* target);
  /// No call is in flight. An open connection ends with DISCONNECT.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  const sq_target* target() const { return target_; }
  void start(Exchange* exchange);
  void cancel(Exchange* exchange);

 private:
  enum class State : uint8_t { idle, backing_off, resolving, connecting, connected };
  struct Resolution;  // outlives the link when the host answers late
  struct Subscription {
    std::string filter;
    int qos;
  };
  struct Stream {  // one topic of this publisher
    uint64_t topic_hash, id, next;
  };

  // ClientEvents
  void on_connected(const Connected& connected) override;
  void on_closed(const Failure& failure) override;
  void on_answered(const Answer& answer) override;
  void on_message(const Arrival& arrival) override;

  // The operations.
  void start_connect(Exchange* exchange);
  void start_expect(Exchange* exchange);
  void start_disconnect(Exchange* exchange);
  /// `is_connection_used`: somebody else had the connection opened.
  void send(Exchange* exchange, bool is_connection_used);
  Submitted submit_publish(Exchange* exchange);
  Submitted submit_subscribe(Exchange* exchange);

  // The connection.
  void use();  // makes sure that a connection is on its way
  void begin_attempt(bool is_implicit);
  static void on_resolved(void* context, sq_status status, sq_str text) SQ_NOEXCEPT;
  static void on_retry(void* context) SQ_NOEXCEPT;
  void open_client();
  void attempt_failed(const Failure& failure);
  void attempt_ended(uint32_t outcome, uint32_t kind, uint64_t bytes);  // the implicit sample
  void abandon_attempt(uint32_t outcome);
  uint64_t drop_connection(const Failure& failure);  // bytes of the DISCONNECT
  void lost(const Failure& failure);
  void set_back_off();
  void come_back();
  void subscribe_again();
  void adopt(std::shared_ptr<const ConnectOptions> options);
  void note(uint32_t what) { plugin::host.target->note(shard_.handle(), target_, what); }

  // Calls.
  void finish(Exchange* exchange, const Failure& failure = {}, uint32_t outcome = SQ_OUT_OK);
  void finish_connect(Exchange* exchange, const Connected& connected);
  void fail_in_flight(const Failure& failure);
  void fail_waiting(const Failure& failure);
  void wait_for_answer(Exchange* exchange, const Submitted& submitted);
  bool matches(const Exchange& exchange, std::string_view topic, std::string_view payload) const;
  bool take_message(Exchange* exchange, std::unique_ptr<Message> message);
  void finish_expect(Exchange* exchange);
  const std::string& stamped(std::string_view topic, std::string_view payload);

  Shard& shard_;
  const uint64_t session_;
  const sq_target* const target_;
  std::shared_ptr<const ConnectOptions> options_;
  std::string client_id_;
  std::string addresses_;  // of the attempt that goes on, not yet tried, with spaces between
  std::unique_ptr<Client> client_;
  Resolution* resolution_ = nullptr;
  ExchangeList waiting_, connecting_, expecting_;
  PendingTable pending_;
  std::vector<Subscription> subscriptions_;
  std::vector<Stream> streams_;
  std::unique_ptr<DeliveryStatistics> deliveries_;
  std::unique_ptr<Inbox> inbox_;
  plugin::Timer retry_;  // made when first needed: most links never fail
  uint64_t attempt_began_ns_ = 0, resolved_ns_ = 0, dialed_ns_ = 0, not_before_ns_ = 0;
  uint32_t failures_ = 0;
  State state_ = State::idle;
  bool attempt_is_implicit_ = false;
  bool session_present_ = false;
};

}  // namespace squall::mqtt
