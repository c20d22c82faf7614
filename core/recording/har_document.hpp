// The JSON of a recording, without what nobody needs of it. Private to this room.
#pragma once

#include <istream>
#include <nlohmann/json.hpp>
#include <string>

#include "result.hpp"

namespace squall {

/// The document; bodies of answers and the browser's own traces (`_initiator` and the like) are dropped as they are read.
/// Errors: "line 1, column 5: not JSON: …".
Result<nlohmann::json> read_har_document(std::istream& in);

}  // namespace squall
