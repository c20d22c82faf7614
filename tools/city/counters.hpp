// What the city has seen, as plain numbers. Each worker counts in an object of its own that only
// its thread touches; the control port adds copies up. The JSON shape is in counters_json.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace squall::city {

struct Tally {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  Tally& operator+=(const Tally& other);
};

struct HttpTally {
  std::uint64_t count = 0;           // complete requests
  std::uint64_t bytes = 0;           // their bodies
  std::uint64_t failed = 0;          // answers of 400 and above
  std::uint64_t response_bytes = 0;  // bodies of the answers
  HttpTally& operator+=(const HttpTally& other);
};

/// Entries by traffic class. Bounded: a client that invents names fills "__other__", not the
/// memory.
template <class Entry>
class ByClass {
 public:
  static constexpr std::size_t kMaxClasses = 256;
  static constexpr std::size_t kMaxNameSize = 32;

  Entry& at(std::string_view name) {
    name = name.substr(0, kMaxNameSize);
    auto found = entries_.find(name);
    if (found != entries_.end()) return found->second;
    if (entries_.size() >= kMaxClasses) name = "__other__";
    return entries_[std::string(name)];
  }
  ByClass& operator+=(const ByClass& other) {
    for (const auto& [name, entry] : other.entries_) at(name) += entry;
    return *this;
  }
  const auto& entries() const { return entries_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

/// Ledger: requests = sum of statuses + cut_answers + those being answered right now.
struct HttpCounters {
  std::uint64_t connections = 0;
  std::int64_t open = 0;
  std::uint64_t requests = 0;      // received whole
  std::uint64_t cut_requests = 0;  // begun, but the connection ended before their last byte
  std::uint64_t cut_answers = 0;  // the connection ended before the answer was handed to the kernel
  std::uint64_t bad_requests = 0;  // not HTTP; answered 400 and closed, in none of the other counts
  std::uint64_t tls_failures = 0;
  std::uint64_t accept_failures = 0;
  std::uint64_t injected_errors = 0;
  std::uint64_t request_bytes = 0;  // of whole requests: headers, framing, body
  std::uint64_t request_body_bytes = 0;
  std::uint64_t cut_request_bytes = 0;
  std::uint64_t response_bytes = 0;
  std::uint64_t response_body_bytes = 0;
  std::uint64_t logins = 0;
  std::uint64_t logouts = 0;
  std::uint64_t entities = 0;
  std::uint64_t taps = 0;
  std::map<unsigned, std::uint64_t> statuses;
  ByClass<HttpTally> by_class;
  HttpCounters& operator+=(const HttpCounters& other);
};

struct TcpCounters {
  std::uint64_t connections = 0;
  std::int64_t open = 0;
  std::uint64_t accept_failures = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;       // payload, without the delimiter or the length
  std::uint64_t wire_bytes = 0;  // with it
  std::uint64_t oversize = 0;    // connections closed because a message passed the limit
  std::uint64_t cut_bytes = 0;   // of messages that never became whole
  ByClass<Tally> by_class;
};

struct DumpStream {
  std::uint64_t bytes = 0;
  std::uint64_t xxh64 = 0;
};

struct DumpCounters {
  static constexpr std::size_t kMaxStreams = 10'000;
  std::uint64_t connections = 0;
  std::int64_t open = 0;
  std::uint64_t accept_failures = 0;
  std::uint64_t finished = 0;  // ended by the peer's orderly end of stream
  std::uint64_t reset = 0;     // ended any other way
  std::uint64_t bytes = 0;
  bool has_checksums = false;
  std::vector<DumpStream> streams;  // finished ones, in the order of their end
  std::uint64_t streams_left_off = 0;
  DumpCounters& operator+=(const DumpCounters& other);
};

struct UdpCounters {
  std::uint64_t datagrams = 0;
  std::uint64_t bytes = 0;
  std::uint64_t answered = 0;
  std::uint64_t dropped =
      0;  // by the kernel, since the port was opened or reset: its buffer was full
  std::uint64_t receive_buffer_bytes = 0;
  ByClass<Tally> by_class;
};

struct MqttCounters {
  bool is_enabled = false;
  bool is_subscribed = false;
  std::uint64_t connects = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retained = 0;
  std::uint64_t by_qos[3] = {0, 0, 0};
  ByClass<Tally> by_class;
};

struct Counters {
  HttpCounters http, https;
  TcpCounters tcp, tcp_prefix;
  DumpCounters dump;
  UdpCounters udp, udp_echo;
  MqttCounters mqtt;
};

/// The traffic class of a raw message: its first two bytes when they are a capital letter and a
/// digit
/// ("T2", "V1"), else `otherwise`.
std::string_view class_of_payload(std::string_view payload, std::string_view otherwise);

}  // namespace squall::city
