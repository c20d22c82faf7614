// Topic names and filters, MQTT 5.0 section 4.7: validity and matching. Pure functions.
#pragma once
#include <string_view>

namespace squall::mqtt {

/// Not empty, at most 65,535 bytes, no wildcard, no NUL.
bool is_topic_name(std::string_view topic);
/// Wildcards stand alone in their level, '#' at the end only.
bool is_topic_filter(std::string_view filter);
/// `$share/GROUP/FILTER` matches as FILTER; a wildcard in the first level never matches '$…'.
bool topic_matches(std::string_view filter, std::string_view topic);

}  // namespace squall::mqtt
