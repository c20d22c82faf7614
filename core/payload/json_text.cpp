#include "payload/json_text.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "payload/number_text.hpp"

namespace squall {
namespace {

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

Value from_json(const nlohmann::ordered_json& json) {
  using Kind = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Kind::boolean:
      return {json.get<bool>()};
    case Kind::number_integer:
      return {json.get<std::int64_t>()};
    case Kind::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(INT64_MAX))
        return {static_cast<std::int64_t>(number)};
      return {static_cast<double>(number)};
    }
    case Kind::number_float:
      return {json.get<double>()};
    case Kind::string:
      return {json.get<std::string>()};
    case Kind::array: {
      auto list = std::make_shared<ValueList>();
      list->reserve(json.size());
      for (const auto& item : json) list->push_back(from_json(item));
      return {std::shared_ptr<const ValueList>(std::move(list))};
    }
    case Kind::object: {
      auto map = std::make_shared<ValueMap>();
      map->reserve(json.size());
      for (const auto& [key, item] : json.items()) map->emplace_back(key, from_json(item));
      return {std::shared_ptr<const ValueMap>(std::move(map))};
    }
    default:
      return {};
  }
}

Result<nlohmann::ordered_json> read(std::string_view text) {
  try {
    return nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    return Error{"not JSON: mistake at byte " + std::to_string(error.byte)};
  } catch (const nlohmann::json::exception&) {
    return Error{"not JSON: a number is out of range"};
  }
}

}  // namespace

void append_json_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    switch (const char c = text[i]) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[(c >> 4) & 15];
        out += kHex[c & 15];
    }
  }
  out.append(text, begin, text.size() - begin);
}

void escape_json_tail(std::string& out, std::size_t begin) {
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (needs_escape(out[i])) {
      const std::string rest = out.substr(i);
      out.resize(i);
      append_json_escaped(out, rest);
      return;
    }
  }
}

void append_json(std::string& out, const Value& value) {
  if (value.is_null()) {
    out += "null";
  } else if (const auto* real = std::get_if<double>(&value.data)) {
    if (std::isfinite(*real)) {
      append_number(out, *real);
    } else {
      out += "null";
    }
  } else if (const auto* list = std::get_if<std::shared_ptr<const ValueList>>(&value.data)) {
    out += '[';
    for (std::size_t i = 0; i < (*list)->size(); ++i) {
      if (i != 0) out += ',';
      append_json(out, (**list)[i]);
    }
    out += ']';
  } else if (const auto* map = std::get_if<std::shared_ptr<const ValueMap>>(&value.data)) {
    out += '{';
    for (std::size_t i = 0; i < (*map)->size(); ++i) {
      if (i != 0) out += ',';
      out += '"';
      append_json_escaped(out, (**map)[i].first);
      out += "\":";
      append_json(out, (**map)[i].second);
    }
    out += '}';
  } else if (std::holds_alternative<std::string>(value.data) ||
             std::holds_alternative<Duration>(value.data)) {
    out += '"';
    const std::size_t begin = out.size();
    value.append_to(out);
    escape_json_tail(out, begin);
    out += '"';
  } else {
    value.append_to(out);
  }
}

Result<Value> parse_json(std::string_view text) {
  auto json = read(text);
  if (!json) return json.error();
  return from_json(*json);
}

Result<std::string> json_to_cbor(std::string_view text) {
  auto json = read(text);
  if (!json) return json.error();
  std::string out;
  nlohmann::ordered_json::to_cbor(*json, nlohmann::detail::output_adapter<char>(out));
  return out;
}

Result<std::string> json_to_msgpack(std::string_view text) {
  auto json = read(text);
  if (!json) return json.error();
  std::string out;
  nlohmann::ordered_json::to_msgpack(*json, nlohmann::detail::output_adapter<char>(out));
  return out;
}

}  // namespace squall
