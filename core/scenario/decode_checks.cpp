// `expect`, `satisfied`, `if`: matchers; and `capture`: what is kept of a result.
#include <algorithm>

#include <fmt/format.h>

#include "payload/number_text.hpp"
#include "scenario/decoder.hpp"

namespace squall {
namespace {

bool has_hole(const Node& node) { return node.is_scalar() && node.text.find("${") != node.text.npos; }

/// What stands in a sample's detail: "status 200", "body contains 'rev:'".
std::string brief(const Node& node) {
  std::string out;
  if (node.is_scalar()) out = node.text;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) out += ", ";
    if (node.is_map()) out += node.keys[i].text + " ";
    out += node.items[i].is_scalar() && node.items[i].quoted ? in_quotes(brief(node.items[i])) : brief(node.items[i]);
  }
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (out.size() > 80) out = out.substr(0, 77) + "...";
  return out;
}

/// Asked for by name: header.ETag.
bool is_keyed(const ParamInfo& output) { return output.type == SQ_T_MAP || output.name == "header"; }

bool is_number_type(const ParamInfo& output) { return output.type == SQ_T_I64 || output.type == SQ_T_F64; }

UnitKind unit_of_output(const ParamInfo& output) {
  if (output.type == SQ_T_DURATION) return UnitKind::duration;
  if (output.unit == SQ_U_BYTES) return UnitKind::size;
  if (output.unit == SQ_U_BYTES_PER_S) return UnitKind::byte_rate;
  if (output.unit == SQ_U_PER_S) return UnitKind::rate;
  return UnitKind::none;
}

/// "2xx" as [200, 299].
bool parse_class(std::string_view text, Matcher::Range& out) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '9' || text.substr(1) != "xx") return false;
  out = {(text[0] - '0') * 100.0, (text[0] - '0') * 100.0 + 99};
  return true;
}

}  // namespace

std::uint32_t Decoder::find_output(const Node& at, std::string_view name, const OperationInfo& info, std::string& key) {
  if (name == "time") return kCheckTime;
  const std::size_t dot = name.find('.');
  for (std::uint32_t i = 0; i < info.outputs.size(); ++i) {
    const ParamInfo& output = info.outputs[i];
    if (is_keyed(output) && dot != name.npos && output.name == name.substr(0, dot)) {
      key = name.substr(dot + 1);
      if (key.empty()) error(at, fmt::format("'{}' needs a name behind the dot", name));
      return i;
    }
    if (output.name != name) continue;
    if (is_keyed(output)) error(at, fmt::format("'{}' is asked for with a name: {}.NAME", name, name));
    return i;
  }
  std::vector<std::string> known{"time"};
  for (const ParamInfo& output : info.outputs) known.push_back(is_keyed(output) ? output.name + ".NAME" : output.name);
  error(at, fmt::format("'{}' is no output of this operation", name), suggestion("output", name, known));
  return kNone;
}

std::vector<Check> Decoder::decode_checks(const Node& map, const OperationInfo& info, const StepPlace& place, std::string_view word) {
  std::vector<Check> checks;
  if (!map.is_map()) {
    error(map, fmt::format("'{}' is a map of outputs and what they must be, this is {}", word, map.kind_name()), "such as `status: 200`");
    return checks;
  }
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    Check check;
    check.output = find_output(map.keys[i], map.keys[i].text, info, check.key);
    if (check.output == kNone) continue;
    static const ParamInfo kTime{.name = "time", .type = SQ_T_DURATION, .flags = 0, .unit = SQ_U_NONE, .choices = {}, .default_json = {}, .doc = {}};
    const ParamInfo& output = check.output == kCheckTime ? kTime : info.outputs[check.output];
    check.matcher = decode_matcher(map.items[i], place.scope, unit_of_output(output), is_number_type(output), map.keys[i].text);
    check.text = fmt::format("{} {}", map.keys[i].text, brief(map.items[i]));
    if (!check.matcher.empty()) checks.push_back(std::move(check));
  }
  return checks;
}

