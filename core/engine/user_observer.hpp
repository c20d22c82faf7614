// Who looks over a user's shoulder: `squall run --once` tells what each step did and why. No other run has
// one, and then a step pays one branch that is never taken.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/strand.hpp"
#include "payload/value.hpp"
#include "scenario/scenario.hpp"
#include "stats/sample.hpp"
#include "stats/series.hpp"

namespace squall {

struct Call;
class User;

/// What became of a call, with every check of its step looked at, not only up to the first that fails.
struct CallReport {
  struct Checked {
    const Check* check = nullptr;
    bool holds = false;
    std::string why;                 // when it does not
  };
  struct Captured {
    const Capture* capture = nullptr;
    std::optional<Value> value;      // nothing of that kind was in the answer
  };
  bool is_poll = false;              // of an `until`: its failure is not yet one of the user
  Outcome outcome = Outcome::ok;
  ErrorClass error = ErrorClass::none;
  std::string_view detail;
  std::vector<Checked> expect;
  std::vector<Checked> satisfied;    // of the `until` around it
  std::vector<Captured> captured;
};

/// Thread: the shard's.
class UserObserver {
 public:
  using End = PartEnd;

  virtual ~UserObserver() = default;
  /// `part`: on_start, a task's name, on_stop.
  virtual void part_begins(const User& user, std::string_view part) = 0;
  virtual void part_ends(const User& user, std::string_view part, End end) = 0;
  virtual void call_begins(const Call& call, const sq_value* args, std::uint32_t count) = 0;
  virtual void call_ends(const Call& call, const CallReport& report) = 0;
  /// A step without an operation failed, or one whose operation could not begin.
  virtual void step_failed(const Step& step, ErrorClass error, std::string_view why) = 0;
  /// A user holds an exclusive record now.
  virtual void acquired(const Dataset& data, std::uint32_t record) = 0;
  virtual void group_ends(const SeriesKey& key, const Sample& sample) = 0;
  /// What a plugin reports outside its calls.
  virtual void delivered(const SeriesKey& key, const Sample& sample) = 0;
  /// Returns how long the user shall wait instead.
  virtual std::int64_t wait(std::int64_t asked_ns) = 0;
};

}  // namespace squall
