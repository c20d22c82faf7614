// From the scenario's values to the ABI's: static parameters once at bind time, the others per call
// into the call's own memory, where they stay until the call is released.
#pragma once

#include <squall/abi.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/call_memory.hpp"
#include "payload/payload.hpp"
#include "scenario/scenario.hpp"

/// A body that a plugin reads in chunks (squall.source/1).
struct sq_source {
  squall::Body body;
};

namespace squall {

/// Sources of one call, reused by the next: a body's buffer is kept.
class SourcePool {
 public:
  sq_source& take() {
    if (used_ == sources_.size()) sources_.push_back(std::make_unique<sq_source>());
    return *sources_[used_++];
  }
  void clear() { used_ = 0; }

 private:
  std::vector<std::unique_ptr<sq_source>> sources_;
  std::size_t used_ = 0;
};

inline sq_str to_str(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view to_view(sq_str text) { return {text.ptr, static_cast<std::size_t>(text.len)}; }

/// Views in `out` point into `memory` and live until it is cleared.
struct ArgumentWriter {
  const Scenario& scenario;
  CallMemory& memory;
  SourcePool* sources;   // nullptr at bind time: payloads are never static
  Scope* scope;          // nullptr at bind time
  std::string& error;    // one line when false is returned

  bool write(const ParamValue& param, sq_value& out);
  bool write(const Value& value, std::uint32_t type, sq_value& out);
};

}  // namespace squall
