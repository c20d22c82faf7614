// One operation step: where it goes, its parameters in the types that the plugin asks for, its name.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "net/target_url.hpp"
#include "payload/number_text.hpp"
#include "scenario/decoder.hpp"

namespace squall {
namespace {

/// The parameter that says where on the target an operation goes, for its name.
constexpr std::string_view kAddresses[] = {"path", "topic", "program"};

bool has_hole(const Node& node) { return node.is_scalar() && node.text.find("${") != node.text.npos; }

UnitKind unit_of(const ParamInfo& info) {
  if (info.type == SQ_T_DURATION) return UnitKind::duration;
  if (info.unit == SQ_U_BYTES) return UnitKind::size;
  if (info.unit == SQ_U_BYTES_PER_S) return UnitKind::byte_rate;
  if (info.unit == SQ_U_PER_S) return UnitKind::rate;
  return info.type == SQ_T_I64 || info.type == SQ_T_F64 ? UnitKind::none : UnitKind::any;
}

bool fits(const std::vector<std::string>& schemes, const std::string& url) {
  return std::ranges::any_of(schemes, [&](const std::string& scheme) { return url.starts_with(scheme + "://"); });
}

}  // namespace

OperationStep Decoder::decode_operation(const Node& step, const Node& key, const Node& given, const StepPlace& place) {
  OperationStep out;
  const std::size_t dot = key.text.find('.');
  const ProtocolInfo& protocol = *catalog_.protocol(key.text.substr(0, dot));
  const OperationInfo& info = *catalog_.operation(key.text);
  out.operation_name = key.text;
  out.operation = static_cast<std::uint32_t>(&info - protocol.operations.data());
  out.protocol = protocol_index(protocol.name, key.mark);
  out.type = key.text == "job.run" ? "job" : "request";
  const auto param_named = [&](std::string_view name) { return std::ranges::find(info.params, name, &ParamInfo::name); };

  Node node = fold(given, place.scope);
  if (node.is_scalar()) {  // http.get: /path
    const auto address = std::ranges::find_if(kAddresses, [&](std::string_view a) { return param_named(a) != info.params.end(); });
    Node map;
    map.kind = Node::Kind::map;
    map.mark = given.mark;
    if (address != std::end(kAddresses)) {
      map.keys.push_back(key);
      map.keys[0].text = node.text.find("://") != node.text.npos ? "to" : std::string(*address);
      map.items.push_back(node);
    } else {
      error(given, fmt::format("'{}' takes a map of parameters, this is {}", key.text, node.kind_name()));
    }
    node = std::move(map);
  } else if (node.is_null()) {
    node.kind = Node::Kind::map;
  } else if (node.is_list()) {
    error(given, fmt::format("'{}' takes a map of parameters, this is a list", key.text));
    node = Node{};
    node.kind = Node::Kind::map;
  }

  std::vector<std::string> names;
  for (const Key& call : kCallKeys) names.emplace_back(call.name);
  for (const ParamInfo& param : info.params) names.push_back(param.name);

  std::string address_text, path_of_url;
  decode_address(key, node.find("to"), protocol.name, place, out, path_of_url);
  bool has_path = false;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Node& name = node.keys[i];
    const Node& value = node.items[i];
    if (name.text == "to") continue;
    if (name.text == "name") { out.name = text(value, place.scope, "'name'"); continue; }
    if (name.text == "timeout") {
      out.timeout_ns = static_cast<std::int64_t>(positive(value, place.scope, UnitKind::duration, "'timeout'").value_or(0));
      continue;
    }
    const auto param = param_named(name.text);
    if (param == info.params.end()) {
      for (const char* beside : {"expect", "capture"})
        if (name.text == beside) {
          error(name, fmt::format("'{}' stands beside '{}', not inside it", beside, key.text), "indent it as far as the operation's name");
          names.clear();
        }
      if (names.empty()) { names.emplace_back("to"); continue; }
      error(name, fmt::format("'{}' has no parameter '{}'", key.text, name.text), suggestion("parameter", name.text, names));
      continue;
    }
    has_path |= param->name == "path";
    if (std::ranges::find(kAddresses, param->name) != std::end(kAddresses)) address_text = fold(value, place.scope).text;
    auto decoded = decode_param(name, value, static_cast<std::uint32_t>(param - info.params.begin()), *param, place);
    if (decoded) out.params.push_back(std::move(*decoded));
  }
  if (!path_of_url.empty() && !has_path) {
    if (const auto param = param_named("path"); param != info.params.end()) {
      ParamValue path;
      path.param = static_cast<std::uint32_t>(param - info.params.begin());
      path.type = param->type;
      path.leaf = Value{path_of_url};
      path.mark = key.mark;
      out.params.push_back(std::move(path));
      address_text = path_of_url;
      has_path = true;
    }
  }
  for (const ParamInfo& param : info.params)
    if (param.is_required() && !node.find(param.name) && !(param.name == "path" && has_path))
      error(key, fmt::format("'{}' needs '{}'", key.text, param.name), param.doc);

