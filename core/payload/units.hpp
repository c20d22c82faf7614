// Numbers with units, as the language writes them: 1m30s, 2KiB, 40000/day, 500 MB/s, 3Mbit/s.
// A bare number is refused where a unit is due: 30 could be seconds or milliseconds, and a load
// test that guesses is worse than one that asks. No distributions here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

/// What a number stands for, and with it which units it takes. Values are kept as ns, bytes, 1/s,
/// bytes/s.
enum class UnitKind : std::uint8_t {
  none,       // a plain number; no unit allowed
  duration,   // ns us ms s m h d, also 1m30s
  size,       // B kB MB GB TB (10^3), KiB MiB GiB TiB (2^10)
  rate,       // /s /m /h /day
  byte_rate,  // a size per /s /m /h /day, or bit/s kbit/s Mbit/s Gbit/s
  any,        // a plain number, or (in `choice` and `markov`) any text
};

/// "1m30s" -> 90'000'000'000. Errors: no unit, unknown unit, negative, not a number, above 292
/// years.
Result<std::int64_t> parse_duration_ns(std::string_view text);
/// "2KiB" -> 2048. Errors as above, and a size that is no whole number of bytes ("1.5B").
Result<std::uint64_t> parse_size(std::string_view text);
/// "40000/day" -> 0.46296…
Result<double> parse_rate_per_s(std::string_view text);
/// "500 MB/s" -> 5e8; "3Mbit/s" -> 375'000.
Result<double> parse_bytes_per_s(std::string_view text);

/// Any of these, by kind: ns, bytes, 1/s, bytes/s; for `none` a finite number, negative ones too.
/// A YAML number (an int64 or double Value) is refused unless the kind is `none` or `any`.
Result<double> parse_quantity(std::string_view text, UnitKind kind);
Result<double> parse_quantity(const Value& value, UnitKind kind);

/// For people, three digits: "1.5s", "340ms", "1m30s"; sizes are decimal: "2.05 kB".
std::string format_duration(std::int64_t ns);
std::string format_size(double bytes);
std::string format_rate(double per_s);             // "500/s", "27.8/m"
std::string format_byte_rate(double bytes_per_s);  // "500 MB/s"

}  // namespace squall
