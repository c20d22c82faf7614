// What a YAML parser cannot make sense of, as a sentence that says what to do, at the place where a person went wrong:
// a bracket that is never closed is told where it opens, a quote where its text begins. Knows nothing of scenarios.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "scenario/scenario.hpp"

namespace squall {

struct SyntaxError {
  Mark mark;                // from 1
  std::string message, hint;
};

/// `said` and `at` are the parser's, `open` the innermost `{` or `[` that it was in.
SyntaxError explain_syntax(std::string_view text, Mark at, const std::string& said, std::optional<Mark> open);

/// The parser takes a quoted text that the file's end cuts off; `begin` is where the last text of the file stands.
std::optional<SyntaxError> mistake_of_last_text(std::string_view text, Mark begin);

/// What keeps the bytes from being text: a NUL, or what is not UTF-8.
std::optional<SyntaxError> mistake_of_bytes(std::string_view text);

}  // namespace squall
