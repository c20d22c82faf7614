#include "stats/window_record.hpp"

#include <fmt/format.h>

namespace squall {

std::string error_text(const ErrorCount& error) {
  std::string text(error_class_name(error.error));
  if (error.code != 0) text += fmt::format(" {}", error.code);
  if (!error.detail.empty()) text += fmt::format(" ({})", error.detail);
  return text;
}

}  // namespace squall
