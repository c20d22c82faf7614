// What a scenario works with: targets, plugins' options, payloads, outputs; and how long it runs. Datasets are
// decode_dataset.cpp's.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "net/target_url.hpp"
#include "scenario/decoder.hpp"
#include "scenario/files.hpp"

namespace squall {
namespace {

namespace fs = std::filesystem;


}  // namespace

// ---- targets

void Decoder::decode_targets(const Node* node) {
  const std::size_t errors = diagnostics_.count(Severity::error);
  if (node && !node->is_null()) {
    if (node->is_map()) {
      Node targets = *node;
      const std::vector<Each> each = expand_for_each(targets, "target");
      for (std::size_t i = 0; i < targets.keys.size(); ++i) {
        const Bound bound(*this, each[i]);
        decode_target(targets.keys[i], targets.items[i]);
      }
    } else {
      error(*node, fmt::format("'targets' is a map of names and addresses, this is {}", node->kind_name()), "write `targets: { site: http://127.0.0.1:8080 }`");
    }
  }
  check_host_option();
  has_bad_targets_ = diagnostics_.count(Severity::error) > errors;
}

void Decoder::decode_target(const Node& key, const Node& given) {
  const NameScope scope{.env = true};
  TargetSpec target;
  target.name = key.text;
  target.mark = key.mark;
  const Node node = fold(given, scope);
  Node url = node;
  if (node.is_map()) {
    const MapReader map(*this, node, kTargetKeys, fmt::format("in target '{}'", key.text));
    if (const Node* address = map["url"]) url = *address;
    else error(key, fmt::format("target '{}' needs a url", key.text));
    if (const Node* timeout = map["timeout"]) target.timeout_ns = duration(*timeout, "'timeout'");
    if (const Node* source = map["source"]) {
      const Node list = fold(*source, scope);
      if (list.is_list()) for (const Node& item : list.items) target.source.push_back(text(item, scope, "a source address"));
      else target.source.push_back(text(list, scope, "'source'"));
    }
    if (const Node* congestion = map["congestion"]) target.congestion = text(*congestion, scope, "'congestion'");
    if (const Node* client = map["client"]) {
      static constexpr std::string_view kClients[] = {"mosquitto", "paho"};
      if (word(*client, "'client'", kClients) == 1) target.client = "paho";
    }
    if (const Node* rate = map["max_rate"]) target.max_rate_per_s = positive(*rate, scope, UnitKind::rate, "'max_rate'").value_or(0);
    if (const Node* most = map["max_connections"]) target.max_connections = whole(*most, scope, "'max_connections'", 1).value_or(0);
    if (const Node* tls_node = map["tls"]) {
      const MapReader tls(*this, *tls_node, kTlsKeys, "in 'tls'");
      if (!tls_node->is_map()) error(*tls_node, fmt::format("'tls' is a map, this is {}", tls_node->kind_name()));
      if (const Node* ca = tls["ca"]) target.tls.ca = text(*ca, scope, "'ca'"), target.tls.ca_mark = ca->mark;
      if (const Node* cert = tls["cert"]) target.tls.cert = file_of_user(*cert, "'cert'"), target.tls.cert_mark = cert->mark;
      if (const Node* its = tls["key"]) target.tls.key = file_of_user(*its, "'key'"), target.tls.key_mark = its->mark;
      if (tls["cert"] && !tls["key"]) error(*tls["cert"], "a 'cert' needs its 'key'");
      if (tls["key"] && !tls["cert"]) error(*tls["key"], "a 'key' needs its 'cert'");
      if (const Node* name = tls["server_name"]) target.tls.server_name = text(*name, scope, "'server_name'");
      if (const Node* insecure = tls["insecure"]) target.tls.insecure = boolean(*insecure, scope, "'insecure'");
    }
  }
  if (!node.is_map() || url.is_scalar()) {
    const std::size_t errors = diagnostics_.count(Severity::error);
    target.url = text(url, scope, fmt::format("target '{}'", key.text));
    if (diagnostics_.count(Severity::error) == errors && !(url.is_null() && given.is_scalar())) {
      const auto parsed = parse_target_url(target.url);
      if (!parsed.url) error_from(url, Error{parsed.error});
    }
  }
  scenario_.targets.push_back(std::move(target));
}

void Decoder::check_host_option() {
  if (!options_.host) return;
  auto found = std::ranges::find(scenario_.targets, "default", &TargetSpec::name);
  if (found == scenario_.targets.end() && scenario_.targets.size() == 1) found = scenario_.targets.begin();
  if (found == scenario_.targets.end()) {
    option_error(fmt::format("--host {}: the scenario has {} targets and none called 'default'", *options_.host, scenario_.targets.size()));
    return;
  }
  const auto parsed = parse_target_url(*options_.host);
  if (!parsed.url) option_error(fmt::format("--host: {}", parsed.error));
  found->url = *options_.host;
}

// ---- plugins

void Decoder::decode_plugins(const Node* node) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) return error(*node, fmt::format("'plugins' is a map of plugins and their options, this is {}", node->kind_name()));
  for (std::size_t i = 0; i < node->keys.size(); ++i) {
    const Node& key = node->keys[i];
    const Node& options = node->items[i];
    const ProtocolInfo* info = catalog_.protocol(key.text);
    const bool brings_library = options.is_map() && options.find("library");
    if (info == nullptr && !brings_library) {
      std::vector<std::string> names;
      for (const ProtocolInfo& known : catalog_.protocols) names.push_back(known.name);
      unknown(key, "plugin", key.text, names);
      continue;
    }
    // A library without a protocol has none here: its tasks have options of their own.
    ValueMap values = decode_options(options, info ? info->options : std::vector<ParamInfo>(), fmt::format("in plugin '{}'", key.text),
                                     NameScope{.args = true}, true);
    if (info == nullptr) continue;
    scenario_.protocols[protocol_index(key.text, key.mark)].options = std::move(values);
  }
}

