#include "payload/packed_bytes.hpp"

#include <bit>
#include <cmath>

#include "payload/digest.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

constexpr std::int64_t kMaxFill = std::int64_t{1} << 26;  // larger bodies are `size:` payloads

// u8, u16le, i24be, f64le …: width, sign and order from the name; false when it is none.
bool read_number_kind(std::string_view name, PackedItem& item) {
  if (name.empty()) return false;
  const char type = name[0];
  std::string_view rest = name.substr(1);
  if (rest.ends_with("le") || rest.ends_with("be")) {
    item.is_big_endian = rest.ends_with("be");
    rest.remove_suffix(2);
  } else if (rest != "8") {
    return false;
  }
  int bits = 0;
  for (int known : {8, 16, 24, 32, 48, 64}) {
    if (rest == std::to_string(known)) bits = known;
  }
  item.width = static_cast<std::uint8_t>(bits / 8);
  item.is_signed = type == 'i';
  if (type == 'f') {
    item.kind = PackedItem::Kind::real;
    return bits == 32 || bits == 64;
  }
  item.kind = PackedItem::Kind::whole;
  return (type == 'u' || type == 'i') && bits != 0 && (bits != 8 || name.size() == 2);
}

constexpr std::string_view kNames[] = {
    "u8",    "u16le", "u16be",  "u24le", "u24be", "u32le", "u32be", "u48le", "u48be",
    "u64le", "u64be", "i8",     "i16le", "i16be", "i24le", "i24be", "i32le", "i32be",
    "i48le", "i48be", "i64le",  "i64be", "f32le", "f32be", "f64le", "f64be", "text",
    "hex",   "zero",  "random", "crc16", "crc32", "bits",  "sized", "repeat"};

void append_whole(std::string& out, std::uint64_t value, int width, bool is_big_endian) {
  for (int i = 0; i < width; ++i) {
    const int shift = 8 * (is_big_endian ? width - 1 - i : i);
    out += static_cast<char>((value >> shift) & 0xFF);
  }
}

bool fits(std::int64_t value, int bits, bool is_signed) {
  if (!is_signed) return value >= 0 && (bits >= 63 || value < (std::int64_t{1} << bits));
  if (bits == 64) return true;
  const std::int64_t limit = std::int64_t{1} << (bits - 1);
  return value >= -limit && value < limit;
}

bool whole_number(const PackedItem& item, Scope& scope, int bits, std::int64_t& out,
                  std::string& error) {
  Number number;
  if (!item.value->number(scope, number, error)) return false;
  if (!number.is_whole) {
    if (!(std::fabs(number.real) < 0x1p63)) {
      error = item.name + ": the number is too large";
      return false;
    }
    number = Number::of(static_cast<std::int64_t>(std::llround(number.real)));
  }
  if (!fits(number.whole, bits, item.is_signed)) {
    error = item.name + ": " + std::to_string(number.whole) + " does not fit";
    return false;
  }
  out = number.whole;
  return true;
}

bool append_bits(const PackedItem& group, Scope& scope, std::string& out, std::string& error) {
  unsigned __int128 pending = 0;
  int count = 0;
  for (const PackedItem& field : group.items) {
    std::int64_t value = 0;
    if (!whole_number(field, scope, field.width, value, error)) return false;
    pending = pending << field.width | static_cast<std::uint64_t>(value);
    count += field.width;
    while (count >= 8) {
      count -= 8;
      out += static_cast<char>(static_cast<std::uint64_t>(pending >> count) & 0xFF);
      pending &= (static_cast<unsigned __int128>(1) << count) - 1;
    }
  }
  return true;
}

