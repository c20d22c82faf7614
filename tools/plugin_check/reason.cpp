#include "reason.hpp"

#include <fmt/format.h>

#include <cstring>

#include "board.hpp"

namespace squall::plugin_check {

Reason::Reason() {
  std::memset(error_.text, 'x', sizeof(error_.text));   // what a plugin does not end has none
  error_.text[0] = '\0';
}

bool Reason::accepts(std::string_view function, sq_status status) const {
  if (status == SQ_OK) return true;
  const std::size_t length = ::strnlen(error_.text, sizeof(error_.text));
  if (status > 0) find(fmt::format("{} returned {}, which is no status of a failure", function, status));
  if (length == 0) find(fmt::format("{} fails without a reason", function));
  if (length == sizeof(error_.text)) find(fmt::format("{} fails with a text that has no end", function));
  return false;
}

std::string Reason::text() const { return {error_.text, ::strnlen(error_.text, sizeof(error_.text))}; }

}  // namespace squall::plugin_check
