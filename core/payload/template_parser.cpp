#include "payload/template_parser.hpp"

#include <cctype>

#include "payload/suggestion.hpp"
#include "payload/units.hpp"

namespace squall {
namespace {

bool is_name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0;
}
bool is_name_char(char c) {
  return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.' ||
         c == '-';
}

constexpr int kMaxDepth = 32;

// A recursive descent over one text. A mistake is thrown within this file only: the depth of the
// recursion makes anything else three lines per call.
class Parser {
 public:
  Parser(std::string_view text, Names& names, std::size_t base)
      : text_(text), names_(names), base_(base) {}

  TemplateParts parts(TemplatePart::Mode mode, int depth) {
    TemplateParts parts(1);
    while (at_ < text_.size()) {
      if (text_.substr(at_).starts_with("$${")) {
        parts.back().literal += "${";
        at_ += 3;
      } else if (text_.substr(at_).starts_with("${")) {
        parts.back().hole = hole(depth);
        parts.back().mode = mode;
        parts.emplace_back();
      } else {
        parts.back().literal += text_[at_++];
      }
    }
    return parts;
  }

 private:
  [[noreturn]] void fail(std::string why, std::size_t at) const {
    throw TemplateError{std::move(why), base_ + at};
  }

  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  ExpressionPtr hole(int depth) {
    const std::size_t begin = at_;
    if (depth > kMaxDepth) fail("holes within holes are nested too deep", begin);
    at_ += 2;
    skip_spaces();
    if (at_ >= text_.size()) fail("'${' has no '}'", begin);
    if (peek() == '}') fail("'${}' is empty (write ${name}, or $${ for the two characters)", begin);
    ExpressionPtr expression;
    // The name before ":-" is read first, because what follows it is the default's text, not an
    // expression.
    if (is_name_start(peek())) {
      const std::size_t name_begin = at_;
      std::string_view name = read_name();
      skip_spaces();
      if (text_.substr(at_).starts_with(":-")) {
        at_ += 2;
        return close_default(name, name_begin, begin, depth);
      }
      expression = name_or_call(name, name_begin, depth, /*words_are_text=*/false);
    } else {
      expression = this->expression(depth, /*words_are_text=*/false);
    }
    skip_spaces();
    if (at_ >= text_.size()) fail("'${' has no '}'", begin);
    if (text_.substr(at_).starts_with(":-"))
      fail("':-' gives a default to a name, not to a call", at_);
    if (peek() != '}') fail("expected '}' instead of '" + std::string(1, peek()) + "'", at_);
    ++at_;
    return expression;
  }

  // After `${name:-`: the default's text up to the brace that closes the hole; it may have holes
  // itself.
  ExpressionPtr close_default(std::string_view name, std::size_t name_begin, std::size_t hole_begin,
                              int depth) {
    const std::size_t begin = at_;
    int open = 1;
    while (at_ < text_.size()) {
      if (text_[at_] == '{') ++open;
      if (text_[at_] == '}' && --open == 0) break;
      ++at_;
    }
    if (at_ >= text_.size()) fail("'${' has no '}'", hole_begin);
    Parser inner(text_.substr(begin, at_ - begin), names_, base_ + begin);
    TemplateParts parts = inner.parts(TemplatePart::Mode::plain, depth + 1);
    ++at_;
    ExpressionPtr fallback = default_of(std::move(parts));
    auto reference = names_.resolve(name);
    if (!reference) fail(reference.error().text, name_begin);
    return make_name(std::string(name), std::move(*reference), std::move(fallback));
  }

  // A default that is one hole keeps that hole's type; plain text that is a number or a bool is
  // one.
  static ExpressionPtr default_of(TemplateParts parts) {
    if (parts.size() == 1) return make_constant(plain_value(parts[0].literal));
    if (parts.size() == 2 && parts[0].literal.empty() && parts[1].literal.empty())
      return std::move(parts[0].hole);
    CallData data;
    for (TemplatePart& part : parts) {
      if (!part.literal.empty()) data.arguments.push_back(make_constant({std::move(part.literal)}));
      if (part.hole) data.arguments.push_back(std::move(part.hole));
    }
    return std::move(
        *make_call(*find_function("concat"), std::move(data)));  // never fails: only names and text
  }

  static Value plain_value(const std::string& text) {
    if (text == "true") return {true};
    if (text == "false") return {false};
    Number number;
    if (parse_number(text, number)) {
      const Value value = number.is_whole ? Value{number.whole} : Value{number.real};
      if (value.to_text() == text) return value;  // 007 and 1.50 stay text
    }
    return {text};
  }

  std::string_view read_name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) {
      // A '-' belongs to a name only between two of its letters: ${a:-b} and ${x-} are not names.
      if (text_[at_] == '-' && !(at_ + 1 < text_.size() && is_name_char(text_[at_ + 1]))) break;
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  ExpressionPtr expression(int depth, bool words_are_text) {
    if (depth > kMaxDepth) fail("calls within calls are nested too deep", at_);
    skip_spaces();
    const std::size_t begin = at_;
    const char c = peek();
    if (c == '\'' || c == '"') return quoted(c);
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '+' || c == '.')
      return literal_number();
    if (is_name_start(c)) return name_or_call(read_name(), begin, depth, words_are_text);
    if (text_.substr(at_).starts_with("${")) fail("within '${…}' a name stands without '${'", at_);
    if (at_ >= text_.size()) fail("'${' has no '}'", begin);
    fail("expected a name, a number or a quoted text instead of '" + std::string(1, c) + "'", at_);
  }