bool append_one(const PackedItem& item, Scope& scope, std::string& out, std::size_t begin,
                std::string& error) {
  std::int64_t whole = 0;
  switch (item.kind) {
    case PackedItem::Kind::whole:
      if (!whole_number(item, scope, item.width * 8, whole, error)) return false;
      append_whole(out, static_cast<std::uint64_t>(whole), item.width, item.is_big_endian);
      return true;
    case PackedItem::Kind::real: {
      Number number;
      if (!item.value->number(scope, number, error)) return false;
      const double real = number.as_double();
      const std::uint64_t bits = item.width == 8
                                     ? std::bit_cast<std::uint64_t>(real)
                                     : std::bit_cast<std::uint32_t>(static_cast<float>(real));
      append_whole(out, bits, item.width, item.is_big_endian);
      return true;
    }
    case PackedItem::Kind::text:
      return item.value->append(scope, out, error);
    case PackedItem::Kind::hex: {
      std::string text;
      if (!item.value->append(scope, text, error)) return false;
      if (parse_hex(text, out)) return true;
      error = "hex: '" + text + "' is no even number of hex digits";
      return false;
    }
    case PackedItem::Kind::zero:
    case PackedItem::Kind::random:
    case PackedItem::Kind::repeat:
      if (!whole_number(item, scope, 63, whole, error)) return false;
      if (whole > kMaxFill) {
        error = item.name + ": " + std::to_string(whole) +
                " is too many (use `size` for large payloads)";
        return false;
      }
      if (item.kind == PackedItem::Kind::zero) {
        out.append(static_cast<std::size_t>(whole), '\0');
      } else if (item.kind == PackedItem::Kind::random) {
        RandomStream random = scope.stream();
        while (whole > 0) {
          std::uint64_t bits = random.next();
          for (int i = 0; i < 8 && whole > 0; ++i, --whole, bits >>= 8)
            out += static_cast<char>(bits & 0xFF);
        }
        scope.draws = random.draws;
      } else {
        for (; whole > 0; --whole) {
          if (!append_packed(item.items, scope, out, begin, error)) return false;
        }
      }
      return true;
    case PackedItem::Kind::crc16:
      append_whole(out, crc16_arc(std::string_view(out).substr(begin)), 2, item.is_big_endian);
      return true;
    case PackedItem::Kind::crc32:
      append_whole(out, crc32_of(std::string_view(out).substr(begin)), 4, item.is_big_endian);
      return true;
    case PackedItem::Kind::bits:
      return append_bits(item, scope, out, error);
    case PackedItem::Kind::sized: {
      const std::size_t place = out.size();
      out.append(item.width, '\0');
      if (!append_packed(item.items, scope, out, begin, error)) return false;
      const std::size_t size = out.size() - place - item.width;
      if (!fits(static_cast<std::int64_t>(size), item.width * 8, item.is_signed)) {
        error = "sized: " + std::to_string(size) + " bytes do not fit into " + item.name;
        return false;
      }
      std::string number;
      append_whole(number, size, item.width, item.is_big_endian);
      out.replace(place, item.width, number);
      return true;
    }
  }
  return false;
}

Result<PackedItem> make_item(const Value& description, Names& names, const std::string& folder);

// bits: [{3: T}, {5: T}]
Result<PackedItem> make_bits(const Value& description, Names& names, const std::string& folder) {
  PackedItem group;
  group.kind = PackedItem::Kind::bits;
  const ValueList* fields = as_list(description);
  if (fields == nullptr || fields->empty())
    return Error{"'bits' takes a list of fields (write bits: [{3: 1}, {5: 0}])"};
  int total = 0;
  for (const Value& field : *fields) {
    const ValueMap* map = as_map(field);
    Number width;
    if (map == nullptr || map->size() != 1 || !parse_number((*map)[0].first, width) ||
        !width.is_whole || width.whole < 1 || width.whole > 64) {
      return Error{"a field of 'bits' is {WIDTH: value} with a width from 1 to 64"};
    }
    auto value = make_generator((*map)[0].second, names, folder);
    if (!value) return value.error();
    PackedItem item;
    item.width = static_cast<std::uint8_t>(width.whole);
    item.name = "bits " + (*map)[0].first;
    item.value = std::make_unique<Generator>(std::move(*value));
    total += item.width;
    group.items.push_back(std::move(item));
  }
  if (total % 8 != 0)
    return Error{"'bits' makes " + std::to_string(total) + " bits, not whole bytes"};
  return group;
}

