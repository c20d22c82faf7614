// Series (walk, markov, geo.walk) go on from message to message. A user of closed or fleet load keeps its own in
// its state. In open load who takes an arrival depends on who is free, so the series is the population's and a
// function of the arrival's number: its value at arrival n is n steps from the begin, each step with the draws of
// its own arrival. Every shard can compute that; what it remembers saves it from beginning at 0 each time.
// Private to this room but for the engine's population, which keeps the memory.
#pragma once

#include <cstdint>
#include <deque>

#include "payload/template.hpp"
#include "payload/value.hpp"

namespace squall {

/// Values of one series at some arrivals: the latest, and before it ever fewer. Thread: its shard's.
class ArrivalSeries {
 public:
  struct Point {
    std::uint64_t arrival = 0;
    Value value;
  };
  /// The last point at or before `arrival`; nullptr: none. Valid until remember().
  const Point* before(std::uint64_t arrival) const;
  /// In ascending order; what lies before the latest point is passed over.
  void remember(std::uint64_t arrival, const Value& value);

  static constexpr std::uint64_t kSpacing = 64;     // arrivals between two points that are kept
  static constexpr std::size_t kMostPoints = 4096;  // then every second of the older half goes

 private:
  Point latest_;
  bool has_latest_ = false;
  std::deque<Point> points_;
};

/// Brings a series to its next value. `step(Value& memory)` begins it when the memory is empty, draws from the
/// scope, and gives false after an error. A second mention in one arrival goes on from the first, for that arrival.
template <typename Step>
bool go_on(Scope& scope, std::uint32_t slot, Step step) {
  if (!scope.open || !scope.state(slot).is_null()) return step(scope.state(slot));
  const std::uint64_t arrival = scope.arrival_index, draws = scope.draws;
  ArrivalSeries* series = scope.series(slot);
  Value value;
  std::uint64_t next = 0;
  if (const auto* point = series != nullptr ? series->before(arrival) : nullptr) {
    value = point->value;
    next = point->arrival + 1;
  }
  bool done = true;
  for (; done && next <= arrival; ++next) {
    scope.arrival_index = next;
    scope.draws = (std::uint64_t{slot} + 1) << 32;  // none of the draws of the arrival's own message
    done = step(value);
    if (done && series != nullptr) series->remember(next, value);
  }
  scope.arrival_index = arrival;
  scope.draws = draws;
  if (done) scope.state(slot) = std::move(value);
  return done;
}

}  // namespace squall
