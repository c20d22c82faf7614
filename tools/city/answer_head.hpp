// The status line and headers of an answer, as bytes.
#pragma once

#include <string>

#include "http_routes.hpp"

namespace squall::city {

enum class ConnectionField { kNone, kClose, kKeepAlive };

/// True for statuses whose answers have no body, whatever the route wanted (RFC 9110, 15.3.5
/// and 15.4.5).
inline bool has_no_body(unsigned status) { return status == 204 || status == 304; }

/// Replaces `out`, whose memory is reused from answer to answer.
void render_head(std::string& out, const Answer& answer, ConnectionField connection);

}  // namespace squall::city
