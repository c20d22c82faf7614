#include "counters.hpp"

#include <algorithm>

namespace squall::city {

Tally& Tally::operator+=(const Tally& other) {
  count += other.count;
  bytes += other.bytes;
  return *this;
}

HttpTally& HttpTally::operator+=(const HttpTally& other) {
  count += other.count;
  bytes += other.bytes;
  failed += other.failed;
  response_bytes += other.response_bytes;
  return *this;
}

HttpCounters& HttpCounters::operator+=(const HttpCounters& other) {
  connections += other.connections;
  open += other.open;
  requests += other.requests;
  cut_requests += other.cut_requests;
  cut_answers += other.cut_answers;
  bad_requests += other.bad_requests;
  tls_failures += other.tls_failures;
  accept_failures += other.accept_failures;
  injected_errors += other.injected_errors;
  request_bytes += other.request_bytes;
  request_body_bytes += other.request_body_bytes;
  cut_request_bytes += other.cut_request_bytes;
  response_bytes += other.response_bytes;
  response_body_bytes += other.response_body_bytes;
  logins += other.logins;
  logouts += other.logouts;
  entities += other.entities;
  taps += other.taps;
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  by_class += other.by_class;
  return *this;
}

DumpCounters& DumpCounters::operator+=(const DumpCounters& other) {
  connections += other.connections;
  open += other.open;
  accept_failures += other.accept_failures;
  finished += other.finished;
  reset += other.reset;
  bytes += other.bytes;
  has_checksums |= other.has_checksums;
  const auto room =
      std::min(other.streams.size(), kMaxStreams - std::min(kMaxStreams, streams.size()));
  streams.insert(streams.end(), other.streams.begin(), other.streams.begin() + room);
  streams_left_off += other.streams_left_off + (other.streams.size() - room);
  return *this;
}

std::string_view class_of_payload(std::string_view payload, std::string_view otherwise) {
  if (payload.size() < 2) return otherwise;
  const bool is_tagged =
      payload[0] >= 'A' && payload[0] <= 'Z' && payload[1] >= '0' && payload[1] <= '9';
  return is_tagged ? payload.substr(0, 2) : otherwise;
}

}  // namespace squall::city
