#include "payload/generator.hpp"

namespace squall {
namespace {

Error with_place(const TemplateError& error) {
  return {error.text + " (at character " + std::to_string(error.offset + 1) + ")"};
}

}  // namespace

bool Generator::evaluate(Scope& scope, Value& out, std::string& error) const {
  if (const auto* distribution = std::get_if<Distribution>(&source_)) {
    out = distribution->sample_value(scope);
    return true;
  }
  const Template& text = std::get<Template>(source_);
  if (text.is_constant() || text.is_single_hole()) {
    auto value = text.evaluate(scope);
    if (!value) {
      error = value.error().text;
      return false;
    }
    out = std::move(*value);
    return true;
  }
  if (out.text() == nullptr) out.data = std::string();
  auto& memory = std::get<std::string>(out.data);
  memory.clear();
  return text.append(scope, memory, error);
}

bool Generator::append(Scope& scope, std::string& out, std::string& error) const {
  if (const auto* text = std::get_if<Template>(&source_)) return text->append(scope, out, error);
  std::get<Distribution>(source_).sample_value(scope).append_to(out);
  return true;
}

bool Generator::number(Scope& scope, Number& out, std::string& error) const {
  Value value;
  if (!evaluate(scope, value, error)) return false;
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    out = Number::of(*whole);
    return true;
  }
  if (const auto* flag = std::get_if<bool>(&value.data)) {
    out = Number::of(static_cast<std::int64_t>(*flag ? 1 : 0));
    return true;
  }
  if (const std::string* text = value.text()) {
    if (parse_number(*text, out)) return true;
  } else if (double real = 0; value.to_number(real)) {
    out = Number::of(real);
    return true;
  }
  error = "'" + value.to_text() + "' is not a number";
  return false;
}

bool Generator::is_constant() const {
  if (const auto* text = std::get_if<Template>(&source_)) return text->is_constant();
  return std::get<Distribution>(source_).is_constant();
}

Result<Generator> make_generator(const Value& description, Names& names,
                                 const std::string& folder) {
  if (is_distribution(description)) {
    auto distribution = make_distribution(description, UnitKind::any, {&names, folder});
    if (!distribution) return distribution.error();
    return Generator(std::move(*distribution));
  }
  if (const std::string* text = description.text()) {
    auto compiled = compile_text(*text, names);
    if (!compiled) return compiled.error();
    return Generator(std::move(*compiled));
  }
  if (as_map(description) != nullptr || as_list(description) != nullptr) {
    auto tree = compile_tree(description, names);
    if (!tree) return tree.error();
    return Generator(std::move(*tree), /*is_json=*/true);
  }
  return Generator(Template(description));
}

Result<Template> compile_text(std::string_view text, Names& names, Template::Escape escape) {
  auto made = Template::compile(text, names, escape);
  if (const auto* error = std::get_if<TemplateError>(&made)) return with_place(*error);
  return std::get<Template>(std::move(made));
}

Result<Template> compile_tree(const Value& tree, Names& names) {
  auto made = Template::compile_json(tree, names);
  if (const auto* error = std::get_if<TemplateError>(&made)) return with_place(*error);
  return std::get<Template>(std::move(made));
}

const ValueMap* as_map(const Value& value) {
  const auto* map = std::get_if<std::shared_ptr<const ValueMap>>(&value.data);
  return map == nullptr ? nullptr : map->get();
}

const ValueList* as_list(const Value& value) {
  const auto* list = std::get_if<std::shared_ptr<const ValueList>>(&value.data);
  return list == nullptr ? nullptr : list->get();
}

const Value* find_key(const ValueMap& map, std::string_view key) {
  for (const auto& [name, value] : map) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace squall