Matcher Decoder::decode_matcher(const Node& given, const NameScope& scope, UnitKind unit, bool is_numeric, std::string_view what) {
  Matcher matcher;
  const Node node = fold(given, scope);
  const bool measures = is_numeric || unit != UnitKind::none;
  const auto operand = [&](std::string text, const Node& at) -> std::optional<Template> {
    Node scalar = at;
    scalar.text = std::move(text);
    if (has_hole(scalar)) return compile(scalar, scope);
    if (unit == UnitKind::duration) {
      const auto ns = quantity(scalar, scope, unit, in_quotes(what));
      return ns ? std::optional(Template(Value{Duration{static_cast<std::int64_t>(*ns)}})) : std::nullopt;
    }
    if (measures) {
      const auto number = quantity(scalar, scope, unit, in_quotes(what));
      return number ? std::optional(Template(Value{*number})) : std::nullopt;
    }
    return Template(scalar_value(scalar));
  };
  const auto add = [&](Matcher::Op op, std::string text, const Node& at) {
    if (auto value = operand(std::move(text), at)) matcher.add({.op = op, .value = std::move(*value), .ranges = {}, .texts = {}, .path = {}, .inner = {}});
  };

  if (node.is_map()) {
    decode_matcher_map(node, scope, unit, is_numeric, {}, matcher);
    if (node.keys.empty()) error(given, fmt::format("'{}' must say what it expects", what));
    return matcher;
  }
  if (node.is_null()) {
    if (!given.is_scalar()) error(given, fmt::format("'{}' must say what it expects", what));
    return matcher;
  }
  if (node.is_list()) {
    Matcher::Rule rule{.op = Matcher::Op::one_of, .value = {}, .ranges = {}, .texts = {}, .path = {}, .inner = {}};
    for (const Node& item_given : node.items) {
      const Node item = fold(item_given, scope);
      Matcher::Range range;
      if (!item.is_scalar()) error(item_given, fmt::format("'{}' is compared with single values, this is {}", what, item.kind_name()));
      else if (is_numeric && parse_class(item.text, range)) rule.ranges.push_back(range);
      else if (auto value = operand(item.text, item)) rule.texts.push_back(std::move(*value));
    }
    matcher.add(std::move(rule));
    return matcher;
  }
  if (measures && !has_hole(node)) {
    Matcher::Range range;
    if (parse_class(node.text, range)) {
      matcher.add({.op = Matcher::Op::one_of, .value = {}, .ranges = {range}, .texts = {}, .path = {}, .inner = {}});
      return matcher;
    }
  }
  if (measures && !node.text.empty() && (node.text[0] == '<' || node.text[0] == '>')) {
    const bool is_less = node.text[0] == '<', has_equal = node.text.size() > 1 && node.text[1] == '=';
    std::string rest = node.text.substr(has_equal ? 2 : 1);
    const std::size_t blanks = std::min(rest.find_first_not_of(' '), rest.size());
    const Matcher::Op op = is_less ? (has_equal ? Matcher::Op::at_most : Matcher::Op::below)
                                   : (has_equal ? Matcher::Op::at_least : Matcher::Op::above);
    add(op, rest.substr(blanks), node);
    return matcher;
  }
  if (what == "time") {
    error(given, "'time' is compared: write < 2s");
    return matcher;
  }
  if (is_numeric && unit == UnitKind::none && !has_hole(node)) {
    Number number;
    if (!parse_number(node.text, number)) {
      error(given, fmt::format("'{}' is a number, this is '{}'", what, node.text), "write 200, [200, 304], 2xx or < 400");
      return matcher;
    }
  }
  add(Matcher::Op::equals, node.text, node);
  return matcher;
}

