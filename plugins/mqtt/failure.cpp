#include "failure.hpp"

#include <cerrno>
#include <cstring>

#include "reason.hpp"

namespace squall::mqtt {

// The words that the host's own streams use, so that one report does not name one thing twice.
const char* errno_text(int error_number) {
  switch (error_number) {
    case ECONNREFUSED: return "refused";
    case ETIMEDOUT: return "timed out";
    case EHOSTUNREACH: return "host unreachable";
    case ENETUNREACH: return "network unreachable";
    case EACCES:
    case EPERM: return "not permitted";
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED: return "reset";
    default: break;
  }
  const char* name = ::strerrorname_np(error_number);  // glibc 2.32: a constant of the library
  return name ? name : "unknown error";
}

Failure connect_failure(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
    case EADDRINUSE:  // every port of a fixed source address is taken
    case EAGAIN:      // no free local port, on some kernels
      return {SQ_K_LOCAL_RESOURCE, 0, errno_text(error_number), true};
    default:
      return {SQ_K_CONNECT, 0, errno_text(error_number), true};
  }
}

Failure closed_failure(int error_number) {
  if (error_number == 0 || error_number == EAGAIN) return {SQ_K_CLOSED, 0, "eof", true};
  return {SQ_K_CLOSED, 0, errno_text(error_number), true};
}

Failure refused_failure(int32_t reason) {
  return {SQ_K_CONNECT, reason, reason_text(reason), true};
}

}  // namespace squall::mqtt
