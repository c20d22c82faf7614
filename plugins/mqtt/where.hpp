// The `where` of mqtt.expect: which payloads match. A map with one or more of equals, contains,
// starts_with; with `json` they look at that member of a JSON payload. No patterns: what a step
// captures or checks with a regex is the host's, on the outputs.
#pragma once
#include <squall/abi.h>

#include <string_view>

namespace squall::mqtt {

/// The first word that `where` does not know, or an empty view; SQ_T_NULL is fine.
std::string_view unknown_where_key(const sq_value& where);
/// SQ_T_NULL matches everything; a payload that is no JSON has no members.
bool where_matches(const sq_value& where, std::string_view payload);

}  // namespace squall::mqtt
