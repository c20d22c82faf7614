#include "session.hpp"

#include "operations.hpp"

namespace squall::mqtt {

Link& Session::link_to(const sq_target* target) {
  for (auto& link : links_)
    if (link->target() == target) return *link;
  return *links_.emplace_back(std::make_unique<Link>(shard_, id_, target));
}

void Session::start(const Prepared& prepared, const sq_value* args, sq_call* call) {
  const sq_target* const target = prepared.args.target(args);
  if (!target) return plugin::complete(call, SQ_OUT_FAILED, SQ_K_PLUGIN, 0, "no target");
  Link& link = link_to(target);
  Exchange* const exchange = shard_.exchanges().take();
  exchange->call = call;
  exchange->prepared = &prepared;
  exchange->args = args;
  exchange->link = &link;
  exchange->begun_ns = call->start_ns;
  call->plugin_data = exchange;
  link.start(exchange);
}

void Session::cancel(sq_call* call) {
  auto* const exchange = static_cast<Exchange*>(call->plugin_data);
  if (exchange && exchange->place != Exchange::Place::none) exchange->link->cancel(exchange);
}

sq_status Session::output(const sq_call* call, uint32_t index, std::string_view, sq_value* out) {
  const auto* const exchange = static_cast<const Exchange*>(call->plugin_data);
  if (!exchange) return SQ_E_INVALID;
  *out = plugin::make_value(SQ_T_NULL);
  if (exchange->prepared->operation == kExpect) {
    if (index > ExpectOutput::kLatency) return SQ_E_INVALID;
    const Message* const message = exchange->message.get();
    if (!message) return SQ_OK;
    if (index == ExpectOutput::kTopic) *out = plugin::text_value(message->topic);
    if (index == ExpectOutput::kPayload) *out = plugin::bytes_value(message->payload);
    if (index == ExpectOutput::kLatency && message->latency_ns >= 0)
      *out = plugin::duration_value(message->latency_ns);
    return SQ_OK;
  }
  if (index == kReasonOutput) {
    *out = plugin::int_value(exchange->reason);
    return SQ_OK;
  }
  if (index == kSessionPresentOutput && exchange->prepared->operation == kConnect) {
    *out = plugin::bool_value(exchange->session_present);
    return SQ_OK;
  }
  return SQ_E_INVALID;
}

void Session::release(sq_call* call) {
  if (auto* const exchange = static_cast<Exchange*>(std::exchange(call->plugin_data, nullptr)))
    shard_.exchanges().give_back(exchange);
}

}  // namespace squall::mqtt
