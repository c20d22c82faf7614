#include "where.hpp"

#include <nlohmann/json.hpp>
#include <squall/plugin.hpp>
#include <string>

namespace squall::mqtt {
namespace {

bool test(std::string_view key, std::string_view text, std::string_view wanted) {
  if (key == "equals") return text == wanted;
  if (key == "contains") return text.find(wanted) != std::string_view::npos;
  if (key == "starts_with") return text.starts_with(wanted);
  return true;
}

/// The member as a user would write it; false when there is none.
bool json_member(std::string_view payload, const std::string& pointer, std::string& out) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  if (document.is_discarded()) return false;
  try {
    const auto& member = document.at(nlohmann::json::json_pointer(pointer));
    out = member.is_string() ? member.get<std::string>() : member.dump();
    return true;
  } catch (const nlohmann::json::exception&) {  // no such member, or no pointer
    return false;
  }
}

}  // namespace

std::string_view unknown_where_key(const sq_value& where) {
  for (const sq_pair& pair : plugin::as_map(where)) {
    const std::string_view key = plugin::view(pair.key);
    if (key != "equals" && key != "contains" && key != "starts_with" && key != "json") return key;
  }
  return {};
}

bool where_matches(const sq_value& where, std::string_view payload) {
  const auto tests = plugin::as_map(where);
  if (tests.empty()) return true;
  std::string member, wanted;
  if (const sq_value* pointer = plugin::find(tests, "json")) {
    if (!json_member(payload, std::string(plugin::as_text(*pointer)), member)) return false;
    payload = member;
  }
  for (const sq_pair& pair : tests) {
    wanted.clear();
    plugin::append_text(wanted, pair.value);
    if (!test(plugin::view(pair.key), payload, wanted)) return false;
  }
  return true;
}

}  // namespace squall::mqtt
