#include "scenario/text_check.hpp"

#include <cstdint>
#include <cstring>

namespace squall {

CheckedText check_text(std::string_view text, bool is_last) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u, kHighs = 0x8080808080808080u;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    while (i + sizeof(std::uint64_t) <= text.size()) {   // eight bytes of 1 … 127
      std::uint64_t word;
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((((word - kOnes) | word) & kHighs) != 0) break;
      i += sizeof word;
    }
    if (i == text.size()) break;
    const unsigned char lead = byte(i);
    if (lead == 0) return {i, true};
    if (lead < 0x80) { ++i; continue; }
    std::size_t length = 0;
    unsigned char low = 0x80, high = 0xBF;  // of the second byte
    if (lead >= 0xC2 && lead <= 0xDF) length = 2;
    else if (lead >= 0xE0 && lead <= 0xEF) { length = 3; if (lead == 0xE0) low = 0xA0; if (lead == 0xED) high = 0x9F; }
    else if (lead >= 0xF0 && lead <= 0xF4) { length = 4; if (lead == 0xF0) low = 0x90; if (lead == 0xF4) high = 0x8F; }
    else return {i, true};
    if (i + length > text.size()) return {i, is_last};
    if (byte(i + 1) < low || byte(i + 1) > high) return {i, true};
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return {i, true};
    i += length;
  }
  return {i, false};
}

}  // namespace squall
