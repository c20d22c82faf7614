#include "report/utc_text.hpp"

#include <fmt/format.h>
#include <time.h>

#include <cstdio>
#include <stdexcept>

namespace squall {

std::string utc_text(std::int64_t unix_ns) {
  const time_t seconds = unix_ns / 1'000'000'000;
  tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, unix_ns / 1'000'000 % 1000);
}

std::int64_t unix_ns_of(const std::string& utc) {
  tm parts{};
  int milliseconds = 0;
  if (std::sscanf(utc.c_str(), "%d-%d-%dT%d:%d:%d.%dZ", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min,
                  &parts.tm_sec, &milliseconds) != 7) {
    throw std::invalid_argument("'" + utc + "' is no time");
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return (timegm(&parts) * 1'000 + milliseconds) * 1'000'000;
}

}  // namespace squall
