#include "net/failure.hpp"

#include <cerrno>
#include <cstring>

namespace squall {

Failure failure_of(int sys_errno, std::uint32_t kind) {
  const bool is_open = kind == SQ_K_SEND || kind == SQ_K_RECEIVE;
  switch (sys_errno) {
    case EMFILE: case ENFILE: case EADDRNOTAVAIL: case ENOBUFS: case ENOMEM:
      return {SQ_E_IO, SQ_K_LOCAL_RESOURCE, strerrorname_np(sys_errno)};
    case EADDRINUSE:  // every port of a fixed source address is taken
      return {SQ_E_IO, SQ_K_LOCAL_RESOURCE, "EADDRINUSE"};
    case ECONNREFUSED: return {SQ_E_IO, kind, "refused"};
    case ETIMEDOUT: return {SQ_E_TIMEOUT, kind, "timed out"};
    case EHOSTUNREACH: return {SQ_E_IO, kind, "host unreachable"};
    case ENETUNREACH: return {SQ_E_IO, kind, "network unreachable"};
    case EACCES: case EPERM: return {SQ_E_IO, kind, "not permitted"};
    case ECONNRESET: case EPIPE: case ECONNABORTED:
      if (is_open) return {SQ_E_CLOSED, SQ_K_CLOSED, "reset"};
      return {SQ_E_IO, kind, "reset"};
    default: {
      const char* name = strerrorname_np(sys_errno);
      return {SQ_E_IO, kind, name ? name : "unknown error"};
    }
  }
}

}  // namespace squall
