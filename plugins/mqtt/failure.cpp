#include "failure.hpp"

#include <cerrno>
#include <cstring>

#include "reason.hpp"

namespace squall::mqtt {

const char* errno_text(int error_number) {
  const char* name = ::strerrorname_np(error_number);  // glibc 2.32: a constant of the library
  return name ? name : "errno";
}

Failure connect_failure(int error_number) {
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL:
    case EAGAIN:  // no free local port, on some kernels
      return {SQ_K_LOCAL_RESOURCE, 0, errno_text(error_number), true};
    default:
      return {SQ_K_CONNECT, 0, errno_text(error_number), true};
  }
}

Failure closed_failure(int error_number) {
  if (error_number == 0 || error_number == EAGAIN) return {SQ_K_CLOSED, 0, "eof", true};
  if (error_number == ECONNRESET) return {SQ_K_CLOSED, 0, "reset", true};
  return {SQ_K_CLOSED, 0, errno_text(error_number), true};
}

Failure refused_failure(int32_t reason) {
  return {SQ_K_CONNECT, reason, reason_text(reason), true};
}

}  // namespace squall::mqtt
