// Scalars, durations, sizes, distributions, templates: what stands in one value of the file.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "scenario/decoder.hpp"

namespace squall {
namespace {

constexpr std::size_t kMaxValues = 200'000;  // read in all; what vars multiply counts

bool has_hole(std::string_view text) { return text.find("${") != text.npos; }
bool has_secret(std::string_view text) { return text.find("secret.") != text.npos; }   // ${secret.X}, ${json(secret.X)}

/// "x" of "${x}", when the name is all there is.
std::string_view whole_name(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with("}")) return {};
  text = text.substr(2, text.size() - 3);
  const bool is_name = !text.empty() && text.find_first_of("${}():") == text.npos;
  return is_name ? text : std::string_view();
}

/// Nobody: evaluates what should be the same for all and says what is missing.
class NoUser : public Scope {
 public:
  std::int64_t unix_ns() const override { return 0; }
  const Value* local(std::uint32_t) const override { return nullptr; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override { return std::nullopt; }
  Value& state(std::uint32_t) override { return state_; }

 private:
  Value state_;
};

/// The first user: sees whether a value hangs on more than who the user is.
class AnyUser final : public NoUser {
 public:
  std::int64_t unix_ns() const override { return looked_at_clock_ = true, 0; }
  std::optional<std::string_view> field(std::uint32_t, std::uint32_t) override { return ""; }
  Value& state(std::uint32_t slot) override { return remembered_ = true, NoUser::state(slot); }
  bool asked_for_more() const { return looked_at_clock_ || remembered_ || draws > 0; }

