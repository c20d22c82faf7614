// The arrivals of one open population, one after another: even ones from the shape's inverse,
// Poisson ones by a walk over exponential gaps that hang on (seed, population, index), recorded ones
// from their trace.  Every shard
// walks the same sequence and starts the arrivals of its own slots; nothing is exchanged.
#pragma once

#include <cstdint>
#include <optional>

#include "load/curve.hpp"
#include "load/rate_shape.hpp"
#include "load/slots.hpp"
#include "load/trace.hpp"

namespace squall {

struct Arrival {
  std::uint64_t index = 0;
  std::int64_t due_ns = 0;
};

enum class ArrivalKind : std::uint8_t { even, poisson };

struct ArrivalOptions {
  ArrivalKind kind = ArrivalKind::even;
  std::uint64_t seed = 0;
  std::uint64_t population = 0;
  /// The shape is then under the mean rate, and `curve->base_ns(duration)` long (see curve.hpp).
  std::optional<Curve> curve = std::nullopt;
  /// Recorded times in place of shape, kind and curve; outlives the sequence.
  const ArrivalTrace* trace = nullptr;
};

/// How many arrivals there will be before `until_ns`, exactly; Poisson ones are walked (8 ns each).
std::uint64_t count_arrivals(const RateShape& shape, const ArrivalOptions& options,
                             std::int64_t until_ns = kNeverNs);

/// Copies the shape; a later change of the rate is `reshape`, which keeps the place in the
/// sequence.
class ArrivalSequence {
 public:
  ArrivalSequence(RateShape shape, const ArrivalOptions& options);

  /// The next arrival of the whole sequence; due times never decrease; nothing past the end.
  std::optional<Arrival> next();

  /// The next one whose slot belongs to `owner`.  Even and recorded arrivals are found by the slot
  /// table, Poisson ones by walking (about 15 ns for each passed over).
  std::optional<Arrival> next_owned(const SlotTable& slots, std::uint32_t owner);

  /// The shape from now on (see RateShape::changed_at).  Arrivals handed out stay as they were.
  void reshape(RateShape shape);

  const RateShape& shape() const { return shape_; }

 private:
  bool step();
  bool is_indexed() const { return trace_ || kind_ == ArrivalKind::even; }
  std::int64_t indexed_due_ns() const;
  std::optional<Arrival> take(std::int64_t due_ns);

  RateShape shape_;
  std::uint64_t shape_count_ = 0;
  double shape_total_ = 0;
  ArrivalKind kind_;
  std::optional<Curve> curve_;
  const ArrivalTrace* trace_;
  std::uint64_t key_;  // of the hash of an arrival's gap
  std::uint64_t index_ = 0;
  // At the last Poisson arrival, in expected arrivals: after 10^9 of them still exact to 10^-7.
  double area_ = 0;
  std::int64_t last_due_ns_ = 0;
};

}  // namespace squall
