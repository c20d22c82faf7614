// Reads the parameters of one distribution: `exponential: 7s`, `pareto: {shape: 2.5, min: 20B}`.
// What stands beside it (min, max, mean, fixed) is distribution_reader.cpp's. Private to this room.
#pragma once

#include <string>
#include <string_view>

#include "payload/distribution.hpp"
#include "payload/shape.hpp"

namespace squall {

struct ShapeRequest {
  const std::string& kind;  // one of kDistributionKinds
  const Value& value;
  const ValueMap& beside;  // for `scale` and `step`
  UnitKind unit = UnitKind::none;
  const std::string& unit_text;  // of `unit:`, or ""
  const DistributionContext& context;
};

Result<ShapePtr> read_shape(const ShapeRequest& request);
/// "s", "B", "/s", "B/s": for hints.
std::string_view zero_unit(UnitKind unit);

}  // namespace squall
