// How the city misbehaves on request: stalls, delays, errors, early closes. A plain value; the
// control port gives every worker its own copy. Shares are exact, not random: a test can count on
// them.
#pragma once

#include <cstdint>
#include <string>

#include "stall_schedule.hpp"

namespace squall::city {

/// Spreads `per_million` evenly over turns: after n turns exactly floor(n * per_million / 10^6)
/// were taken.
class ExactShare {
 public:
  void set(std::uint32_t per_million) { *this = {}, per_million_ = per_million; }
  std::uint32_t per_million() const { return per_million_; }
  bool take() {
    if (per_million_ == 0) return false;
    sum_ += per_million_;
    if (sum_ < 1'000'000) return false;
    sum_ -= 1'000'000;
    return true;
  }

 private:
  std::uint32_t per_million_ = 0;
  std::uint32_t sum_ = 0;
};

struct Behaviour {
  StallSchedule stall;             // every answer of the data ports
  std::int64_t delay_ns = 0;       // before each answer (http, https, tcp)
  std::int64_t slow_delay_ns = 0;  // instead of delay_ns, for the share `slow`
  ExactShare slow;
  ExactShare errors;  // share of http answers replaced by error_status
  unsigned error_status = 503;
  std::int64_t tls_delay_ns = 0;  // between accept and the TLS handshake
  std::uint64_t close_after = 0;  // http answers a connection gets before it is closed; 0: no limit
  bool announce_close = true;     // with "Connection: close" on the last one

  /// What this answer has to wait, by share.
  std::int64_t next_delay_ns() { return slow.take() ? slow_delay_ns : delay_ns; }
};

/// As JSON, in the words of the control port.
std::string describe(const Behaviour& behaviour);

}  // namespace squall::city