ValueMap Decoder::decode_options(const Node& node, const std::vector<ParamInfo>& infos, const std::string& where,
                                 const NameScope& scope, bool is_plugin) {
  ValueMap values;
  if (node.is_null()) return values;
  if (!node.is_map()) {
    error(node, fmt::format("options {} are a map, this is {}", where, node.kind_name()));
    return values;
  }
  std::vector<std::string> known;
  for (const ParamInfo& info : infos) known.push_back(info.name);
  const MapReader map(*this, node, is_plugin ? kPluginKeys : std::span<const Key>(), where, known);
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const auto info = std::ranges::find(infos, node.keys[i].text, &ParamInfo::name);
    if (info == infos.end()) continue;
    const Node item = fold(node.items[i], scope);
    if (item.is_scalar() && item.text.find("${") == item.text.npos) {
      if (auto read = typed(item, *info)) values.emplace_back(info->name, std::move(*read));
    } else if (auto read = value(item, scope)) {
      const char* wanted = info->type == SQ_T_MAP ? "a map" : info->type == SQ_T_LIST ? "a list" : "one value";
      const bool fits = info->type == SQ_T_MAP ? item.is_map() : info->type == SQ_T_LIST ? item.is_list() : item.is_scalar();
      if (item.is_null()) error(node.keys[i], fmt::format("'{}' has no value", info->name));
      else if (!fits) error(item, fmt::format("'{}' is {}, this is {}", info->name, wanted, item.kind_name()));
      values.emplace_back(info->name, std::move(*read));
    }
  }
  for (const ParamInfo& info : infos)
    if (info.is_required() && node.find(info.name) == nullptr) error(node, fmt::format("'{}' is missing {}", info.name, where));
  return values;
}

// ---- payloads

void Decoder::decode_payloads(const Node* node) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) return error(*node, fmt::format("'payloads' is a map of payloads, this is {}", node->kind_name()));
  const NameScope scope{.locals = &all_locals_, .varies = true};
  for (std::size_t i = 0; i < node->keys.size(); ++i) decode_payload(node->keys[i].text, node->items[i], scope);
}

std::uint32_t Decoder::decode_payload(const std::string& name, const Node& given, const NameScope& scope) {
  const auto index = static_cast<std::uint32_t>(scenario_.payloads.size());
  scenario_.payloads.push_back({});
  scenario_.payloads.back().name = name;
  const std::size_t errors = diagnostics_.count(Severity::error);
  check_files(given);
  if (diagnostics_.count(Severity::error) > errors) return index;  // a refused file is not opened
  const Value description = raw_value(given, scope);
  BoundNames names(*this, scope);
  auto made = make_payload(name, description, {names, folder_});
  if (made) {
    scenario_.payloads[index] = std::move(*made);
    scenario_.payloads[index].name = name;
  } else {
    error_below(given, made.error(), name.empty() ? "" : fmt::format("payload '{}': ", name), names.hint);
  }
  return index;
}

