// What a plugin answers when the host asks it: a status that is one, a handle where there must be one, an error that can be read.
#pragma once

#include <fmt/format.h>
#include <squall/abi.h>

#include <cstring>
#include <string>

#include "plugin_host/checked/rules.hpp"

namespace squall::checked {

/// "answered 7, which is no status"; "" when it is one.
inline std::string what_is_wrong(sq_status status) {
  return status > SQ_OK ? fmt::format("answered {}, which is no status", status) : std::string();
}

/// Of functions that open something: a wrong answer is a refusal that says so, as the host shows it.
inline sq_status refused(const std::string& why, sq_error* error) {
  if (error) {
    *error = {};
    error->code = SQ_E_INTERNAL;
    why.copy(error->text, sizeof(error->text) - 1);
  }
  return SQ_E_INTERNAL;
}

inline sq_status judged(sq_status status, sq_error* error) {
  if (const std::string wrong = what_is_wrong(status); !wrong.empty()) return refused(wrong, error);
  if (status < SQ_OK && error) {
    must(std::memchr(error->text, 0, sizeof(error->text)), "the text of its sq_error has no end within its 248 bytes");
  }
  return status;
}

/// The same where the host takes NULL for a thing that there is not.
inline sq_status judged(sq_status status, const void* handle, const char* what, sq_error* error) {
  if (status == SQ_OK && !handle) return refused(fmt::format("said SQ_OK and gave no {}", what), error);
  return judged(status, error);
}

}  // namespace squall::checked
