#include "counters_json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace squall::city {
namespace {

using Json = nlohmann::ordered_json;

Json render(const Tally& t) { return {{"count", t.count}, {"bytes", t.bytes}}; }

Json render(const HttpTally& t) {
  return {{"count", t.count},
          {"bytes", t.bytes},
          {"failed", t.failed},
          {"response_bytes", t.response_bytes}};
}

template <class Entry>
Json render(const ByClass<Entry>& classes) {
  std::map<std::string_view, const Entry*> sorted;
  for (const auto& [name, entry] : classes.entries()) sorted[name] = &entry;
  Json out = Json::object();
  for (const auto& [name, entry] : sorted) out[std::string(name)] = render(*entry);
  return out;
}

Json render(const HttpCounters& c) {
  Json statuses = Json::object();
  for (const auto& [status, count] : c.statuses) statuses[std::to_string(status)] = count;
  return {{"connections", c.connections},
          {"open", c.open},
          {"requests", c.requests},
          {"cut_requests", c.cut_requests},
          {"cut_answers", c.cut_answers},
          {"bad_requests", c.bad_requests},
          {"tls_failures", c.tls_failures},
          {"accept_failures", c.accept_failures},
          {"injected_errors", c.injected_errors},
          {"request_bytes", c.request_bytes},
          {"request_body_bytes", c.request_body_bytes},
          {"cut_request_bytes", c.cut_request_bytes},
          {"response_bytes", c.response_bytes},
          {"response_body_bytes", c.response_body_bytes},
          {"logins", c.logins},
          {"logouts", c.logouts},
          {"entities", c.entities},
          {"taps", c.taps},
          {"statuses", std::move(statuses)},
          {"by_class", render(c.by_class)}};
}

Json render(const TcpCounters& c) {
  return {{"connections", c.connections},
          {"open", c.open},
          {"accept_failures", c.accept_failures},
          {"messages", c.messages},
          {"bytes", c.bytes},
          {"wire_bytes", c.wire_bytes},
          {"oversize", c.oversize},
          {"cut_bytes", c.cut_bytes},
          {"by_class", render(c.by_class)}};
}

Json render(const DumpCounters& c) {
  Json streams = Json::array();
  for (const auto& stream : c.streams) {
    Json one = {{"bytes", stream.bytes}};
    if (c.has_checksums) one["xxh64"] = fmt::format("{:016x}", stream.xxh64);
    streams.push_back(std::move(one));
  }
  return {{"connections", c.connections},
          {"open", c.open},
          {"accept_failures", c.accept_failures},
          {"finished", c.finished},
          {"reset", c.reset},
          {"bytes", c.bytes},
          {"streams", std::move(streams)},
          {"streams_left_off", c.streams_left_off}};
}

Json render(const UdpCounters& c) {
  return {{"datagrams", c.datagrams},
          {"bytes", c.bytes},
          {"answered", c.answered},
          {"dropped", c.dropped},
          {"receive_buffer_bytes", c.receive_buffer_bytes},
          {"by_class", render(c.by_class)}};
}

Json render(const MqttCounters& c) {
  return {{"enabled", c.is_enabled}, {"subscribed", c.is_subscribed},
          {"connects", c.connects},  {"messages", c.messages},
          {"bytes", c.bytes},        {"retained", c.retained},
          {"by_qos", c.by_qos},      {"by_class", render(c.by_class)}};
}

}  // namespace

std::string to_json(const Counters& c, std::int64_t clock_ns) {
  const Json out = {{"clock_ns", clock_ns},
                    {"http", render(c.http)},
                    {"https", render(c.https)},
                    {"tcp", render(c.tcp)},
                    {"tcp_prefix", render(c.tcp_prefix)},
                    {"dump", render(c.dump)},
                    {"udp", render(c.udp)},
                    {"udp_echo", render(c.udp_echo)},
                    {"mqtt", render(c.mqtt)}};
  // Class names come from clients and may be any bytes.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace squall::city
