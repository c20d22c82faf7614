// Reads the text of a template into parts: literal text and `${…}` holes with their expressions.
//   hole       = "${" expression [ ":-" default ] "}"      "$${" is a literal "${"
//   expression = number [unit] | 'text' | "text" | name | name "(" [ expression { "," expression }
//   ] ")"
// Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "payload/expression.hpp"
#include "payload/template.hpp"

namespace squall {

struct TemplatePart {
  std::string literal;  // before the hole
  ExpressionPtr hole;   // null in the last part
  enum class Mode : std::uint8_t {
    plain,    // as it prints
    escaped,  // within JSON quotes
    json,     // as a JSON value: text gets its quotes
  } mode = Mode::plain;
};

using TemplateParts = std::vector<TemplatePart>;

std::variant<TemplateParts, TemplateError> parse_template(
    std::string_view text, Names& names, TemplatePart::Mode mode = TemplatePart::Mode::plain);

}  // namespace squall
