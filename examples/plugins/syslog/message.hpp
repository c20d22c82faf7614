// A message of RFC 5424 from the values of a step: what can be sent, and its bytes.
#pragma once
#include <squall/plugin.hpp>
#include <string>

namespace syslog {

// Positions of the parameters of `send`.
enum : uint32_t { kFacility, kSeverity, kHostname, kAppName, kProcId, kMsgId, kTimestamp, kData, kMessage, kBom };
extern const char* const kFacilities[];   // NULL-terminated; the position is the code
extern const char* const kSeverities[];

using Problem = const char*;   // a literal: what cannot be sent, or nullptr

/// What is wrong with one parameter's value, which may be absent (SQ_T_NULL).
Problem check(uint32_t param, const sq_value& value);
/// <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG, of values that check() has passed. `scratch` is memory to use again.
void append_message(std::string& out, const squall::plugin::Args& args, const sq_value* values, std::string& scratch);

}  // namespace syslog
