// What a metric of the scenario is shown as.
#pragma once

#include <cstdint>

namespace squall {

enum class MetricKind : std::uint8_t { gauge, counter, trend };   // its last value, its sum, its mean

}  // namespace squall