 private:
  mutable bool looked_at_clock_ = false;
  bool remembered_ = false;
};

Node nothing_at(const Node& node) {
  Node nothing;
  nothing.mark = node.mark;
  nothing.length = node.length;
  return nothing;
}

void move_to(Node& node, const Node& site) {
  node.mark = site.mark;
  node.length = site.length;
  for (Node& item : node.items) move_to(item, site);
  for (Node& key : node.keys) move_to(key, site);
}

}  // namespace

Node Decoder::fold(const Node& node, const NameScope& scope) {
  if (!node.is_scalar() || !has_hole(node.text) || has_secret(node.text)) return node;
  if (const std::string_view name = whole_name(node.text); !name.empty()) {
    const std::size_t dot = name.find('.');
    const auto var = vars_.find(name.substr(0, dot));
    const Node* member = var == vars_.end() ? nullptr : dot == name.npos ? &var->second : var->second.find(name.substr(dot + 1));
    if (member && !(scope.locals && scope.locals->contains(name.substr(0, dot)))) {
      if (std::ranges::find(used_vars_, var->first) != used_vars_.end()) {
        error(node, fmt::format("vars refer to each other in a circle: {}", var->first));
        return nothing_at(node);
      }
      if (++expansions_ > kMaxValues) return nothing_at(node);
      used_vars_.push_back(var->first);
      NameScope wider = scope;
      wider.env = true;  // vars may look there
      Node found = fold(*member, wider);
      used_vars_.pop_back();
      if (found.mark.line == 0) move_to(found, node);
      return found;
    }
  }
  const auto compiled = compile(node, scope);
  if (!compiled) return nothing_at(node);
  if (!compiled->is_constant()) return node;
  Node folded = node;
  folded.text = as_template(compiled->constant().to_text());  // it will be read as a template again
  folded.quoted = node.quoted && compiled->constant().text() && !compiled->is_single_hole();
  if (compiled->constant().is_null()) folded.kind = Node::Kind::null;
  return folded;
}

std::optional<Template> Decoder::compile(const Node& scalar, const NameScope& scope, Template::Escape escape) {
  if (scalar.is_null()) return Template(Value{std::string()});
  BoundNames names(*this, scope);
  auto compiled = Template::compile(scalar.text, names, escape);
  if (const auto* mistake = std::get_if<TemplateError>(&compiled)) {
    // The offset is a place in the line only when the text is written as it is read.
    const bool on_one_line = scalar.text.find('\n') == scalar.text.npos && scalar.text.find('\\') == scalar.text.npos &&
                             scalar.length == scalar.text.size() + (scalar.quoted ? 2 : 0);
    Node at = scalar;
    if (on_one_line && mistake->offset < scalar.text.size()) {
      const std::size_t end = scalar.text.find('}', mistake->offset);
      at.mark.column += static_cast<std::uint32_t>(mistake->offset) + (scalar.quoted ? 1 : 0);
      at.length = static_cast<std::uint32_t>(std::min(end, scalar.text.size()) - mistake->offset);
      if (end != scalar.text.npos && scalar.text.substr(mistake->offset).starts_with("${")) ++at.length;
    }
    if (!names.hint.empty()) {
      error(at, mistake->text, names.hint);
    } else {
      error_from(at, Error{mistake->text});
    }
    return std::nullopt;
  }
  auto& result = std::get<Template>(compiled);
  if (!scope.varies && !result.is_constant()) {
    NoUser nobody;
    auto value = result.evaluate(nobody);
    if (!value) {
      error(scalar, value.error().text, names.hint);
      return std::nullopt;
    }
    error(scalar, "this value is read once and cannot vary", "generators and users' names stand in steps and payloads");
    return std::nullopt;
  }
  return std::move(result);
}

Template Decoder::text_template(const Node& given, const NameScope& scope, std::string_view what) {
  const Node node = fold(given, scope);
  if (node.is_list() || node.is_map()) {
    error(given, fmt::format("{} is a text, this is {}", what, node.kind_name()));
    return Template();
  }
  auto compiled = compile(node, scope);
  return compiled ? std::move(*compiled) : Template();
}

Template Decoder::file_of_user(const Node& given, std::string_view what) {
  Template file = text_template(given, {.varies = true, .env = true, .for_life = true}, what);
  AnyUser user;
  if (!file.is_constant()) (void)file.evaluate(user);
  if (user.asked_for_more())
    error(given, fmt::format("{} is one file for all of a user's life, and this would change", what), kForLifeHint);
  return file;
}

std::string Decoder::text(const Node& given, const NameScope& scope, std::string_view what) {
  const Node node = fold(given, scope);
  if (node.is_list() || node.is_map()) {
    error(given, fmt::format("{} is a text, this is {}", what, node.kind_name()));
    return {};
  }
  if (!has_hole(node.text)) return node.text;
  NameScope fixed = scope;
  fixed.varies = false;
  const auto compiled = compile(node, fixed);
  return compiled ? compiled->constant().to_text() : std::string();
}

std::optional<double> Decoder::quantity(const Node& given, const NameScope& scope, UnitKind unit, std::string_view what) {
  NameScope fixed = scope;
  fixed.varies = false;
  const Node node = fold(given, fixed);
  if (!node.is_scalar()) {
    if (!(node.is_null() && given.is_scalar())) error(given, fmt::format("{} is one value, this is {}", what, node.kind_name()));
    return std::nullopt;
  }
  const auto parsed = parse_quantity(node.text, unit);
  if (parsed) return *parsed;
  error_from(node, parsed.error(), fmt::format("{}: ", what));
  return std::nullopt;
}

std::optional<double> Decoder::positive(const Node& given, const NameScope& scope, UnitKind unit, std::string_view what) {
  const auto found = quantity(given, scope, unit, what);
  if (found && *found <= 0) {
    error(given, fmt::format("{} must be above 0", what));
    return std::nullopt;
  }
  return found;
}

std::optional<std::uint64_t> Decoder::whole(const Node& given, const NameScope& scope, std::string_view what,
                                            std::uint64_t lowest, std::uint64_t highest) {
  NameScope fixed = scope;
  fixed.varies = false;
  const Node node = fold(given, fixed);
  if (node.is_null() && given.is_scalar()) return std::nullopt;  // said already
  Value read;
  if (node.is_scalar()) {
    Node plain = node;
    plain.quoted = false;  // "10" counts too: a var from the environment is a text
    read = scalar_value(plain);
  }
  const auto* number = std::get_if<std::int64_t>(&read.data);
  double real = 0;
  if (number == nullptr) {
    if (node.is_scalar() && read.to_number(real) && real == std::floor(real) && std::fabs(real) < 1e15) {
      if (real >= static_cast<double>(lowest) && real <= static_cast<double>(highest)) return static_cast<std::uint64_t>(real);
    } else {
      error(node.mark.line ? node : given, fmt::format("{} is a whole number, this is {}", what, node.is_scalar() ? in_quotes(node.text) : node.kind_name()));
      return std::nullopt;
    }
  }
  const bool is_below = number ? (*number < 0 || static_cast<std::uint64_t>(*number) < lowest) : real < static_cast<double>(lowest);
  const bool is_above = number ? (*number >= 0 && static_cast<std::uint64_t>(*number) > highest) : real > static_cast<double>(highest);
  if (is_below || is_above) {
    error(node, fmt::format("{} is {}, it must be {} {}", what, node.text, is_below ? "at least" : "at most", is_below ? lowest : highest));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*number);
}

std::int64_t Decoder::duration(const Node& node, std::string_view what) {
  return static_cast<std::int64_t>(quantity(node, {}, UnitKind::duration, what).value_or(0));
}

bool Decoder::boolean(const Node& given, const NameScope& scope, std::string_view what, bool fallback) {
  const Node node = fold(given, scope);
  if (node.is_scalar() && node.text == "true") return true;
  if (node.is_scalar() && node.text == "false") return false;
  static constexpr std::string_view kYes[] = {"yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE", "1"};
  static constexpr std::string_view kNo[] = {"no", "No", "NO", "off", "Off", "OFF", "False", "FALSE", "0"};
  std::string hint;
  if (std::ranges::find(kYes, node.text) != std::end(kYes)) hint = "write true";
  if (std::ranges::find(kNo, node.text) != std::end(kNo)) hint = "write false";
  error(given, fmt::format("{} is true or false, this is {}", what, node.is_scalar() ? in_quotes(node.text) : node.kind_name()), hint);
  return fallback;
}

std::size_t Decoder::word(const Node& given, std::string_view what, std::span<const std::string_view> words) {
  const Node node = fold(given, {});
  if (node.is_scalar()) {
    if (const auto found = std::ranges::find(words, node.text); found != words.end())
      return static_cast<std::size_t>(found - words.begin());
  }
  error(given, fmt::format("{} is one of {}; this is {}", what, fmt::join(words, ", "), node.is_scalar() ? in_quotes(node.text) : node.kind_name()));
  return 0;
}

std::optional<Value> Decoder::value(const Node& given, const NameScope& scope) {
  if (++values_read_ > kMaxValues) {
    if (values_read_ == kMaxValues + 1) error(given, fmt::format("vars expand to more than {} values", kMaxValues));
    return std::nullopt;
  }
  const Node node = fold(given, scope);
  switch (node.kind) {
    case Node::Kind::null: return Value{};
    case Node::Kind::scalar: {
      if (!has_hole(node.text)) return scalar_value(node);
      NameScope fixed = scope;
      fixed.varies = false;
      auto compiled = compile(node, fixed);
      if (!compiled) return std::nullopt;
      return compiled->constant();
    }
    case Node::Kind::list: {
      ValueList list;
      for (const Node& item : node.items) {
        auto read = value(item, scope);
        if (!read) return std::nullopt;
        list.push_back(std::move(*read));
      }
      return Value{std::make_shared<const ValueList>(std::move(list))};
    }
    case Node::Kind::map: break;
  }
  ValueMap map;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    auto read = value(node.items[i], scope);
    if (!read) return std::nullopt;
    map.emplace_back(node.keys[i].text, std::move(*read));
  }
  return Value{std::make_shared<const ValueMap>(std::move(map))};
}

