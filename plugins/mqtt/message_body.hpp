// A publish's payload as one piece of memory: text as it stands, a source in one chunk without a
// copy, anything else gathered. Both client libraries copy the message, so no more than that is
// worth avoiding.
#pragma once
#include <squall/plugin.hpp>
#include <string>
#include <string_view>

#include "failure.hpp"

namespace squall::mqtt {

/// `out` is valid as long as `scratch`, `args` and the call are. A failure leaves it undefined.
Failure read_body(const plugin::Bound& payload, const sq_value* args, std::string& scratch,
                  std::string_view& out);

}  // namespace squall::mqtt
