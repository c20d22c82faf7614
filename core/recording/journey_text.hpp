// A journey as the text of a scenario, for people to read and go on with.
#pragma once

#include <string>
#include <string_view>

#include "recording/journey.hpp"

namespace squall {

/// YAML that `squall check` finds nothing wrong with, once the journey's secrets are set. `name`: the scenario's.
std::string journey_text(const Journey& journey, std::string_view name);

}  // namespace squall
