// Bytes of a protocol for a person's eyes: text as text, anything else as a dump, both bounded, with what must
// not be seen hidden. Nothing of them can steer a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "report/redaction.hpp"

namespace squall {

inline constexpr std::size_t kShownTextBytes = 4096;
inline constexpr std::size_t kShownDumpBytes = 256;
/// So much of a message has to be kept to show its beginning: its head, and secrets that reach over the limit.
inline constexpr std::size_t kKeptBytes = 16384;

/// UTF-8 without control characters but line ends and tabs. `is_cut`: the last character may be half there.
bool is_text(std::string_view bytes, bool is_cut = false);

/// Lines, each after `mark` ("    > "). `kept` are the first of `total` bytes; a head before an empty line
/// (HTTP) is shown whole and judged apart from what follows it. The last line says what is left out.
std::string bytes_view(std::string_view kept, std::uint64_t total, std::string_view mark, const Redaction& redaction);

/// In one line: quoted when it is text, at most `limit` characters of it; else its size and first bytes.
std::string short_view(std::string_view bytes, const Redaction& redaction, std::size_t limit = 200);

}  // namespace squall
