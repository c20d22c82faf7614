// One place in a JSON document, by dotted path (`a.b[0].c`) or JSON pointer (`/a/b/0/c`), compiled once.
// For captures and checks on answers. Not JSONPath: no wildcards, no filters, one value at most.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "payload/value.hpp"
#include "result.hpp"

namespace squall {

class JsonPath {
 public:
  JsonPath() = default;  // the whole document

  static Result<JsonPath> parse(std::string_view text);

  /// The value there; objects and lists come as lists and maps of values. Errors: not JSON, nothing there.
  Result<Value> find(std::string_view document) const;

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::variant<std::string, std::size_t>> steps_;  // key or index; a pointer's digits are both
};

}  // namespace squall