bool Decoder::check_files(const Node& node) {
  bool is_good = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    const bool names_file = node.is_map() && (node.keys[i].text == "file" || node.keys[i].text == "template");
    if (!names_file || !item.is_scalar()) {
      is_good = check_files(item) && is_good;
      continue;
    }
    if (item.text.find("${") != item.text.npos || !options_.read_files) continue;
    fs::path full;
    const bool may_be_folder = node.keys[i].text == "file";   // its files, one after the other
    std::string why = refuse_path(folder_, item.text, full, may_be_folder);
    if (why.empty()) continue;
    error(item, std::move(why));
    is_good = false;
  }
  return is_good;
}

// ---- run, outputs, thresholds

void Decoder::decode_run(const Node* node) {
  RunSpec& run = scenario_.run;
  if (node && !node->is_null()) {
    if (!node->is_map()) error(*node, fmt::format("'run' is a map, this is {}", node->kind_name()), "write `run: { for: 60s }`");
    const MapReader map(*this, *node, kRunKeys, "in 'run'");
    if (const Node* time = map["for"]) run.for_ns = static_cast<std::int64_t>(positive(*time, {}, UnitKind::duration, "'for'").value_or(0));
    if (const Node* time = map["warmup"]) run.warmup_ns = duration(*time, "'warmup'");
    if (const Node* time = map["drain"]) run.drain_ns = duration(*time, "'drain'");
    if (const Node* time = map["grace"]) run.grace_ns = duration(*time, "'grace'");
    if (const Node* time = map["slack"]) run.slack_ns = duration(*time, "'slack'");
    if (const Node* time = map["busy_poll"]) {
      run.busy_poll_ns = duration(*time, "'busy_poll'");
      if (run.busy_poll_ns > 0 && run.slack_ns > 0) error(*time, "'slack' lets starts be late, 'busy_poll' spends CPU that they are not", "keep one of the two");
    }
    if (const Node* valid = map["valid"]) {
      const MapReader limits(*this, *valid, kValidKeys, "in 'valid'");
      if (!valid->is_map()) error(*valid, fmt::format("'valid' is a map, this is {}", valid->kind_name()));
      if (const Node* lag = limits["lag"]) run.valid_lag_ns = static_cast<std::int64_t>(positive(*lag, {}, UnitKind::duration, "'lag'").value_or(0));
    }
  }
  const auto option = [&](const std::optional<std::string>& given, std::string_view name, std::int64_t& into) {
    if (!given) return;
    const auto parsed = parse_duration_ns(*given);
    if (parsed) into = *parsed;
    else option_error(fmt::format("{}: {}", name, parsed.error().text));
  };
  option(options_.duration, "--for", run.for_ns);
  option(options_.drain, "--drain", run.drain_ns);
  option(options_.grace, "--grace", run.grace_ns);
  option(options_.slack, "--slack", run.slack_ns);
  option(options_.busy_poll, "--busy-poll", run.busy_poll_ns);
  if (run.slack_ns > 0 && run.busy_poll_ns > 0 && (options_.slack || options_.busy_poll)) {
    if (options_.slack && options_.busy_poll) option_error("--slack lets starts be late, --busy-poll spends CPU that they are not: give one of the two");
    (options_.slack ? run.busy_poll_ns : run.slack_ns) = 0;   // the command line wins over the file
  }
}

void Decoder::decode_outputs(const Node* given) {
  if (given == nullptr || given->is_null()) return;
  const NameScope scope{.env = true};
  const Node node = fold(*given, scope);
  if (!node.is_list()) return error(node, fmt::format("'outputs' is a list, this is {}", node.kind_name()), "write `outputs: [ jsonl: { file: out.jsonl } ]`");
  for (const Node& item : node.items) {
    const bool is_name = item.is_scalar();
    if (!is_name && !(item.is_map() && item.keys.size() == 1)) {
      error(item, "an output is one name and its options");
      continue;
    }
    const Node& key = is_name ? item : item.keys[0];
    const OutputInfo* info = catalog_.output(key.text);
    if (info == nullptr) {
      std::vector<std::string> names;
      for (const OutputInfo& known : catalog_.outputs) names.push_back(known.name);
      unknown(key, "output", key.text, names);
      continue;
    }
    OutputSpec output{key.text, {}, key.mark};
    Node none;
    none.mark = key.mark;
    none.kind = Node::Kind::map;
    output.options = decode_options(is_name ? none : item.items[0], info->options, fmt::format("in output '{}'", key.text), scope, false);
    scenario_.outputs.push_back(std::move(output));
  }
}

}  // namespace squall
