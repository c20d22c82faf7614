// Why something went wrong, in the host's error classes. Details are literals: few distinct texts,
// valid for ever, so that a sample may keep them without a copy.
#pragma once
#include <squall/abi.h>

namespace squall::mqtt {

struct Failure {
  uint32_t kind = SQ_K_NONE;
  int32_t code = 0;  // a reason code where the broker gave one
  const char* detail = "";
  bool connection_lost = false;  // it is the connection that failed, not one request on it

  explicit operator bool() const { return kind != SQ_K_NONE; }
};

/// "refused", "timed out" …, else the name of the error; a literal.
const char* errno_text(int error_number);
/// A failed connect(): class connect, or local_resource when this machine is what is short.
Failure connect_failure(int error_number);
/// A connection that was open: class closed with "eof", "reset", or the name of the error.
Failure closed_failure(int error_number);
/// The broker said no in its CONNACK: class connect, with the reason as code and text.
Failure refused_failure(int32_t reason);

}  // namespace squall::mqtt
