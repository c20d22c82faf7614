// What may stand where a payload's field gets its value: a template, a distribution, a constant, or
// a tree that becomes JSON. Private to this room.
#pragma once

#include <string>
#include <variant>

#include "payload/distribution.hpp"
#include "payload/number_text.hpp"
#include "payload/template.hpp"

namespace squall {

class Generator {
 public:
  explicit Generator(Template text, bool is_json = false)
      : source_(std::move(text)), is_json_(is_json) {}
  explicit Generator(Distribution distribution) : source_(std::move(distribution)) {}

  /// False with one line in `error`. `out` keeps its memory when the value is text.
  bool evaluate(Scope& scope, Value& out, std::string& error) const;
  bool append(Scope& scope, std::string& out, std::string& error) const;
  bool number(Scope& scope, Number& out, std::string& error) const;
  bool is_constant() const;
  /// The value is JSON text: a JSON template inserts it as it stands.
  bool is_json() const { return is_json_; }

 private:
  std::variant<Template, Distribution> source_;
  bool is_json_ = false;
};

/// Errors: those of templates ("… at character 12") and of distributions.
Result<Generator> make_generator(const Value& description, Names& names, const std::string& folder);
/// Template::compile with the error as one line.
Result<Template> compile_text(std::string_view text, Names& names,
                              Template::Escape escape = Template::Escape::none);
Result<Template> compile_tree(const Value& tree, Names& names);

// Looking into values of the YAML; null when they are none.
const ValueMap* as_map(const Value& value);
const ValueList* as_list(const Value& value);
const Value* find_key(const ValueMap& map, std::string_view key);

}  // namespace squall