// sized: {u16be: [items]}
Result<PackedItem> make_sized(const Value& description, Names& names, const std::string& folder) {
  const ValueMap* map = as_map(description);
  PackedItem item;
  if (map == nullptr || map->size() != 1 || !read_number_kind((*map)[0].first, item) ||
      item.kind != PackedItem::Kind::whole) {
    return Error{
        "'sized' takes a kind of number and the items it counts (write sized: {u16be: [...]})"};
  }
  item.kind = PackedItem::Kind::sized;
  item.name = (*map)[0].first;
  auto items = make_packed_items((*map)[0].second, names, folder);
  if (!items) return items.error();
  item.items = std::move(*items);
  return item;
}

// repeat: {count: D, bytes: [items]}
Result<PackedItem> make_repeat(const Value& description, Names& names, const std::string& folder) {
  const ValueMap* map = as_map(description);
  const Value* count = map == nullptr ? nullptr : find_key(*map, "count");
  const Value* bytes = map == nullptr ? nullptr : find_key(*map, "bytes");
  if (count == nullptr || bytes == nullptr || map->size() != 2) {
    return Error{"'repeat' takes count and bytes (write repeat: {count: 96, bytes: [...]})"};
  }
  PackedItem item;
  item.kind = PackedItem::Kind::repeat;
  item.name = "repeat";
  auto value = make_generator(*count, names, folder);
  if (!value) return value.error();
  item.value = std::make_unique<Generator>(std::move(*value));
  auto items = make_packed_items(*bytes, names, folder);
  if (!items) return items.error();
  item.items = std::move(*items);
  return item;
}

Result<PackedItem> make_item(const Value& description, Names& names, const std::string& folder) {
  const ValueMap* map = as_map(description);
  if (map == nullptr || map->size() != 1)
    return Error{"an item of 'bytes' is {KIND: value}, for example {u16le: 7}"};
  const auto& [name, given] = (*map)[0];
  if (name == "bits") return make_bits(given, names, folder);
  if (name == "sized") return make_sized(given, names, folder);
  if (name == "repeat") return make_repeat(given, names, folder);
  PackedItem item;
  item.name = name;
  if (name == "crc16" || name == "crc32") {
    const std::string order = given.to_text();
    if (order != "le" && order != "be")
      return Error{"'" + name + "' is le or be, not '" + order + "'"};
    item.kind = name == "crc16" ? PackedItem::Kind::crc16 : PackedItem::Kind::crc32;
    item.is_big_endian = order == "be";
    return item;
  }
  if (name == "text") {
    item.kind = PackedItem::Kind::text;
  } else if (name == "hex") {
    item.kind = PackedItem::Kind::hex;
  } else if (name == "zero") {
    item.kind = PackedItem::Kind::zero;
  } else if (name == "random") {
    item.kind = PackedItem::Kind::random;
  } else if (!read_number_kind(name, item)) {
    PackedItem ordered;
    if (read_number_kind(name + "le", ordered)) {
      return Error{"'" + name + "' needs its byte order (" + name + "le or " + name + "be)"};
    }
    return Error{"unknown kind '" + name + "' in 'bytes'" + did_you_mean(name, kNames)};
  }
  auto value = make_generator(given, names, folder);
  if (!value) return Error{name + ": " + value.error().text};
  item.value = std::make_unique<Generator>(std::move(*value));
  return item;
}

}  // namespace

Result<std::vector<PackedItem>> make_packed_items(const Value& description, Names& names,
                                                  const std::string& folder) {
  const ValueList* list = as_list(description);
  if (list == nullptr)
    return Error{"'bytes' takes a list (write bytes: [{u16le: 7}, {text: abc}])"};
  std::vector<PackedItem> items;
  for (const Value& one : *list) {
    auto item = make_item(one, names, folder);
    if (!item) return item.error();
    items.push_back(std::move(*item));
  }
  return items;
}

bool append_packed(const std::vector<PackedItem>& items, Scope& scope, std::string& out,
                   std::size_t begin, std::string& error) {
  for (const PackedItem& item : items) {
    if (!append_one(item, scope, out, begin, error)) return false;
  }
  return true;
}

}  // namespace squall