  if (out.name.empty()) {
    std::string verb = key.text;
    if (protocol.name == "http" && info.name != "page") {
      verb = info.name;
      if (const Node* method = node.find("method"); info.name == "request" && method) verb = method->text;
      std::ranges::transform(verb, verb.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    }
    out.name = address_text.empty() ? verb : fmt::format("{} {}", verb, address_text);
  }
  if (const Node* type = step.find("type")) out.type = text(*type, place.scope, "'type'");
  if (const Node* given_tags = step.find("tags")) out.tags = tags(*given_tags);
  if (const Node* expect = step.find("expect")) {
    out.expect = decode_checks(*expect, info, place, "expect");
    out.default_expect = std::ranges::none_of(out.expect, [&](const Check& check) {
      return check.output < info.outputs.size() && info.outputs[check.output].name == info.code_output;
    });
  }
  if (const Node* capture = step.find("capture")) {
    const Node* keep = step.find("keep");
    out.captures = decode_captures(*capture, info, place, place.lives_with_user || (keep && keep->text == "user"));
  }
  return out;
}

void Decoder::decode_address(const Node& key, const Node* to, const std::string& protocol,
                             const StepPlace& place, OperationStep& out, std::string& path_of_url) {
  std::vector<std::string> schemes = schemes_of(protocol);
  if (schemes.empty()) {
    if (to) error(*to, fmt::format("'{}' goes to no target", key.text), "remove 'to'");
    return;
  }
  const bool must_have = must_have_target(protocol);
  const auto says = [&] { return fmt::format("{}://", fmt::join(schemes, "://, ")); };
  if (to == nullptr) {
    std::vector<std::uint32_t> fitting;
    std::optional<std::uint32_t> by_name;
    for (std::uint32_t i = 0; i < scenario_.targets.size(); ++i) {
      if (!fits(schemes, scenario_.targets[i].url)) continue;
      fitting.push_back(i);
      if (scenario_.targets[i].name == "default") by_name = i;
    }
    if (by_name || fitting.size() == 1) {
      (must_have ? std::get<std::uint32_t>(out.target) : out.fitting_target) = by_name ? *by_name : fitting[0];
    } else if (must_have && fitting.empty()) {
      if (!has_bad_targets_)
        error(key, fmt::format("'{}' has nowhere to go: no target is {}", key.text, says()), "list one under `targets`");
    } else if (must_have) {
      std::vector<std::string> names;
      for (const std::uint32_t i : fitting) names.push_back(scenario_.targets[i].name);
      error(key, fmt::format("'{}' needs 'to': more than one target fits", key.text), fmt::format("one of {}", fmt::join(names, ", ")));
    }
    return;
  }
  const Node name = fold(*to, place.scope);
  if (!name.is_scalar()) {
    if (!(name.is_null() && to->is_scalar())) error(*to, fmt::format("'to' is a target's name, this is {}", name.kind_name()));
    return;
  }
  if (has_hole(name)) {
    out.target = text_template(name, place.scope, "'to'");
    return;
  }
  const auto target = std::ranges::find(scenario_.targets, name.text, &TargetSpec::name);
  if (target != scenario_.targets.end()) {
    if (must_have && parse_target_url(target->url).url && !fits(schemes, target->url))
      error(name, fmt::format("'{}' cannot go to '{}', which is {}", key.text, target->name, target->url), fmt::format("it needs {}", says()));
    out.target = static_cast<std::uint32_t>(target - scenario_.targets.begin());
    return;
  }
  if (name.text.find("://") == name.text.npos) return unknown(name, "target", name.text, names_of_targets());
  const auto asked = parse_target_url(name.text);
  if (!asked.url) return error_from(name, Error{asked.error});
  for (std::uint32_t i = 0; i < scenario_.targets.size(); ++i) {
    const auto listed = parse_target_url(scenario_.targets[i].url);
    if (!listed.url || listed.url->origin() != asked.url->origin()) continue;
    out.target = i;
    path_of_url = asked.url->path;
    return;
  }
  error(name, fmt::format("'{}' is on no listed target", name.text), "list it under `targets`");
}

bool Decoder::check_choice(const Node& node, const ParamInfo& info) {
  if (info.choices.empty() || std::ranges::find(info.choices, node.text) != info.choices.end()) return true;
  error(node, fmt::format("'{}' is one of {}; this is '{}'", info.name, fmt::join(info.choices, ", "), node.text));
  return false;
}

std::optional<Value> Decoder::typed(const Node& scalar, const ParamInfo& info) {
  if (!check_choice(scalar, info)) return std::nullopt;
  const std::string what = in_quotes(info.name);
  switch (info.type) {
    case SQ_T_BOOL: return Value{boolean(scalar, {}, what)};
    case SQ_T_DURATION: {
      const auto ns = quantity(scalar, {}, UnitKind::duration, what);
      if (!ns) return std::nullopt;
      return Value{Duration{static_cast<std::int64_t>(*ns)}};
    }
    case SQ_T_I64: {
      if (unit_of(info) != UnitKind::none) {
        const auto number = quantity(scalar, {}, unit_of(info), what);
        if (!number) return std::nullopt;
        return Value{static_cast<std::int64_t>(std::llround(*number))};
      }
      Number number;
      if (parse_number(scalar.text, number) && number.is_whole) return Value{number.whole};
      error(scalar, fmt::format("{} is a whole number, this is '{}'", what, scalar.text));
      return std::nullopt;
    }
    case SQ_T_F64: {
      const auto number = quantity(scalar, {}, unit_of(info), what);
      if (!number) return std::nullopt;
      return Value{*number};
    }
    case SQ_T_LIST: {
      ValueList one{scalar_value(scalar)};
      return Value{std::make_shared<const ValueList>(std::move(one))};
    }
    case SQ_T_MAP:
      error(scalar, fmt::format("{} is a map, this is '{}'", what, scalar.text));
      return std::nullopt;
    default: return Value{scalar.text};
  }
}

std::optional<ParamValue> Decoder::decode_param(const Node& key, const Node& given, std::uint32_t index,
                                                const ParamInfo& info, const StepPlace& place) {
  ParamValue out;
  out.param = index;
  out.type = info.type;
  out.unit = info.unit;
  out.mark = given.mark.line ? given.mark : key.mark;
  const Node node = fold(given, place.scope);
  if (node.is_null() && given.is_scalar() && !given.text.empty()) return std::nullopt;  // said already
  const std::string what = in_quotes(info.name);
  NameScope scope = place.scope;
  if (info.is_static()) scope.varies = false;

  if (info.type == SQ_T_SOURCE) {
    // `payload: air` names one; `body: "text"` is one.
    if (node.is_scalar() && info.name != "body") {
      const auto found = std::ranges::find(scenario_.payloads, node.text, &PayloadSpec::name);
      if (found != scenario_.payloads.end()) {
        out.payload = static_cast<std::uint32_t>(found - scenario_.payloads.begin());
        return out;
      }
      if (info.name == "payload" && !has_hole(node) && node.text.find_first_of(" \n{<") == node.text.npos) {
        unknown(node, "payload", node.text, names_of_payloads());
        return std::nullopt;
      }
    }
    out.payload = decode_payload("", node.is_scalar() ? node : given, place.scope);
    return out;
  }
  if (info.unit == SQ_U_JSON) {
    BoundNames names(*this, scope);
    auto compiled = Template::compile_json(raw_value(node, scope), names);
    if (const auto* mistake = std::get_if<TemplateError>(&compiled)) {
      if (names.hint.empty()) error_from(given, Error{mistake->text}, fmt::format("{}: ", what));
      else error(given, fmt::format("{}: {}", what, mistake->text), names.hint);
      return std::nullopt;
    }
    out.leaf = std::move(std::get<Template>(compiled));
    return out;
  }
  if (node.is_null()) {
    error(key, fmt::format("{} has no value", what));
    return std::nullopt;
  }
  if (has_hole(node)) {
    auto compiled = compile(node, scope);
    if (!compiled) return std::nullopt;
    out.leaf = std::move(*compiled);
    return out;
  }
  if (info.type == SQ_T_MAP || info.type == SQ_T_LIST) {
    const bool wants_map = info.type == SQ_T_MAP;
    if (wants_map ? !node.is_map() : node.is_map()) {
      error(given, fmt::format("{} is {}, this is {}", what, wants_map ? "a map" : "a list", node.kind_name()));
      return std::nullopt;
    }
    if (node.is_scalar()) out.children.emplace_back("", decode_child(node, scope));
    for (std::size_t i = 0; i < node.items.size(); ++i)
      out.children.emplace_back(node.is_map() ? node.keys[i].text : std::string(), decode_child(node.items[i], scope));
    return out;
  }
  if (node.is_map()) {
    if (info.is_static()) {
      error(given, fmt::format("{} is one value, the same for all calls; this is a map", what));
      return std::nullopt;
    }
    auto drawn = distribution(node, scope, unit_of(info));
    if (!drawn) return std::nullopt;
    out.leaf = std::move(*drawn);
    return out;
  }
  if (node.is_list()) {
    error(given, fmt::format("{} is one value, this is a list", what));
    return std::nullopt;
  }
  auto read = typed(node, info);
  if (!read) return std::nullopt;
  if (info.name == "file" && read->text()) {  // relative to the scenario, wherever squall was started
    const std::filesystem::path path(*read->text());
    std::error_code failed;
    if (path.is_relative()) read = Value{(std::filesystem::absolute(folder_.empty() ? "." : folder_, failed) / path).lexically_normal().string()};
  }
  out.leaf = std::move(*read);
  return out;
}

/// Inside maps and lists nobody says what type a value has: it is what it looks like, as long as it prints
/// back the same ("1.0" stays a text).
ParamValue Decoder::decode_child(const Node& given, const NameScope& scope) {
  ParamValue out;
  out.mark = given.mark;
  out.type = SQ_T_NULL;
  const Node node = fold(given, scope);
  if (node.is_map() || node.is_list()) {
    out.type = node.is_map() ? SQ_T_MAP : SQ_T_LIST;
    for (std::size_t i = 0; i < node.items.size(); ++i)
      out.children.emplace_back(node.is_map() ? node.keys[i].text : std::string(), decode_child(node.items[i], scope));
    return out;
  }
  if (has_hole(node)) {
    if (auto compiled = compile(node, scope)) out.leaf = std::move(*compiled);
    return out;
  }
  Value read = scalar_value(node);
  if (read.to_text() != node.text) read = node.is_null() ? Value{} : Value{node.text};
  out.leaf = std::move(read);
  return out;
}

}  // namespace squall
