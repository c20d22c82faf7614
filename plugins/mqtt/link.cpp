// What a link does with calls and messages. How it comes by its connection: link_connection.cpp.
#include "link.hpp"

#include <algorithm>
#include <cstring>

#include "message_body.hpp"
#include "operations.hpp"
#include "packet_size.hpp"
#include "reason.hpp"
#include "topic.hpp"
#include "trailer.hpp"
#include "where.hpp"

namespace squall::mqtt {
namespace {

// Topics that one publisher numbers at a time; beyond that the oldest begins a new stream.
constexpr size_t kStreamsMax = 64;

uint64_t hash(std::string_view text) {
  uint64_t value = 14695981039346656037u;  // FNV-1a
  for (const char byte : text) value = (value ^ static_cast<uint8_t>(byte)) * 1099511628211u;
  return value;
}

Failure request_failure(const char* detail, int32_t code = 0) {
  return {SQ_K_PROTOCOL, code, detail, false};
}

uint32_t cancelled_outcome(const sq_call& call, uint64_t now_ns) {
  return call.deadline_ns && now_ns >= call.deadline_ns ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED;
}

}  // namespace

Link::Link(Shard& shard, uint64_t session, const sq_target* target)
    : shard_(shard), session_(session), target_(target) {}

// ---- the operations ----------------------------------------------------------------------------

void Link::start(Exchange* exchange) {
  switch (exchange->prepared->operation) {
    case kConnect: return start_connect(exchange);
    case kExpect: return start_expect(exchange);
    case kDisconnect: return start_disconnect(exchange);
    default: break;
  }
  if (state_ == State::connected) return send(exchange, true);
  exchange->place = Exchange::Place::waiting;
  waiting_.push_back(exchange);
  use();
}

void Link::start_connect(Exchange* exchange) {
  std::shared_ptr<const ConnectOptions> options = exchange->prepared->connect;
  if (!options) {
    const Prepared& prepared = *exchange->prepared;
    try {
      options = std::make_shared<const ConnectOptions>(
          options_of(prepared.instance.defaults, prepared.args, exchange->args));
    } catch (const plugin::Refusal&) {
      return finish(exchange, {SQ_K_CHECK, 0, "connect parameters are not valid", false});
    }
  }
  const bool is_same = options_ && (options_ == options || *options_ == *options);
  if (is_same && state_ == State::connected) {
    exchange->session_present = session_present_;
    return finish(exchange);
  }
  if (!is_same) {
    drop_connection({SQ_K_CLOSED, 0, "connected anew", true});
    adopt(std::move(options));
  }
  exchange->place = Exchange::Place::connecting;
  connecting_.push_back(exchange);
  // A step that says connect means now; back-off is for those that only find the connection gone.
  if (state_ == State::idle || state_ == State::backing_off) begin_attempt(false);
}

void Link::start_disconnect(Exchange* exchange) {
  subscriptions_.clear();
  not_before_ns_ = 0;
  failures_ = 0;
  exchange->call->bytes_out = drop_connection({SQ_K_CLOSED, 0, "disconnected", true});
  finish(exchange);
}

void Link::send(Exchange* exchange, bool is_connection_used) {
  const bool is_publish = exchange->prepared->operation == kPublish;
  const Submitted submitted = is_publish ? submit_publish(exchange) : submit_subscribe(exchange);
  exchange->call->bytes_out = submitted.bytes_out;
  if (is_connection_used && !submitted.failure) note(SQ_CN_REUSED);
  if (submitted.failure) {
    finish(exchange, submitted.failure);
    if (submitted.failure.connection_lost) lost(submitted.failure);
  } else if (submitted.is_done) {
    finish(exchange);
  } else {
    wait_for_answer(exchange, submitted);
  }
}

void Link::wait_for_answer(Exchange* exchange, const Submitted& submitted) {
  exchange->key = submitted.key;
  if (!pending_.add(submitted.key, exchange))  // 65,535 are in flight
    return finish(exchange, {SQ_K_LIMIT, 0, "no packet identifier is free", false});
  exchange->place = Exchange::Place::in_flight;
}

Submitted Link::submit_publish(Exchange* exchange) {
  using P = PublishParam;
  const plugin::Args& given = exchange->prepared->args;
  const sq_value* const args = exchange->args;
  Publication publication;
  publication.qos = static_cast<int>(plugin::as_int(given[P::kQos].of(args)));
  publication.retain = plugin::as_bool(given[P::kRetain].of(args));
  exchange->qos = static_cast<uint8_t>(publication.qos);

  // The store of fixed values keeps them in strings, so that NUL follows those already.
  publication.topic = plugin::as_text(given[P::kTopic].of(args));
  if (!given[P::kTopic].is_static()) {
    shard_.topic_scratch.assign(publication.topic);
    publication.topic = shard_.topic_scratch;
    if (!is_topic_name(publication.topic))
      return {.failure = request_failure("topic name invalid", 0x90)};
    if (publication.qos < 0 || publication.qos > 2)
      return {.failure = request_failure("QoS not supported", 0x9B)};
  }
  const Failure unreadable = read_body(given[P::kPayload], args, shard_.payload_scratch,
                                       publication.payload);
  if (unreadable) return {.failure = unreadable};
  if (plugin::as_bool(given[P::kTrailer].of(args)))
    publication.payload = stamped(publication.topic, publication.payload);
  publication.properties = plugin::as_map(given[P::kProperties].of(args));
  return client_->publish(publication);
}

Submitted Link::submit_subscribe(Exchange* exchange) {
  using P = SubscribeParam;
  const Prepared& prepared = *exchange->prepared;
  const sq_value* const args = exchange->args;
  const int qos = static_cast<int>(plugin::as_int(prepared.args[P::kQos].of(args)));
  std::vector<std::string> rendered;
  if (prepared.filters.empty()) {
    if (prepared.args[P::kTopic].given)
      rendered.emplace_back(plugin::as_text(prepared.args[P::kTopic].of(args)));
    for (const sq_value& item : plugin::as_list(prepared.args[P::kTopics].of(args)))
      rendered.emplace_back(plugin::as_text(item));
    for (const std::string& filter : rendered)
      if (!is_topic_filter(filter)) return {.failure = request_failure("topic filter invalid", 0x8F)};
  }
  const std::vector<std::string>& filters = rendered.empty() ? prepared.filters : rendered;
  if (filters.empty() || qos < 0 || qos > 2)
    return {.failure = request_failure("topic filter invalid", 0x8F)};

  // Before the answer: a retained message may arrive ahead of it.
  if (!deliveries_)
    deliveries_ = std::make_unique<DeliveryStatistics>(shard_.handle(), session_,
                                                       shard_.delivery_series());
  for (const std::string& filter : filters) {
    const auto known = std::find_if(subscriptions_.begin(), subscriptions_.end(),
                                    [&](const Subscription& one) { return one.filter == filter; });
    if (known == subscriptions_.end()) subscriptions_.push_back({filter, qos});
    else known->qos = qos;
  }
  return client_->subscribe(filters, qos);
}

const std::string& Link::stamped(std::string_view topic, std::string_view payload) {
  const uint64_t topic_hash = hash(topic);
  auto stream = std::find_if(streams_.begin(), streams_.end(),
                             [&](const Stream& one) { return one.topic_hash == topic_hash; });
  if (stream == streams_.end()) {
    if (streams_.size() == kStreamsMax) streams_.erase(streams_.begin());
    stream = streams_.insert(streams_.end(), {topic_hash, shard_.random(), 0});
  }
  std::string& body = shard_.payload_scratch;
  if (payload.data() != body.data()) body.assign(payload);
  Trailer{stream->id, stream->next++, shard_.now_ns(), this_clock()}.append_to(body);
  return body;
}

// ---- expect ------------------------------------------------------------------------------------

bool Link::matches(const Exchange& exchange, std::string_view topic,
                   std::string_view payload) const {
  const plugin::Args& given = exchange.prepared->args;
  const std::string_view filter = plugin::as_text(given[ExpectParam::kTopic].of(exchange.args));
  if (!filter.empty() && !topic_matches(filter, topic)) return false;
  return where_matches(given[ExpectParam::kWhere].of(exchange.args), payload);
}

void Link::start_expect(Exchange* exchange) {
  const plugin::Bound& count = exchange->prepared->args[ExpectParam::kCount];
  if (count.given) exchange->wanted = static_cast<uint32_t>(plugin::as_int(count.value));
  while (inbox_) {
    auto message = inbox_->take_first(
        [&](const Message& one) { return matches(*exchange, one.topic, one.payload); });
    if (!message) break;
    if (take_message(exchange, std::move(message))) return finish_expect(exchange);
  }
  if (state_ == State::idle && subscriptions_.empty())
    return finish(exchange, {SQ_K_CLOSED, 0, "not connected", false});
  exchange->place = Exchange::Place::expecting;
  expecting_.push_back(exchange);
}

bool Link::take_message(Exchange* exchange, std::unique_ptr<Message> message) {
  exchange->call->bytes_in += message->bytes;
  exchange->duplicate = exchange->duplicate || message->duplicate;
  exchange->message = std::move(message);
  return --exchange->wanted == 0;
}

void Link::finish_expect(Exchange* exchange) {
  if (exchange->prepared->args[ExpectParam::kCount].given) {
    const Message& last = *exchange->message;
    const bool again = inbox_ && inbox_->any([&](const Message& one) {
      return one.topic == last.topic && one.payload == last.payload;
    });
    if (again || exchange->duplicate)
      return finish(exchange, {SQ_K_CHECK, 0, "duplicate message", false});
  }
  finish(exchange);
}

// ---- answers and messages ----------------------------------------------------------------------

void Link::on_answered(const Answer& answer) {
  Exchange* const exchange = pending_.take(answer.key);
  if (!exchange) return;  // cancelled meanwhile, or a subscription taken up again
  exchange->reason = answer.reason;
  exchange->end_ns = answer.at_ns;
  sq_call& call = *exchange->call;
  const bool is_publish = exchange->prepared->operation == kPublish;
  if (!is_publish || exchange->qos > 0) call.bytes_in = answer.bytes;  // QoS 0: the kernel took it late
  if (exchange->qos == 2) {  // PUBREC and PUBREL lie in between
    call.bytes_in += ack_size(options_->is_v5, 0, 0);
    call.bytes_out += ack_size(options_->is_v5, 0, 0);
  }
  finish(exchange);
}

void Link::on_message(const Arrival& arrival) {
  if (!deliveries_)  // the broker kept our session, with what it had subscribed
    deliveries_ = std::make_unique<DeliveryStatistics>(shard_.handle(), session_,
                                                       shard_.delivery_series());
  const DeliveryStatistics::Seen seen =
      deliveries_->received(arrival.payload, arrival.retained, arrival.bytes,
                            arrival.at_ns ? arrival.at_ns : shard_.now_ns());
  if (!shard_.instance().has_expect.load(std::memory_order_relaxed)) return;

  auto message = std::make_unique<Message>();
  message->topic = arrival.topic;
  message->payload = seen.payload;
  message->latency_ns = seen.latency_ns;
  message->bytes = arrival.bytes;
  message->duplicate = seen.duplicate;
  for (Exchange* one = expecting_.first(); one; one = one->next) {
    if (!matches(*one, message->topic, message->payload)) continue;
    if (!take_message(one, std::move(message))) return;
    expecting_.remove(one);
    return finish_expect(one);
  }
  if (!inbox_) inbox_ = std::make_unique<Inbox>();
  inbox_->put(std::move(message));
}

// ---- calls -------------------------------------------------------------------------------------

void Link::finish(Exchange* exchange, const Failure& failure, uint32_t outcome) {
  exchange->place = Exchange::Place::none;
  sq_call& call = *exchange->call;
  call.end_ns =
      std::max(exchange->end_ns ? exchange->end_ns : shard_.now_ns(), call.start_ns);
  if (exchange->prepared->operation != kConnect) {
    const uint64_t begun = std::clamp(exchange->begun_ns, call.start_ns, call.end_ns);
    const bool is_sent_only =
        exchange->prepared->operation == kPublish && exchange->qos == 0;
    call.phase_ns[SQ_PH_WAIT_CONN] = begun - call.start_ns;
    call.phase_ns[is_sent_only ? SQ_PH_SEND : SQ_PH_FIRST_BYTE] = call.end_ns - begun;
  }
  if (failure) {
    exchange->reason = failure.code;
    plugin::complete(&call, SQ_OUT_FAILED, failure.kind, failure.code, failure.detail);
  } else {
    plugin::complete(&call, outcome, SQ_K_NONE, exchange->reason,
                     exchange->reason >= 0x80 ? reason_text(exchange->reason) : "");
  }
}

void Link::finish_connect(Exchange* exchange, const Connected& connected) {
  sq_call& call = *exchange->call;
  exchange->session_present = connected.session_present;
  const uint64_t now = std::max(shard_.now_ns(), call.start_ns);
  if (call.start_ns > attempt_began_ns_) {  // joined an attempt that was under way
    call.phase_ns[SQ_PH_WAIT_CONN] = now - call.start_ns;
  } else {
    call.bytes_out = options_->packet_bytes(client_id_);
    call.bytes_in = connected.bytes_in;
    call.phase_ns[SQ_PH_RESOLVE] = resolved_ns_ - attempt_began_ns_;
    call.phase_ns[SQ_PH_CONNECT] = dialed_ns_ - resolved_ns_ + connected.connect_ns;
    call.phase_ns[SQ_PH_TLS] = connected.tls_ns;
    call.phase_ns[SQ_PH_FIRST_BYTE] = connected.connack_ns;
    call.phase_ns[SQ_PH_WAIT_CONN] = attempt_began_ns_ - call.start_ns;
  }
  finish(exchange);
}

void Link::fail_in_flight(const Failure& failure) {
  pending_.drain([&](Exchange* one) { finish(one, failure); });
  while (Exchange* one = expecting_.pop_front()) finish(one, failure);
}

void Link::fail_waiting(const Failure& failure) {
  while (Exchange* one = connecting_.pop_front()) finish(one, failure);
  while (Exchange* one = waiting_.pop_front()) finish(one, failure);
}

void Link::cancel(Exchange* exchange) {
  switch (exchange->place) {
    case Exchange::Place::waiting: waiting_.remove(exchange); break;
    case Exchange::Place::connecting: connecting_.remove(exchange); break;
    case Exchange::Place::expecting: expecting_.remove(exchange); break;
    case Exchange::Place::in_flight: pending_.take(exchange->key); break;
    case Exchange::Place::none: return;
  }
  const bool was_for_connection = exchange->place == Exchange::Place::waiting ||
                                  exchange->place == Exchange::Place::connecting;
  const uint32_t outcome = cancelled_outcome(*exchange->call, shard_.now_ns());
  finish(exchange, {}, outcome);
  // An attempt that nobody waits for any more would only keep a silent broker's socket open.
  if (was_for_connection && waiting_.empty() && connecting_.empty() && subscriptions_.empty() &&
      state_ != State::connected)
    abandon_attempt(outcome);
}

}  // namespace squall::mqtt
