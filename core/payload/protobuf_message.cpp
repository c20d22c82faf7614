#include "payload/protobuf_message.hpp"

#include <bit>
#include <cmath>

#include "payload/digest.hpp"
#include "payload/suggestion.hpp"

namespace squall {
namespace {

using Type = ProtobufField::Type;

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr TypeName kTypes[] = {
    {"int", Type::int_},     {"uint", Type::int_},       {"sint", Type::sint},
    {"bool", Type::bool_},   {"fixed32", Type::fixed32}, {"fixed64", Type::fixed64},
    {"float", Type::float_}, {"double", Type::double_},  {"string", Type::text},
    {"bytes", Type::hex},    {"message", Type::message}};
constexpr std::string_view kTypeNames[] = {"int",     "uint",    "sint",    "bool",
                                           "fixed32", "fixed64", "float",   "double",
                                           "string",  "bytes",   "message", "each"};
constexpr std::int64_t kMaxCount = 1 << 24;

void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void append_little(std::string& out, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

enum Wire : std::uint32_t { kVarint = 0, kFixed64 = 1, kSized = 2, kFixed32 = 5 };

void append_tag(std::string& out, std::uint32_t number, Wire wire) {
  append_varint(out, number << 3 | wire);
}

// The bytes from `begin` on get their tag and length in front.
void wrap_sized(std::string& out, std::size_t begin, std::uint32_t number) {
  std::string head;
  append_tag(head, number, kSized);
  append_varint(head, out.size() - begin);
  out.insert(begin, head);
}

bool to_whole(const ProtobufField& field, const Number& number, std::int64_t& out,
              std::string& error) {
  if (!number.is_whole && !(std::fabs(number.real) < 0x1p63)) {
    error = "field " + std::to_string(field.number) + ": the number is too large";
    return false;
  }
  out = number.is_whole ? number.whole : std::llround(number.real);
  return true;
}

bool append_by_value(const ProtobufField& field, Scope& scope, std::string& out,
                     std::string& error) {
  Value value;
  if (!field.value->evaluate(scope, value, error)) return false;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    append_tag(out, field.number, kVarint);
    append_varint(out, static_cast<std::uint64_t>(*whole));
  } else if (const auto* flag = std::get_if<bool>(&value.data)) {
    append_tag(out, field.number, kVarint);
    out += static_cast<char>(*flag ? 1 : 0);
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    append_tag(out, field.number, kFixed64);
    append_little(out, std::bit_cast<std::uint64_t>(*real), 8);
  } else {
    const std::size_t begin = out.size();
    value.append_to(out);
    wrap_sized(out, begin, field.number);
  }
  return true;
}

bool append_once(const ProtobufField& field, Scope& scope, std::string& out, std::string& error) {
  switch (field.type) {
    case Type::by_value:
      return append_by_value(field, scope, out, error);
    case Type::text: {
      const std::size_t begin = out.size();
      if (!field.value->append(scope, out, error)) return false;
      wrap_sized(out, begin, field.number);
      return true;
    }
    case Type::hex: {
      std::string text;
      if (!field.value->append(scope, text, error)) return false;
      const std::size_t begin = out.size();
      if (!parse_hex(text, out)) {
        error = "field " + std::to_string(field.number) + ": '" + text +
                "' is no even number of hex digits";
        return false;
      }
      wrap_sized(out, begin, field.number);
      return true;
    }
    case Type::message: {
      const std::size_t begin = out.size();
      if (!append_protobuf(field.message, scope, out, error)) return false;
      wrap_sized(out, begin, field.number);
      return true;
    }
    default:
      break;
  }
  Number number;
  if (!field.value->number(scope, number, error)) return false;
  if (field.type == Type::double_) {
    append_tag(out, field.number, kFixed64);
    append_little(out, std::bit_cast<std::uint64_t>(number.as_double()), 8);
    return true;
  }
  if (field.type == Type::float_) {
    append_tag(out, field.number, kFixed32);
    append_little(out, std::bit_cast<std::uint32_t>(static_cast<float>(number.as_double())), 4);
    return true;
  }
  std::int64_t whole = 0;
  if (!to_whole(field, number, whole, error)) return false;
  const auto bits = static_cast<std::uint64_t>(whole);
  switch (field.type) {
    case Type::fixed32:
      append_tag(out, field.number, kFixed32);
      append_little(out, bits, 4);
      break;
    case Type::fixed64:
      append_tag(out, field.number, kFixed64);
      append_little(out, bits, 8);
      break;
    case Type::sint:  // zigzag: small negative numbers stay short
      append_tag(out, field.number, kVarint);
      append_varint(out, bits << 1 ^ static_cast<std::uint64_t>(whole >> 63));
      break;
    default:
      append_tag(out, field.number, kVarint);
      append_varint(out, field.type == Type::bool_ ? (whole != 0 ? 1 : 0) : bits);
  }
  return true;
}

bool is_field_number(std::string_view text) {
  Number number;
  return parse_number(text, number) && number.is_whole && number.whole >= 1 &&
         number.whole < (1 << 29) &&
         !(number.whole >= 19000 && number.whole < 20000);  // reserved by protobuf itself
}

Result<ProtobufField> make_field(const Value& description, Names& names,
                                 const std::string& folder) {
  ProtobufField field;
  const ValueMap* map = as_map(description);
  if (map == nullptr || is_distribution(description)) {
    auto value = make_generator(description, names, folder);
    if (!value) return value.error();
    field.value = std::make_unique<Generator>(std::move(*value));
    return field;
  }
  if (map->empty() || is_field_number((*map)[0].first)) {
    auto message = make_protobuf(description, names, folder);
    if (!message) return message.error();
    field.type = Type::message;
    field.message = std::move(*message);
    return field;
  }
  if (map->size() != 1) return Error{"a protobuf field is a value or {TYPE: value}"};
  const auto& [name, given] = (*map)[0];
  if (name == "each") {  // each: {count: D, of: field}
    const ValueMap* each = as_map(given);
    const Value* count = each == nullptr ? nullptr : find_key(*each, "count");
    const Value* of = each == nullptr ? nullptr : find_key(*each, "of");
    if (count == nullptr || of == nullptr || each->size() != 2) {
      return Error{"'each' takes count and of (write each: {count: 3, of: {1: 7}})"};
    }
    auto made = make_field(*of, names, folder);
    if (!made) return made.error();
    if (made->count) return Error{"'each' within 'each' needs a message in between"};
    auto times = make_generator(*count, names, folder);
    if (!times) return times.error();
    made->count = std::make_unique<Generator>(std::move(*times));
    return made;
  }
  for (const TypeName& known : kTypes) {
    if (known.name != name) continue;
    field.type = known.type;
    if (field.type == Type::message) {
      auto message = make_protobuf(given, names, folder);
      if (!message) return message.error();
      field.message = std::move(*message);
      return field;
    }
    auto value = make_generator(given, names, folder);
    if (!value) return value.error();
    field.value = std::make_unique<Generator>(std::move(*value));
    return field;
  }
  return Error{"unknown protobuf type '" + name + "'" + did_you_mean(name, kTypeNames)};
}

}  // namespace

Result<std::vector<ProtobufField>> make_protobuf(const Value& description, Names& names,
                                                 const std::string& folder) {
  const ValueMap* map = as_map(description);
  if (map == nullptr)
    return Error{"'protobuf' takes field numbers (write protobuf: {1: 7, 2: abc})"};
  std::vector<ProtobufField> fields;
  for (const auto& [key, given] : *map) {
    if (!is_field_number(key)) return Error{"'" + key + "' is not a protobuf field number"};
    const auto number = static_cast<std::uint32_t>(std::stoul(key));
    // A list is a repeated field: one after the other under the same number.
    const ValueList* list = as_list(given);
    const ValueList one = list == nullptr ? ValueList{given} : *list;
    for (const Value& item : one) {
      auto field = make_field(item, names, folder);
      if (!field) return Error{"field " + key + ": " + field.error().text};
      field->number = number;
      fields.push_back(std::move(*field));
    }
  }
  return fields;
}

bool append_protobuf(const std::vector<ProtobufField>& fields, Scope& scope, std::string& out,
                     std::string& error) {
  for (const ProtobufField& field : fields) {
    std::int64_t count = 1;
    if (field.count) {
      Number number;
      if (!field.count->number(scope, number, error)) return false;
      if (!to_whole(field, number, count, error)) return false;
      if (count > kMaxCount) {
        error = "each: " + std::to_string(count) + " is too many";
        return false;
      }
    }
    for (; count > 0; --count) {
      if (!append_once(field, scope, out, error)) return false;
    }
  }
  return true;
}

}  // namespace squall
