#include "scenario/match.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

namespace squall {
namespace {

/// Short, with no line ends: it goes into a statistics key and a terminal line.
std::string shown(const Template& value) {
  std::string text = value.source();
  if (text.empty()) text = value.is_constant() ? value.constant().to_text() : "";
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string shown_input(const MatchInput& input) {
  switch (input.kind) {
    case MatchInput::Kind::number: return fmt::format("{}", input.number);
    case MatchInput::Kind::duration: return fmt::format("{:.3f} ms", input.number / 1e6);
    case MatchInput::Kind::text: break;
  }
  return "it";  // texts differ each time: never part of a reason
}

bool number_of(const Value& value, double& out) {
  if (const auto* duration = std::get_if<Duration>(&value.data)) {
    out = static_cast<double>(duration->ns);
    return true;
  }
  return value.to_number(out);
}

bool number_of(const MatchInput& input, double& out) {
  if (input.kind != MatchInput::Kind::text) {
    out = input.number;
    return true;
  }
  return Value{std::string(input.text)}.to_number(out);
}

bool equal(const MatchInput& input, const Value& value) {
  double left = 0, right = 0;
  if (input.kind != MatchInput::Kind::text) return number_of(value, right) && input.number == right;
  if (!value.text() && number_of(value, right) && number_of(input, left)) return left == right;
  return input.text == value.to_text();
}

/// A JSON value as input; `text` keeps what the view points to.
MatchInput input_of(const Value& value, std::string& text) {
  double number = 0;
  if (!value.text() && value.to_number(number)) return MatchInput::of_number(number);
  text = value.is_null() ? "null" : value.to_text();
  return MatchInput::of(text);
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {}
Regex::~Regex() = default;

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern) {
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_dot_nl(false);
  auto expression = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!expression->ok()) return Error{fmt::format("'{}' is not a regular expression: {}", pattern, expression->error())};
  return std::shared_ptr<const Regex>(new Regex(std::move(expression)));
}

bool Regex::find(std::string_view text, std::string_view& found) const {
  re2::StringPiece groups[2];
  const int wanted = std::min(expression_->NumberOfCapturingGroups(), 1) + 1;
  const re2::StringPiece in(text.data(), text.size());
  if (!expression_->Match(in, 0, in.size(), re2::RE2::UNANCHORED, groups, wanted)) return false;
  const re2::StringPiece& group = groups[wanted - 1];
  found = group.data() ? std::string_view(group.data(), group.size()) : std::string_view();
  return true;
}

const std::string& Regex::pattern() const { return expression_->pattern(); }

bool Matcher::matches(const MatchInput& given, Scope& scope, std::string* why) const {
  const auto say = [&](std::string text) {
    if (why) *why = std::move(text);
    return false;
  };
  MatchInput input = given;
  std::string printed;  // of a number that a text rule looks at
  const auto as_text = [&] {
    if (input.kind == MatchInput::Kind::text) return input.text;
    printed = fmt::format("{}", input.number);
    return std::string_view(printed);
  };
  if (regex_) {
    std::string_view group;
    if (!regex_->find(as_text(), group)) return say(fmt::format("does not match '{}'", regex_->pattern()));
    input = MatchInput::of(group);
  }
  for (const Rule& rule : rules_) {
    if (rule.op == Op::json) {
      auto found = rule.path.find(as_text());
      if (!found) return say(found.error().text);
      std::string text, inner_why;
      if (!rule.inner->matches(input_of(*found, text), scope, why ? &inner_why : nullptr))
        return say(fmt::format("{} {}", rule.path.text(), inner_why));
      continue;
    }
    if (rule.op == Op::none_of) {
      if (rule.inner->matches(input, scope)) return say("matches what it must not");
      continue;
    }
    if (rule.op == Op::one_of) {
      double number = 0;
      const bool in_range = number_of(input, number) && std::ranges::any_of(rule.ranges, [&](const Range& r) {
        return number >= r.low && number <= r.high;
      });
      bool in_texts = false;
      for (const Template& text : rule.texts) {
        auto value = text.evaluate(scope);
        if (!value) return say(value.error().text);
        if ((in_texts = equal(input, *value))) break;
      }
      if (!in_range && !in_texts) return say(fmt::format("is {}", input.kind == MatchInput::Kind::text ? "none of those listed" : shown_input(input)));
      continue;
    }
    auto value = rule.value.evaluate(scope);
    if (!value) return say(value.error().text);
    if (rule.op == Op::equals) {
      if (equal(input, *value)) continue;
      if (input.kind == MatchInput::Kind::text) return say(fmt::format("is not '{}'", shown(rule.value)));
      return say(fmt::format("is {}, not {}", shown_input(input), shown(rule.value)));
    }
    if (rule.op == Op::contains) {
      if (as_text().find(value->to_text()) != std::string_view::npos) continue;
      return say(fmt::format("does not contain '{}'", shown(rule.value)));
    }
    double left = 0, right = 0;
    if (!number_of(input, left)) return say("is not a number");
    if (!number_of(*value, right)) return say(fmt::format("'{}' is not a number", shown(rule.value)));
    const bool holds = rule.op == Op::above ? left > right
                     : rule.op == Op::below ? left < right
                     : rule.op == Op::at_least ? left >= right
                                               : left <= right;
    constexpr const char* kWords[] = {"above", "below", "at least", "at most"};
    if (!holds) return say(fmt::format("is not {} {}", kWords[static_cast<int>(rule.op) - static_cast<int>(Op::above)], shown(rule.value)));
  }
  return true;
}

}  // namespace squall
