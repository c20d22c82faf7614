// Why a stream ended, in the words that reach the report: a status, a class (SQ_K_*) and a detail
// of few distinct texts.  `detail` always views text that lives as long as the process.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <string_view>

namespace squall {

struct Failure {
  sq_status status = SQ_OK;
  std::uint32_t kind = SQ_K_NONE;
  std::string_view detail;
};

/// `kind` is the class when the cause is the network: SQ_K_CONNECT, SQ_K_TLS, SQ_K_SEND or
/// SQ_K_RECEIVE.  What this machine lacks (descriptors, ports, memory) is always
/// SQ_K_LOCAL_RESOURCE, so that it can never count against the target; a reset of an open
/// connection is SQ_K_CLOSED.
Failure failure_of(int sys_errno, std::uint32_t kind);

}  // namespace squall
