// When a record of a data file happened: the ways in which logs and exports write a moment, as ns since 1970 UTC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "result.hpp"

namespace squall {

class Dataset;

/// "10/Oct/2000:13:55:36 -0700", as access logs have it: unix seconds. nullopt: it is no such time.
std::optional<std::int64_t> parse_log_time_s(std::string_view text);

/// A cell of a time column, in ns. Taken are
///  - unix seconds, with or without a fraction: 971211336.25 (seconds from any other begin do as well);
///  - unix milliseconds: a whole number from 100,000,000,000 on (as seconds that were the year 5138);
///  - ISO 8601: 2000-10-10T13:55:36.25-07:00, with a blank for the T, Z or no zone for UTC;
///  - the log's way, above.
/// Errors: what the text is not; also a time outside the years 1678 to 2261.
enum class TimeForm : std::uint8_t { seconds, milliseconds, iso, log };
struct RecordTime {
  std::int64_t ns = 0;
  TimeForm form = TimeForm::seconds;
};
Result<RecordTime> parse_record_time(std::string_view text);

/// Of each record, in the file's order. Errors: the first record whose time cannot be read, or is written in another
/// form than the first one's (a column of seconds and milliseconds would make a replay of decades).
Result<std::vector<std::int64_t>> record_times_ns(const Dataset& data, std::uint32_t column);

}  // namespace squall
