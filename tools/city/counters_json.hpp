// The counters as JSON: what GET /counters answers and what the last line on stdout holds. Its
// shape:
//
// {"clock_ns": CLOCK_MONOTONIC of the reading,
//  "http": {"connections":0, "open":0, "requests":0, "cut_requests":0, "cut_answers":0,
//  "bad_requests":0,
//           "tls_failures":0, "accept_failures":0, "injected_errors":0,
//           "request_bytes":0, "request_body_bytes":0, "cut_request_bytes":0,
//           "response_bytes":0, "response_body_bytes":0,
//           "logins":0, "logouts":0, "entities":0, "taps":0,
//           "statuses": {"200":0},
//           "by_class": {"T1": {"count":0, "bytes":0, "failed":0, "response_bytes":0}}},
//  "https": as http,
//  "tcp": {"connections":0, "open":0, "accept_failures":0, "messages":0, "bytes":0, "wire_bytes":0,
//          "oversize":0, "cut_bytes":0, "by_class": {"M1": {"count":0, "bytes":0}}},
//  "tcp_prefix": as tcp,
//  "dump": {"connections":0, "open":0, "accept_failures":0, "finished":0, "reset":0, "bytes":0,
//           "streams": [{"bytes":0, "xxh64":"0123456789abcdef"}], "streams_left_off":0},
//  "udp": {"datagrams":0, "bytes":0, "answered":0, "dropped":0, "receive_buffer_bytes":0,
//          "by_class": {"T2": {"count":0, "bytes":0}}},
//  "udp_echo": as udp,
//  "mqtt": {"enabled":false, "subscribed":false, "connects":0, "messages":0, "bytes":0,
//  "retained":0,
//           "by_qos": [0,0,0], "by_class": {"M2": {"count":0, "bytes":0}}}}
//
// All numbers are since the start or the last reset, but "open", which is now. "xxh64" is there
// with
// --dump-checksum only. In http "bytes" of a class are the request bodies.
#pragma once

#include <string>

#include "counters.hpp"

namespace squall::city {

std::string to_json(const Counters& counters, std::int64_t clock_ns);

}  // namespace squall::city
