// What stands around a shape: scale, bounds, `fixed`. Private to this room.
#pragma once

#include <memory>
#include <string>

#include "payload/distribution.hpp"
#include "payload/shape.hpp"

namespace squall {

struct Distribution::Model {
  std::shared_ptr<const Shape> shape;
  double factor = 1;  // rescale to `mean`
  double min = -HUGE_VAL, max = HUGE_VAL;
  bool clips = false;     // over: clip; else resample
  bool is_fixed = false;  // drawn once per user
  bool is_duration = false;
  bool is_trace = false;
  std::uint64_t salt = 0;
  std::string text;

  double draw(RandomStream& random, Scope* scope) const;
};

/// Draws before resampling gives up and clips: the loader refuses bounds that leave less than 0.1
/// %.
inline constexpr int kResampleLimit = 10'000;

}  // namespace squall
