// One finished operation, group or delivery, as the shard hands it to its recorder; and the words
// for how it ended.  The numbers of both enums are those of abi.h (checked in sample.cpp), so that
// what a plugin reports needs no table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace squall {

enum class Outcome : std::uint8_t { ok, failed, timeout, cancelled };  // SQ_OUT_*; cancelled = cut

/// SQ_K_* and, behind them, `timeout`, which a plugin says by its outcome.
enum class ErrorClass : std::uint8_t {
  none,
  resolve,
  connect,
  tls,
  send,
  receive,
  closed,
  protocol,
  status,
  check,
  limit,
  plugin,
  local_resource,
  off_list,
  timeout,
};
inline constexpr std::size_t kErrorClasses = 15;

/// "resolve", "connect" ...; "" for none.
std::string_view error_class_name(ErrorClass error);
std::optional<ErrorClass> error_class_by_name(std::string_view name);

/// Parts of a response in the order in which they happen; SQ_PH_*.
enum class SamplePhase : std::uint8_t {
  wait_connection,
  resolve,
  connect,
  tls,
  send,
  first_byte,
  receive,
};
inline constexpr std::size_t kSamplePhases = 7;
std::string_view sample_phase_name(SamplePhase phase);  // "wait_connection", "resolve" ...

/// All times are ns of run time (0 = the begin of the run; on_start may lie before it).
struct Sample {
  std::uint32_t series = 0;
  std::uint32_t user = 0;
  std::uint64_t iteration = 0;
  std::int64_t due_ns = 0;  // when it should have begun; closed load: = started
  std::int64_t started_ns = 0;
  std::int64_t first_byte_ns = 0;  // 0: unknown
  std::int64_t ended_ns = 0;
  Outcome outcome = Outcome::ok;
  ErrorClass error = ErrorClass::none;
  std::int32_t code = 0;  // HTTP status, MQTT reason, exit code ...
  std::uint64_t bytes_out = 0;
  std::uint64_t bytes_in = 0;
  std::array<std::uint64_t, kSamplePhases> phases_ns{};  // 0: did not happen
  std::string_view detail;  // few distinct texts; valid during record()

  std::int64_t response_ns() const { return ended_ns - due_ns; }
  std::int64_t service_ns() const { return ended_ns - started_ns; }
  std::int64_t lateness_ns() const { return started_ns - due_ns; }
};

}  // namespace squall
