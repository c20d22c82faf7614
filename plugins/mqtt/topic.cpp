#include "topic.hpp"

namespace squall::mqtt {
namespace {

constexpr std::string_view kShared = "$share/";

/// Cuts the first level off; `more` says whether a '/' followed it.
std::string_view take_level(std::string_view& rest, bool& more) {
  const size_t slash = rest.find('/');
  more = slash != std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest.remove_prefix(more ? slash + 1 : rest.size());
  return level;
}

std::string_view without_share(std::string_view filter) {
  if (!filter.starts_with(kShared)) return filter;
  const size_t slash = filter.find('/', kShared.size());
  return slash == std::string_view::npos ? filter : filter.substr(slash + 1);
}

}  // namespace

bool is_topic_name(std::string_view topic) {
  return !topic.empty() && topic.size() <= 65535 &&
         topic.find_first_of(std::string_view("+#\0", 3)) == std::string_view::npos;
}

bool is_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65535 || filter.find('\0') != std::string_view::npos)
    return false;
  for (bool more = true; more;) {
    const std::string_view level = take_level(filter, more);
    if (level == "#") return !more;
    if (level != "+" && level.find_first_of("+#") != std::string_view::npos) return false;
  }
  return true;
}

bool topic_matches(std::string_view filter, std::string_view topic) {
  filter = without_share(filter);
  if (topic.starts_with('$') && !filter.starts_with('$')) return false;
  bool filter_more = true, topic_more = true;
  while (filter_more && topic_more) {
    const std::string_view wanted = take_level(filter, filter_more);
    if (wanted == "#") return true;
    const std::string_view level = take_level(topic, topic_more);
    if (wanted != "+" && wanted != level) return false;
  }
  // "a/#" matches "a" too: the parent level is included.
  return filter_more ? filter == "#" : !topic_more;
}

}  // namespace squall::mqtt
