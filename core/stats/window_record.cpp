#include "stats/window_record.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace squall {

ErrorCount& ErrorCount::operator+=(const ErrorCount& other) {
  count += other.count;
  first_ns = std::min(first_ns, other.first_ns);
  last_ns = std::max(last_ns, other.last_ns);
  return *this;
}

std::string error_text(const ErrorCount& error) {
  std::string text(error_class_name(error.error));
  if (error.code != 0) text += fmt::format(" {}", error.code);
  if (!error.detail.empty()) text += fmt::format(" ({})", error.detail);
  return text;
}

}  // namespace squall