  ExpressionPtr quoted(char quote) {
    const std::size_t begin = at_++;
    std::string text;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        switch (text_[at_]) {
          case 'n':
            text += '\n';
            break;
          case 'r':
            text += '\r';
            break;
          case 't':
            text += '\t';
            break;
          default:
            text += text_[at_];
        }
        ++at_;
      } else {
        text += text_[at_++];
      }
    }
    if (at_ >= text_.size()) fail("the quoted text has no end", begin);
    ++at_;
    return make_constant({std::move(text)});
  }

  // 12, -0.5, 1e6, and durations (-5m, 1m30s), which count as nanoseconds.
  ExpressionPtr literal_number() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '.' ||
            (text_[at_] & 0x80) != 0 ||
            ((text_[at_] == '-' || text_[at_] == '+') &&
             (at_ == begin || text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E')))) {
      ++at_;
    }
    const std::string_view text = text_.substr(begin, at_ - begin);
    Number number;
    if (parse_number(text, number))
      return make_constant(number.is_whole ? Value{number.whole} : Value{number.real});
    const bool is_negative = text.starts_with('-');
    auto ns = parse_duration_ns(is_negative ? text.substr(1) : text);
    if (!ns) fail("'" + std::string(text) + "' is not a number (text is quoted: 'abc')", begin);
    return make_constant({Duration{is_negative ? -*ns : *ns}});
  }

  ExpressionPtr name_or_call(std::string_view name, std::size_t begin, int depth,
                             bool words_are_text) {
    skip_spaces();
    const Function* function = find_function(name);
    if (peek() == '(') {
      if (function == nullptr)
        fail("unknown function '" + std::string(name) + "'" + hint(name), begin);
      return call(*function, begin, depth);
    }
    // Generators may stand without parentheses (${seq}, ${uuid}); a word in choice(…) is a word
    // first.
    const bool is_bare_call = function != nullptr && function->min_arguments == 0;
    if (is_bare_call && !words_are_text) return finish(*function, {}, begin);
    if (name == "true" || name == "false") return make_constant({name == "true"});
    auto reference = names_.resolve(name);
    if (reference) return make_name(std::string(name), std::move(*reference), nullptr);
    if (words_are_text && name.find('.') == std::string_view::npos)
      return make_constant({std::string(name)});
    if (function != nullptr)
      fail("'" + std::string(name) + "' needs arguments: " + std::string(function->usage), begin);
    std::string why = reference.error().text;
    if (why.find("did you mean") == std::string::npos) why += hint(name);
    fail(std::move(why), begin);
  }

  ExpressionPtr call(const Function& function, std::size_t begin, int depth) {
    ++at_;  // '('
    CallData data;
    std::string id;
    std::size_t count = 0;
    skip_spaces();
    while (peek() != ')') {
      if (function.has_id && count == 0) {
        id = read_id();
        data.arguments.push_back(make_constant({id}));
      } else {
        data.arguments.push_back(expression(depth + 1, function.kind == Function::Kind::words));
      }
      ++count;
      skip_spaces();
      if (peek() == ',') {
        ++at_;
        skip_spaces();
        if (peek() == ')') fail("an argument is missing after ','", at_);
      } else if (peek() != ')') {
        if (at_ >= text_.size()) fail("'" + std::string(function.name) + "(' has no ')'", begin);
        fail("expected ',' or ')' instead of '" + std::string(1, peek()) + "'", at_);
      }
    }
    ++at_;
    if (count < function.min_arguments || count > function.max_arguments) {
      fail("'" + std::string(function.name) + "' takes " + counts(function) + ", not " +
               std::to_string(count) + ": " + std::string(function.usage),
           begin);
    }
    return finish(function, std::move(data), begin, id);
  }

  ExpressionPtr finish(const Function& function, CallData data, std::size_t begin,
                       std::string_view id = {}) {
    data.salt = hash_text(id);
    if (function.kind == Function::Kind::state) {
      data.state = names_.add_state(
          id.empty() ? std::string() : std::string(function.name) + ":" + std::string(id));
    }
    auto made = make_call(function, std::move(data));
    if (!made) fail(made.error().text, begin);
    return std::move(*made);
  }

  std::string read_id() {
    skip_spaces();
    if (peek() == '\'' || peek() == '"') return *quoted(peek())->constant()->text();
    const std::size_t begin = at_;
    if (!is_name_start(peek())) fail("the first argument is an id: a word", at_);
    (void)read_name();
    return std::string(text_.substr(begin, at_ - begin));
  }

  static std::string counts(const Function& function) {
    const int low = function.min_arguments, high = function.max_arguments;
    if (high == 0) return "no arguments";
    std::string text = std::to_string(low);
    if (low != high)
      text += high - low == 1 ? " or " + std::to_string(high) : " to " + std::to_string(high);
    return text + (high == 1 ? " argument" : " arguments");
  }

  static std::string hint(std::string_view name) {
    std::vector<std::string_view> known;
    for (const Function& function : functions()) known.push_back(function.name);
    return did_you_mean(name, known);
  }

  std::string_view text_;
  Names& names_;
  std::size_t base_;
  std::size_t at_ = 0;
};

}  // namespace

std::variant<TemplateParts, TemplateError> parse_template(std::string_view text, Names& names,
                                                          TemplatePart::Mode mode) {
  try {
    return Parser(text, names, 0).parts(mode, 0);
  } catch (TemplateError& error) {
    return std::move(error);
  }
}

}  // namespace squall
