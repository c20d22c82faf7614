// Binary messages field by field: `bytes: [{u16le: T}, {f32be: T}, {hex: "FFD8"}, {crc16: le}, …]`.
// One row of the table in packed_bytes.cpp per kind of number. Private to this room.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "payload/generator.hpp"

namespace squall {

struct PackedItem {
  enum class Kind : std::uint8_t {
    whole,
    real,  // u8 … u64, i8 … i64, f32, f64
    text,
    hex,  // as it is; as pairs of hex digits
    zero,
    random,  // a number of bytes
    crc16,
    crc32,   // of all bytes of the payload before
    bits,    // fields of 1 … 64 bits, the most significant first
    sized,   // the size of the nested items as a number in front of them
    repeat,  // the nested items `value` times
  } kind = Kind::whole;
  std::uint8_t width = 0;  // bytes; in `bits` the bits of this field
  bool is_signed = false;
  bool is_big_endian = false;
  std::string name;  // for errors: "u16le"
  std::unique_ptr<Generator> value;
  std::vector<PackedItem> items;
};

Result<std::vector<PackedItem>> make_packed_items(const Value& description, Names& names,
                                                  const std::string& folder);

/// Appends to `out`; the payload begins at `begin` there (for the CRCs).
bool append_packed(const std::vector<PackedItem>& items, Scope& scope, std::string& out,
                   std::size_t begin, std::string& error);

}  // namespace squall
