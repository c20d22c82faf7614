// Body codings: gzip and deflate by zlib (level 6), zstd (level 3). The same bytes give the same
// bytes: no time, no file name in the header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace squall {

enum class Coding : std::uint8_t { none, gzip, deflate, zstd };

/// Appends to `out`; false only when the library has no memory.
bool compress(Coding coding, std::string_view bytes, std::string& out);
/// The name in Content-Encoding; "" for none.
std::string_view coding_name(Coding coding);

}  // namespace squall
