#include "scenario/json_path.hpp"

#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace squall {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMaxDepth = 64;

std::optional<std::size_t> to_index(std::string_view digits) {
  std::size_t index = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return index;
}

Result<Value> to_value(const Json& json, int depth) {
  if (depth > kMaxDepth) return Error{fmt::format("nested deeper than {}", kMaxDepth)};
  switch (json.type()) {
    case Json::value_t::boolean: return Value{json.get<bool>()};
    case Json::value_t::number_integer: return Value{json.get<std::int64_t>()};
    case Json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return Value{std::to_string(number)};  // as text it stays exact
      return Value{static_cast<std::int64_t>(number)};
    }
    case Json::value_t::number_float: return Value{json.get<double>()};
    case Json::value_t::string: return Value{json.get_ref<const std::string&>()};
    case Json::value_t::array: {
      ValueList list;
      for (const Json& item : json) {
        auto value = to_value(item, depth + 1);
        if (!value) return value;
        list.push_back(std::move(*value));
      }
      return Value{std::make_shared<const ValueList>(std::move(list))};
    }
    case Json::value_t::object: {
      ValueMap map;
      for (const auto& [key, item] : json.items()) {
        auto value = to_value(item, depth + 1);
        if (!value) return value;
        map.emplace_back(key, std::move(*value));
      }
      return Value{std::make_shared<const ValueMap>(std::move(map))};
    }
    default: return Value{};
  }
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  JsonPath path;
  path.text_ = text;
  const auto bad = [&](std::string_view why) { return Error{fmt::format("'{}' is not a JSON path: {}", path.text_, why)}; };
  if (text.starts_with('/')) {  // RFC 6901
    while (!text.empty()) {
      text.remove_prefix(1);
      const std::string_view raw = text.substr(0, text.find('/'));
      text.remove_prefix(raw.size());
      std::string key;
      for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '~') { key += raw[i]; continue; }
        if (++i == raw.size() || (raw[i] != '0' && raw[i] != '1')) return bad("'~' is written ~0, '/' is written ~1");
        key += raw[i] == '0' ? '~' : '/';
      }
      path.steps_.emplace_back(std::move(key));
    }
    return path;
  }
  if (text.starts_with('$')) text.remove_prefix(1);
  bool first = text.size() == path.text_.size();
  while (!text.empty()) {
    if (text[0] == '[') {
      const std::size_t close = text.find(']');
      if (close == text.npos) return bad("'[' is not closed");
      const std::string_view inside = text.substr(1, close - 1);
      if (inside.size() >= 2 && (inside[0] == '"' || inside[0] == '\'') && inside.back() == inside[0])
        path.steps_.emplace_back(std::string(inside.substr(1, inside.size() - 2)));
      else if (const auto index = to_index(inside)) path.steps_.emplace_back(*index);
      else return bad("a number or a quoted name stands in [ ]");
      text.remove_prefix(close + 1);
    } else {
      if (!first && text[0] != '.') return bad("'.' or '[' stands between its parts");
      if (text[0] == '.') text.remove_prefix(1);
      const std::string_view key = text.substr(0, text.find_first_of(".["));
      if (key.empty()) return bad("a name is missing");
      path.steps_.emplace_back(std::string(key));
      text.remove_prefix(key.size());
    }
    first = false;
  }
  return path;
}

Result<Value> JsonPath::find(std::string_view document) const {
  const Json json = Json::parse(document, nullptr, false);
  if (json.is_discarded()) return Error{"not JSON"};
  const Json* at = &json;
  for (const auto& step : steps_) {
    const Json* next = nullptr;
    const auto* key = std::get_if<std::string>(&step);
    if (key && at->is_object()) {
      if (const auto found = at->find(*key); found != at->end()) next = &*found;
    } else if (at->is_array()) {
      const auto index = key ? to_index(*key) : std::optional(std::get<std::size_t>(step));
      if (index && *index < at->size()) next = &(*at)[*index];
    }
    if (!next) return Error{fmt::format("no '{}' in the JSON", text_)};
    at = next;
  }
  return to_value(*at, 0);
}

}  // namespace squall