void Decoder::decode_matcher_map(const Node& map, const NameScope& scope, UnitKind unit, bool is_numeric,
                                 std::span<const Key> also, Matcher& out) {
  std::vector<std::string> extra;
  for (const Key& key : also) extra.emplace_back(key.name);
  const MapReader reader(*this, map, kMatcherKeys, "in a check", extra);
  const auto single = [&](std::string_view key, Matcher::Op op) {
    const Node* given = reader[key];
    if (given == nullptr) return;
    const Node node = fold(*given, scope);
    if (node.is_list() || node.is_map()) return error(*given, fmt::format("'{}' takes one value, this is {}", key, node.kind_name()));
    Template value;
    const bool compares = op == Matcher::Op::above || op == Matcher::Op::below;
    if (node.is_scalar() && has_hole(node)) {
      auto compiled = compile(node, scope);
      if (!compiled) return;
      value = std::move(*compiled);
    } else if (op != Matcher::Op::contains && unit != UnitKind::none && !reader["regex"]) {
      const auto number = quantity(node, scope, unit, in_quotes(key));
      if (!number) return;
      value = unit == UnitKind::duration ? Template(Value{Duration{static_cast<std::int64_t>(*number)}}) : Template(Value{*number});
    } else if (compares) {
      Number number;
      if (!node.is_scalar() || !parse_number(node.text, number)) return error(*given, fmt::format("'{}' is a number, this is '{}'", key, node.text));
      value = Template(number.is_whole ? Value{number.whole} : Value{number.real});
    } else {
      Node plain = node;
      plain.kind = Node::Kind::scalar;
      if (op == Matcher::Op::contains) plain.quoted = true;  // always a text
      value = Template(node.is_null() ? Value{std::string()} : scalar_value(plain));
      if (op == Matcher::Op::contains && plain.text.empty()) return error(*given, "'contains' needs a text: everything contains nothing");
    }
    out.add({.op = op, .value = std::move(value), .ranges = {}, .texts = {}, .path = {}, .inner = {}});
  };
  if (const Node* regex = reader["regex"]) {
    auto compiled = Regex::compile(text(*regex, scope, "'regex'"));
    if (compiled) out.look_at_group_of(*compiled);
    else error_from(*regex, compiled.error());
  }
  single("equals", Matcher::Op::equals);
  single("contains", Matcher::Op::contains);
  single("above", Matcher::Op::above);
  single("below", Matcher::Op::below);
  if (const Node* json = reader["json"]) {
    if (!json->is_map()) error(*json, fmt::format("'json' is a map of paths and values, this is {}", json->kind_name()), "write `json: { a.b: 1 }`");
    for (std::size_t i = 0; i < json->keys.size(); ++i) {
      auto path = JsonPath::parse(json->keys[i].text);
      if (!path) {
        error_from(json->keys[i], path.error());
        continue;
      }
      auto inner = std::make_shared<Matcher>(decode_matcher(json->items[i], scope, UnitKind::none, false, json->keys[i].text));
      out.add({.op = Matcher::Op::json, .value = {}, .ranges = {}, .texts = {}, .path = std::move(*path), .inner = std::move(inner)});
    }
  }
  if (const Node* inverse = reader["not"]) {
    auto inner = std::make_shared<Matcher>(decode_matcher(*inverse, scope, unit, is_numeric, "not"));
    if (!inner->empty()) out.add({.op = Matcher::Op::none_of, .value = {}, .ranges = {}, .texts = {}, .path = {}, .inner = std::move(inner)});
  }
}

std::vector<Capture> Decoder::decode_captures(const Node& map, const OperationInfo& info, const StepPlace& place, bool keep) {
  std::vector<Capture> captures;
  if (!map.is_map()) {
    error(map, fmt::format("'capture' is a map of names and what they keep, this is {}", map.kind_name()), "such as `token: { json: access_token }`");
    return captures;
  }
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const Node& name = map.keys[i];
    const Node& given = map.items[i];
    Capture capture;
    capture.name = name.text;
    capture.slot = slot_of(name.text, kNone);
    capture.keep_user = keep;
    if (given.is_scalar()) {  // code: status
      capture.output = find_output(given, given.text, info, capture.key);
      if (!capture.key.empty()) capture.from = Capture::From::header;
      if (capture.output != kNone) captures.push_back(std::move(capture));
      continue;
    }
    if (!given.is_map()) {
      error(given, fmt::format("'{}' is an output, or a map with json, regex or header", name.text));
      continue;
    }
    const MapReader reader(*this, given, kCaptureKeys, "in 'capture'");
    const Node* how = nullptr;
    for (const char* key : {"json", "regex", "header"}) {
      if (const Node* found = reader[key]) {
        if (how) error(*found, "a capture takes one of json, regex, header");
        how = found;
      }
    }
    if (how == nullptr && !reader["from"]) {
      error(name, fmt::format("capture '{}' needs json, regex, header or from", name.text));
      continue;
    }
    if (const Node* kept = reader["keep"]) {
      if (kept->text != "user") error(*kept, "'keep' takes the word user");
      capture.keep_user = true;
    }
    if (const Node* header = reader["header"]) {
      capture.from = Capture::From::header;
      capture.output = find_output(name, "header." + header->text, info, capture.key);
    } else if (const Node* from = reader["from"]) {
      capture.output = find_output(*from, from->text, info, capture.key);
    } else {
      const auto body = std::ranges::find_if(info.outputs, [](const ParamInfo& o) { return o.name == "body" || o.name == "output" || o.name == "payload"; });
      capture.output = body == info.outputs.end() ? kNone : static_cast<std::uint32_t>(body - info.outputs.begin());
      if (capture.output == kNone) error(name, "this operation has no body to look into", "say `from: OUTPUT`");
    }
    if (const Node* json = reader["json"]) {
      capture.from = Capture::From::json;
      auto path = JsonPath::parse(text(*json, {}, "'json'"));
      if (path) capture.json = std::move(*path);
      else error_from(*json, path.error());
    }
    if (const Node* regex = reader["regex"]) {
      capture.from = Capture::From::regex;
      auto compiled = Regex::compile(text(*regex, place.scope, "'regex'"));
      if (compiled) capture.regex = std::move(*compiled);
      else error_from(*regex, compiled.error());
    }
    if (capture.output != kNone) captures.push_back(std::move(capture));
  }
  return captures;
}

}  // namespace squall
