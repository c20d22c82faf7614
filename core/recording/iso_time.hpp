// Points in time as ISO 8601 writes them and browsers record them: 2026-11-22T10:20:30.123+01:00.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace squall {

/// Microseconds since 1970, UTC; finer digits are cut off. nullopt: no date and time with a zone ('Z' or an offset).
std::optional<std::int64_t> parse_iso_time_us(std::string_view text);

}  // namespace squall
