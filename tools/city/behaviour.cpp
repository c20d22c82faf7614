#include "behaviour.hpp"

#include <nlohmann/json.hpp>

namespace squall::city {

std::string describe(const Behaviour& b) {
  nlohmann::ordered_json out;
  out["stall"] = {{"begin_ns", b.stall.begin_ns},
                  {"every_s", b.stall.period_ns / 1e9},
                  {"for_s", b.stall.length_ns / 1e9},
                  {"times", b.stall.times}};
  out["delay"] = {{"ms", b.delay_ns / 1e6},
                  {"slow_ms", b.slow_delay_ns / 1e6},
                  {"slow_rate", b.slow.per_million() / 1e6},
                  {"tls_ms", b.tls_delay_ns / 1e6}};
  out["errors"] = {{"rate", b.errors.per_million() / 1e6}, {"status", b.error_status}};
  out["close"] = {{"after", b.close_after}, {"announce", b.announce_close}};
  return out.dump();
}

}  // namespace squall::city
