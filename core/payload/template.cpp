// Templates as programs: parts in order. Compiling is template_parser.cpp's, what stands within a
// hole expression.cpp's; here the parts become one text, and the JSON form gets its quotes and
// escapes.
#include "payload/template.hpp"

#include "payload/expression.hpp"
#include "payload/json_text.hpp"
#include "payload/template_parser.hpp"

namespace squall {

RandomStream Scope::stream() const {
  const std::uint64_t key = open ? mix_words({seed, population, 1, arrival_index})
                                 : mix_words({seed, population, 2, user_index, iteration});
  return {key, draws};
}

std::uint64_t Scope::random() {
  RandomStream random = stream();
  const std::uint64_t bits = random.next();
  draws = random.draws;
  return bits;
}

RandomStream Scope::user_stream(std::uint64_t salt) const {
  return {mix_words({seed, population, 3, user_index, salt}), 0};
}

struct Template::Program {
  std::string source;
  TemplateParts parts;
  Value constant;
  bool is_constant = false;
  bool is_single_hole = false;

  bool append(Evaluation& evaluation, std::string& out) const {
    evaluation.text = &out;
    evaluation.begin = out.size();
    for (const TemplatePart& part : parts) {
      out += part.literal;
      if (!part.hole) continue;
      evaluation.end = out.size();
      switch (part.mode) {
        case TemplatePart::Mode::plain:
          if (!part.hole->append(evaluation, out)) return false;
          break;
        case TemplatePart::Mode::escaped: {
          const std::size_t begin = out.size();
          if (!part.hole->append(evaluation, out)) return false;
          escape_json_tail(out, begin);
          break;
        }
        case TemplatePart::Mode::json:
          if (!part.hole->append_json(evaluation, out)) return false;
          break;
      }
    }
    return true;
  }
};

namespace {

// What a hole that never changes prints goes into the literal text around it.
TemplateParts merge_constants(TemplateParts parts) {
  TemplateParts merged;
  std::string literal;
  for (TemplatePart& part : parts) {
    literal += part.literal;
    if (!part.hole) continue;
    if (const Value* value = part.hole->constant()) {
      const std::size_t begin = literal.size();
      if (part.mode == TemplatePart::Mode::json) {
        append_json(literal, *value);
      } else {
        value->append_to(literal);
        if (part.mode == TemplatePart::Mode::escaped) escape_json_tail(literal, begin);
      }
    } else {
      merged.push_back({std::move(literal), std::move(part.hole), part.mode});
      literal.clear();
    }
  }
  merged.push_back({std::move(literal), nullptr, TemplatePart::Mode::plain});
  return merged;
}

std::shared_ptr<Template::Program> make_program(std::string source, TemplateParts parts) {
  auto program = std::make_shared<Template::Program>();
  program->source = std::move(source);
  const bool is_single = parts.size() == 2 && parts[0].literal.empty() &&
                         parts[1].literal.empty() && parts[0].mode == TemplatePart::Mode::plain;
  program->is_single_hole = is_single;
  if (is_single && parts[0].hole->constant() != nullptr) {
    program->constant = *parts[0].hole->constant();
    program->is_constant = true;
  }
  program->parts = merge_constants(std::move(parts));
  if (program->parts.size() == 1 && !program->is_constant) {
    program->constant = {program->parts[0].literal};
    program->is_constant = true;
  }
  return program;
}

// In a JSON text a hole between two quotes is escaped, one outside stands as it prints.
void set_json_modes(TemplateParts& parts) {
  bool in_quotes = false;
  for (TemplatePart& part : parts) {
    for (std::size_t i = 0; i < part.literal.size(); ++i) {
      if (part.literal[i] == '\\' && in_quotes) {
        ++i;
      } else if (part.literal[i] == '"') {
        in_quotes = !in_quotes;
      }
    }
    part.mode = in_quotes ? TemplatePart::Mode::escaped : TemplatePart::Mode::plain;
  }
}

// Appends a tree to a list of parts whose last one has no hole yet.
class JsonWriter {
 public:
  JsonWriter(Names& names, TemplateParts& parts) : names_(names), parts_(parts) {}

