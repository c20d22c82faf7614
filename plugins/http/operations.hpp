// What the http plugin offers, by position: the indices of parameters and outputs, and the tables
// that describe them to the host.  No behaviour lives here.
#pragma once
#include <squall/abi.h>

#include <cstdint>

namespace squall::http {

/// Positions in the operations' parameter lists; those of a page part from the others' at kJson.
enum Param : uint32_t {
  kPath,
  kQuery,
  kHeaders,
  kAuth,
  kRedirects,
  kDecode,
  kConnection,
  kAsIs,
  kJson,  // from here on: of all but `page`
  kForm,
  kMultipart,
  kBody,
  kPayload,
  kMethod,         // of `request` alone
  kAssets = kJson,  // from here on: of `page`
  kExcept,
  kConnections
};
/// The last two are of `page`.
enum Output : uint32_t {
  kOutStatus,
  kOutBody,
  kOutHeader,
  kOutSize,
  kOutUrl,
  kOutAssets,
  kOutLeftOut
};
enum Operation : uint32_t { kRequest, kGet, kPost, kPut, kPatch, kDelete, kHead, kPage };

extern const sq_op* const kOperations[];
extern const sq_param* const kOptions[];
/// The method of an operation; empty for `request`.
const char* method_of(uint32_t operation);

}  // namespace squall::http
