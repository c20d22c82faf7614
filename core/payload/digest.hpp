// Checksums and encodings that payloads carry. Each writes behind `out`, or gives a number.
// Digests are OpenSSL's; the CRCs are small enough to stand here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace squall {

/// CRC-16/ARC: polynomial 0x8005 reflected, start 0, the one of DSMR telegrams. "123456789" ->
/// 0xBB3D.
std::uint16_t crc16_arc(std::string_view bytes);
/// CRC-32 of zip and Ethernet. "123456789" -> 0xCBF43926.
std::uint32_t crc32_of(std::string_view bytes);

enum class DigestKind : std::uint8_t { md5, sha1, sha256 };
/// Lower-case hex digits.
void append_digest(std::string& out, DigestKind kind, std::string_view bytes);
void append_hmac_sha256(std::string& out, std::string_view key, std::string_view bytes);

void append_hex(std::string& out, std::string_view bytes);
/// "ffD8" -> two bytes; false when it is no even number of hex digits. Spaces and ':' are skipped.
bool parse_hex(std::string_view text, std::string& out);
void append_base64(std::string& out, std::string_view bytes);
/// RFC 3986: all but letters, digits and -._~ as %XX.
void append_url_encoded(std::string& out, std::string_view text);

}  // namespace squall
