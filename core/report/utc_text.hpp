// Times of day as results write them: RFC 3339, UTC.
#pragma once

#include <cstdint>
#include <string>

namespace squall {

/// "2026-11-21T20:00:00.000Z"
std::string utc_text(std::int64_t unix_ns);
/// Throws std::invalid_argument.
std::int64_t unix_ns_of(const std::string& utc);

}  // namespace squall