Value Decoder::raw_value(const Node& given, const NameScope& scope) {
  if (++values_read_ > kMaxValues) {
    if (values_read_ == kMaxValues + 1) error(given, fmt::format("vars expand to more than {} values", kMaxValues));
    return {};
  }
  const bool is_var = given.is_scalar() && vars_.contains(whole_name(given.text));
  const Node node = is_var ? fold(given, scope) : given;
  if (node.is_scalar()) return has_hole(node.text) ? Value{node.text} : scalar_value(node);
  if (node.is_list()) {
    ValueList list;
    for (const Node& item : node.items) list.push_back(raw_value(item, scope));
    return Value{std::make_shared<const ValueList>(std::move(list))};
  }
  if (!node.is_map()) return {};
  ValueMap map;
  for (std::size_t i = 0; i < node.keys.size(); ++i) map.emplace_back(node.keys[i].text, raw_value(node.items[i], scope));
  return Value{std::make_shared<const ValueMap>(std::move(map))};
}

std::optional<Distribution> Decoder::distribution(const Node& map, const NameScope& scope, UnitKind unit, bool is_gap) {
  NameScope fixed = scope;
  fixed.varies = false;
  const auto description = value(map, fixed);
  if (!description || !check_files(map)) return std::nullopt;
  BoundNames names(*this, scope);
  auto made = make_distribution(*description, unit, {&names, folder_, is_gap});
  if (made) return std::move(*made);
  error_below(map, made.error(), {});
  return std::nullopt;
}

DurationSource Decoder::interval(const Node& given, const NameScope& scope, std::string_view what, bool is_gap) {
  const Node node = fold(given, scope);
  if (node.is_map()) {
    const auto drawn = distribution(node, scope, UnitKind::duration, is_gap);
    if (!drawn) return std::int64_t{0};
    return options_.compress == 1 ? *drawn : drawn->scaled(1 / options_.compress);
  }
  if (node.is_list()) {
    error(given, fmt::format("{} is a duration or a distribution, this is a list", what), "write { uniform: [1s, 3s] }");
    return std::int64_t{0};
  }
  if (node.is_scalar() && has_hole(node.text)) {
    if (options_.compress != 1)
      warn(given.mark, fmt::format("--compress does not reach {}: its value is known only while the run goes on", what));
    return text_template(node, scope, what);
  }
  return static_cast<std::int64_t>(std::llround(quantity(node.mark.line ? node : given, scope, UnitKind::duration, what).value_or(0) / options_.compress));
}

std::map<std::string, std::string> Decoder::tags(const Node& given) {
  std::map<std::string, std::string> result;
  const Node node = fold(given, {});
  if (!node.is_map()) {
    error(given, fmt::format("'tags' is a map of texts, this is {}", node.kind_name()));
    return result;
  }
  for (std::size_t i = 0; i < node.keys.size(); ++i)
    result[node.keys[i].text] = text(node.items[i], {}, fmt::format("tag '{}'", node.keys[i].text));
  return result;
}

}  // namespace squall
