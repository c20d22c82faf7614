// Fleet load: every user is due again and again, every `every`, on a clock of its own.  Occurrence
// i of user k is nominally at phase_k + i * every; jitter moves it, and it belongs to the run when
// its nominal time lies in [0, horizon): so the number of occurrences is known before the run
// begins.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "load/curve.hpp"
#include "load/rate_shape.hpp"  // kNeverNs

namespace squall {

enum class FleetPhase : std::uint8_t { random, staggered, aligned };

struct FleetOptions {
  std::uint64_t users = 0;
  std::int64_t every_ns = 0;  // > 0, or a draw below
  /// Instead of every_ns: the gap before occurrence i of a user (i = 0: the gap that the phase is a
  /// part of).  A pure function; `fixed:` distributions ignore i.  Gaps below 1 ns count as 1 ns.
  std::function<std::int64_t(std::uint64_t user, std::uint64_t occurrence)> gap_ns;
  FleetPhase phase = FleetPhase::random;
  /// Instead of phase: when a user is first due.  A pure function (see burst.hpp).
  std::function<std::int64_t(std::uint64_t user)> first_ns;
  std::int64_t jitter_ns = 0;   // uniform in [-jitter, +jitter]
  std::int64_t horizon_ns = 0;  // warmup + for
  /// All of the above but the horizon and jitter are then under the mean rate (see curve.hpp).
  std::optional<Curve> curve = std::nullopt;
  std::uint64_t seed = 0;
  std::uint64_t population = 0;
};

struct Occurrence {
  std::uint64_t index = 0;
  std::int64_t nominal_ns = 0;
  std::int64_t due_ns = 0;  // nominal plus jitter, never below 0
};

class FleetSchedule {
 public:
  explicit FleetSchedule(FleetOptions options);

  const FleetOptions& options() const { return options_; }
  std::int64_t phase_ns(std::uint64_t user) const;
  std::int64_t jitter_ns(std::uint64_t user, std::uint64_t occurrence) const;

  /// Occurrences of one user / of all users inside the horizon, exactly.
  std::uint64_t count(std::uint64_t user) const;
  std::uint64_t count() const;

  /// One user's occurrences one after another; 32 bytes, made for 100,000 of them.
  class Cursor {
   public:
    Cursor() = default;
    std::optional<Occurrence> next(const FleetSchedule& schedule);
    std::uint64_t user() const { return user_; }

   private:
    friend class FleetSchedule;
    std::uint64_t user_ = 0;
    std::uint64_t index_ = 0;
    std::int64_t base_ns_ = kNeverNs;
  };
  Cursor cursor(std::uint64_t user) const;

 private:
  std::int64_t gap_ns(std::uint64_t user, std::uint64_t occurrence) const;

  FleetOptions options_;
  std::int64_t base_horizon_ns_;  // the horizon under the mean rate
  std::uint64_t phase_stream_;
  std::uint64_t jitter_stream_;
};

}  // namespace squall
