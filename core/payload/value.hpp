// A value of the scenario while it runs: what a template yields, a capture keeps, `set` stores.
// Small and copyable; text is owned. Not the ABI's sq_value: that one is a borrowed view.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace squall {

struct Value;
using ValueList = std::vector<Value>;
using ValueMap = std::vector<std::pair<std::string, Value>>;  // in the file's order

struct Duration {
  std::int64_t ns = 0;
  bool operator==(const Duration&) const = default;
};

struct Value {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Duration,
               std::shared_ptr<const ValueList>, std::shared_ptr<const ValueMap>>
      data;

  bool is_null() const { return data.index() == 0; }
  const std::string* text() const { return std::get_if<std::string>(&data); }

  /// The value as a template prints it: 12, 0.5, true, abc, 1500ms; lists and maps as JSON.
  void append_to(std::string& out) const;
  std::string to_text() const;
  /// A number, also from text that is one whole number ("42", "1.5"); false when it is none.
  bool to_number(double& out) const;
};

bool operator==(const Value& a, const Value& b);

}  // namespace squall
