// What the http plugin offers, by position: the indices of parameters and outputs, and the tables
// that describe them to the host.  No behaviour lives here.
#pragma once
#include <squall/abi.h>

#include <cstdint>

namespace squall::http {

/// Positions in every operation's parameter list; kMethod exists for `request` only.
enum Param : uint32_t {
  kPath,
  kQuery,
  kHeaders,
  kJson,
  kForm,
  kMultipart,
  kBody,
  kPayload,
  kAuth,
  kRedirects,
  kDecode,
  kConnection,
  kAsIs,
  kMethod
};
enum Output : uint32_t { kOutStatus, kOutBody, kOutHeader, kOutSize, kOutUrl };
enum Operation : uint32_t { kRequest, kGet, kPost, kPut, kPatch, kDelete, kHead };

extern const sq_op* const kOperations[];
extern const sq_param* const kOptions[];
/// The method of an operation; empty for `request`.
const char* method_of(uint32_t operation);

}  // namespace squall::http
