// What of a recorded request's headers a scenario says: what the browser adds to each request by itself is left out, and so is
// what squall sends itself; what says who is asking becomes a secret.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "recording/har.hpp"
#include "recording/secret_book.hpp"

namespace squall {

struct RecordedHeaders {
  nlohmann::ordered_json fields = nlohmann::ordered_json::object();  // by name, templates
  nlohmann::ordered_json auth;      // {bearer: …} or {basic: …}; null without
  std::string content_type;         // as it was sent, "" without
  std::size_t unusable = 0;         // left out: no header may be called so, or have such a value
};

/// `target`: the name of where the request goes. `origins`: what stands for an origin that is a target's, by origin.
RecordedHeaders recorded_headers(const HarEntry& entry, std::string_view target, std::string_view request,
                                 const std::vector<std::pair<std::string, std::string>>& origins, SecretBook& secrets);

}  // namespace squall
