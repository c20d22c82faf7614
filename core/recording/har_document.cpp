#include "recording/har_document.hpp"

#include <string_view>
#include <vector>

namespace squall {
namespace {

/// nlohmann's words without its numbers, and without what was last read: that may be a password.
std::string without_details(std::string_view what) {
  if (const auto end = what.find("; last read"); end != what.npos) what = what.substr(0, end);
  if (const auto begin = what.find("] "); begin != what.npos) what.remove_prefix(begin + 2);
  constexpr std::string_view kBefore = "parse error at ";
  if (what.starts_with(kBefore)) what.remove_prefix(kBefore.size());
  const auto colon = what.find(": ");
  if (colon == what.npos) return "not JSON: " + std::string(what);
  return std::string(what.substr(0, colon)) + ": not JSON: " + std::string(what.substr(colon + 2));
}

}  // namespace

Result<nlohmann::json> read_har_document(std::istream& in) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::string> keys;  // the last key at each depth
  const auto keep = [&](int depth, Event event, const nlohmann::json& parsed) {
    if (event != Event::key) return true;
    const auto at = static_cast<std::size_t>(depth);
    const auto& key = parsed.get_ref<const std::string&>();
    if (keys.size() <= at) keys.resize(at + 1);
    keys[at] = key;
    if (key == "text" && at > 0 && keys[at - 1] == "content") return false;
    return !key.starts_with('_') || key == "_fromCache" || key == "_resourceType";
  };
  try {
    return nlohmann::json::parse(in, keep);
  } catch (const nlohmann::json::exception& error) {
    return Error{without_details(error.what())};
  }
}

}  // namespace squall
