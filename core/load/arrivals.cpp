#include "load/arrivals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "load/random.hpp"

namespace squall {

ArrivalSequence::ArrivalSequence(RateShape shape, const ArrivalOptions& options)
    : kind_(options.kind),
      curve_(options.curve),
      trace_(options.trace),
      key_(hash_index(options.seed, stream_id("arrivals", options.population), 0)) {
  reshape(std::move(shape));
}

// Moves to the next Poisson arrival's area; false, and no move, when it lies past the end.
bool ArrivalSequence::step() {
  const double uniform = unit_interval(mix64((key_ ^ index_) + kGoldenGamma));
  const double area = area_ - std::log(1.0 - uniform);
  if (area >= shape_total_) return false;
  area_ = area;
  return true;
}

std::optional<Arrival> ArrivalSequence::take(std::int64_t due_ns) {
  if (due_ns == kNeverNs) return std::nullopt;
  if (curve_ && !trace_) due_ns = curve_->due_ns(due_ns);
  // Rounding at a change of the rate may move a due time by a nanosecond, never backwards.
  last_due_ns_ = std::max(last_due_ns_, due_ns);
  return Arrival{index_++, last_due_ns_};
}

// Of arrival index_, where that alone says it.
std::int64_t ArrivalSequence::indexed_due_ns() const {
  return trace_ ? trace_->due_ns(index_) : shape_.due_ns(index_);
}

std::optional<Arrival> ArrivalSequence::next() {
  if (is_indexed()) return take(indexed_due_ns());
  if (!step()) return std::nullopt;
  return take(shape_.time_at_area_ns(area_));
}

std::optional<Arrival> ArrivalSequence::next_owned(const SlotTable& slots, std::uint32_t owner) {
  if (is_indexed()) {
    const std::uint64_t count = trace_ ? trace_->count() : shape_count_;
    for (std::uint32_t passed = 0; passed < slots.size(); ++passed) {
      if (slots.owns_arrival(owner, index_)) return take(indexed_due_ns());
      if (index_ >= count) return std::nullopt;
      ++index_;
    }
    return std::nullopt;  // the owner has no slot at all
  }
  while (step()) {
    if (slots.owns_arrival(owner, index_)) return take(shape_.time_at_area_ns(area_));
    ++index_;
  }
  return std::nullopt;
}

std::uint64_t count_arrivals(const RateShape& shape, const ArrivalOptions& options,
                             std::int64_t until_ns) {
  if (!options.trace && options.kind == ArrivalKind::even && !options.curve)
    return shape.count_before(until_ns);
  ArrivalSequence sequence(shape, options);
  std::uint64_t count = 0;
  for (auto arrival = sequence.next(); arrival && arrival->due_ns < until_ns;
       arrival = sequence.next())
    ++count;
  return count;
}

void ArrivalSequence::reshape(RateShape shape) {
  shape_ = std::move(shape);
  shape_count_ = shape_.count();
  shape_total_ = static_cast<double>(shape_.area_before(shape_.duration_ns()));
}

}  // namespace squall