  std::optional<TemplateError> add(const Value& value) {
    if (const std::string* text = value.text()) return add_text(*text, /*may_be_typed=*/true);
    if (const auto* list = std::get_if<std::shared_ptr<const ValueList>>(&value.data)) {
      literal() += '[';
      for (std::size_t i = 0; i < (*list)->size(); ++i) {
        if (i != 0) literal() += ',';
        if (auto error = add((**list)[i])) return error;
      }
      literal() += ']';
    } else if (const auto* map = std::get_if<std::shared_ptr<const ValueMap>>(&value.data)) {
      literal() += '{';
      for (std::size_t i = 0; i < (*map)->size(); ++i) {
        if (i != 0) literal() += ',';
        if (auto error = add_text((**map)[i].first, /*may_be_typed=*/false)) return error;
        literal() += ':';
        if (auto error = add((**map)[i].second)) return error;
      }
      literal() += '}';
    } else {
      append_json(literal(), value);
    }
    return std::nullopt;
  }

 private:
  std::string& literal() { return parts_.back().literal; }

  std::optional<TemplateError> add_text(const std::string& text, bool may_be_typed) {
    auto parsed = parse_template(text, names_, TemplatePart::Mode::escaped);
    if (auto* error = std::get_if<TemplateError>(&parsed)) {
      return TemplateError{"in '" + text + "': " + error->text, error->offset};
    }
    auto& parts = std::get<TemplateParts>(parsed);
    const bool is_typed =
        may_be_typed && parts.size() == 2 && parts[0].literal.empty() && parts[1].literal.empty();
    if (is_typed) parts[0].mode = TemplatePart::Mode::json;
    if (!is_typed) literal() += '"';
    for (TemplatePart& part : parts) {
      append_json_escaped(literal(), part.literal);
      if (!part.hole) continue;
      parts_.back().hole = std::move(part.hole);
      parts_.back().mode = part.mode;
      parts_.emplace_back();
    }
    if (!is_typed) literal() += '"';
    return std::nullopt;
  }

  Names& names_;
  TemplateParts& parts_;
};

}  // namespace

std::string as_template(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) out += '$';
    out += text[i];
  }
  return out;
}

Template::Template() : Template(Value{std::string()}) {}

Template::Template(Value constant) {
  auto program = std::make_shared<Program>();
  program->source = constant.to_text();
  program->parts.push_back({program->source, nullptr, TemplatePart::Mode::plain});
  program->constant = std::move(constant);
  program->is_constant = true;
  program_ = std::move(program);
}

Template::Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

std::variant<Template, TemplateError> Template::compile(std::string_view text, Names& names,
                                                        Escape escape) {
  auto parsed = parse_template(text, names);
  if (auto* error = std::get_if<TemplateError>(&parsed)) return std::move(*error);
  auto& parts = std::get<TemplateParts>(parsed);
  if (escape == Escape::json) set_json_modes(parts);
  return Template(make_program(std::string(text), std::move(parts)));
}

std::variant<Template, TemplateError> Template::compile_json(const Value& tree, Names& names) {
  TemplateParts parts(1);
  if (auto error = JsonWriter(names, parts).add(tree)) return std::move(*error);
  std::string source;
  append_json(source, tree);
  return Template(make_program(std::move(source), std::move(parts)));
}

bool Template::is_constant() const { return program_->is_constant; }
const Value& Template::constant() const { return program_->constant; }
bool Template::is_single_hole() const { return program_->is_single_hole; }
const std::string& Template::source() const { return program_->source; }

Result<Value> Template::evaluate(Scope& scope) const {
  if (program_->is_constant) return program_->constant;
  std::string error;
  Evaluation evaluation{scope, error};
  if (program_->is_single_hole) {
    Value value;
    if (!program_->parts[0].hole->value(evaluation, value)) return Error{std::move(error)};
    return value;
  }
  std::string text;
  if (!program_->append(evaluation, text)) return Error{std::move(error)};
  return Value{std::move(text)};
}

bool Template::append(Scope& scope, std::string& out, std::string& error) const {
  Evaluation evaluation{scope, error};
  return program_->append(evaluation, out);
}

}  // namespace squall
