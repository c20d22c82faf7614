#include "load/fleet_schedule.hpp"

#include <algorithm>
#include <utility>

#include "load/random.hpp"

namespace squall {
namespace {

std::int64_t later(std::int64_t time_ns, std::int64_t gap_ns) {
  return gap_ns >= kNeverNs - time_ns ? kNeverNs : time_ns + gap_ns;
}

}  // namespace

FleetSchedule::FleetSchedule(FleetOptions options)
    : options_(std::move(options)),
      base_horizon_ns_(options_.curve ? options_.curve->base_ns(options_.horizon_ns)
                                      : options_.horizon_ns),
      phase_stream_(stream_id("fleet.phase", options_.population)),
      jitter_stream_(stream_id("fleet.jitter", options_.population)) {}

std::int64_t FleetSchedule::gap_ns(std::uint64_t user, std::uint64_t occurrence) const {
  const std::int64_t gap = options_.gap_ns ? options_.gap_ns(user, occurrence) : options_.every_ns;
  return std::max<std::int64_t>(gap, 1);
}

std::int64_t FleetSchedule::phase_ns(std::uint64_t user) const {
  if (options_.first_ns) return std::max<std::int64_t>(options_.first_ns(user), 0);
  const std::int64_t gap = gap_ns(user, 0);
  switch (options_.phase) {
    case FleetPhase::aligned:
      return 0;
    case FleetPhase::staggered:
      return static_cast<std::int64_t>(static_cast<__int128>(gap) *
                                       (user % std::max<std::uint64_t>(options_.users, 1)) /
                                       std::max<std::uint64_t>(options_.users, 1));
    case FleetPhase::random:
      break;
  }
  return static_cast<std::int64_t>(
      Random(options_.seed, phase_stream_, user).below(static_cast<std::uint64_t>(gap)));
}

std::int64_t FleetSchedule::jitter_ns(std::uint64_t user, std::uint64_t occurrence) const {
  if (options_.jitter_ns <= 0) return 0;
  return Random(options_.seed, jitter_stream_, user, occurrence)
      .between(-options_.jitter_ns, options_.jitter_ns);
}

std::uint64_t FleetSchedule::count(std::uint64_t user) const {
  std::int64_t nominal = phase_ns(user);
  if (nominal >= base_horizon_ns_) return 0;
  if (!options_.gap_ns) {
    return static_cast<std::uint64_t>((base_horizon_ns_ - 1 - nominal) / gap_ns(user, 0) + 1);
  }
  std::uint64_t count = 0;
  while (nominal < base_horizon_ns_) nominal = later(nominal, gap_ns(user, ++count));
  return count;
}

std::uint64_t FleetSchedule::count() const {
  std::uint64_t sum = 0;
  for (std::uint64_t user = 0; user < options_.users; ++user) sum += count(user);
  return sum;
}

FleetSchedule::Cursor FleetSchedule::cursor(std::uint64_t user) const {
  Cursor cursor;
  cursor.user_ = user;
  cursor.base_ns_ = phase_ns(user);
  return cursor;
}

std::optional<Occurrence> FleetSchedule::Cursor::next(const FleetSchedule& schedule) {
  if (base_ns_ >= schedule.base_horizon_ns_) return std::nullopt;
  const auto& curve = schedule.options_.curve;
  const std::int64_t nominal = curve ? curve->due_ns(base_ns_) : base_ns_;
  const std::int64_t due = nominal + schedule.jitter_ns(user_, index_);
  const Occurrence occurrence{index_, nominal, std::max<std::int64_t>(0, due)};
  base_ns_ = later(base_ns_, schedule.gap_ns(user_, ++index_));
  return occurrence;
}

}  // namespace squall
