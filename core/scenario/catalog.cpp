#include "scenario/catalog.hpp"

#include <algorithm>

namespace squall {
namespace {

std::string text_of(const char* text) { return text ? text : ""; }

std::vector<ParamInfo> params_of(const sq_param* const* list) {
  std::vector<ParamInfo> params;
  for (; list && *list; ++list) {
    const sq_param& from = **list;
    ParamInfo param;
    param.name = text_of(from.name);
    param.type = from.type;
    param.flags = from.flags;
    param.unit = from.unit;
    for (const char* const* choice = from.choices; choice && *choice; ++choice) param.choices.emplace_back(*choice);
    if (from.default_json) param.default_json = from.default_json;
    param.doc = text_of(from.doc);
    params.push_back(std::move(param));
  }
  return params;
}

std::vector<std::string> texts_of(const char* const* list) {
  std::vector<std::string> texts;
  for (; list && *list; ++list) texts.emplace_back(*list);
  return texts;
}

template <typename List>
auto* find_named(List& list, std::string_view name) {
  const auto found = std::ranges::find_if(list, [&](const auto& item) { return item.name == name; });
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

const ProtocolInfo* OperationCatalog::protocol(std::string_view name) const { return find_named(protocols, name); }
const OutputInfo* OperationCatalog::output(std::string_view name) const { return find_named(outputs, name); }
const TaskInfo* OperationCatalog::task(std::string_view full_name) const { return find_named(tasks, full_name); }

const OperationInfo* OperationCatalog::operation(std::string_view full_name) const {
  const std::size_t dot = full_name.find('.');
  if (dot == full_name.npos) return nullptr;
  const ProtocolInfo* info = protocol(full_name.substr(0, dot));
  return info ? find_named(info->operations, full_name.substr(dot + 1)) : nullptr;
}

std::vector<std::string> OperationCatalog::operation_names() const {
  std::vector<std::string> names;
  for (const ProtocolInfo& info : protocols)
    for (const OperationInfo& operation : info.operations) names.push_back(info.name + "." + operation.name);
  return names;
}

void OperationCatalog::add(const sq_protocol& from, std::string_view plugin_id) {
  ProtocolInfo info;
  info.name = text_of(from.name);
  info.plugin = plugin_id;
  info.options = params_of(from.options);
  for (const sq_op* const* list = from.ops; list && *list; ++list) {
    const sq_op& op = **list;
    OperationInfo operation;
    operation.name = text_of(op.name);
    operation.flags = op.flags;
    operation.params = params_of(op.params);
    operation.outputs = params_of(op.outputs);
    operation.code_output = text_of(op.code_output);
    operation.code_min = op.code_min;
    operation.code_max = op.code_max;
    operation.doc = text_of(op.doc);
    info.operations.push_back(std::move(operation));
  }
  protocols.push_back(std::move(info));
}

void OperationCatalog::add(const sq_output& from) { outputs.push_back({text_of(from.name), params_of(from.options)}); }

void OperationCatalog::add(const sq_tasks& from, std::string_view plugin_id) {
  for (const sq_task* const* list = from.tasks; list && *list; ++list) {
    const sq_task& task = **list;
    tasks.push_back({text_of(from.name) + "." + text_of(task.name), std::string(plugin_id), params_of(task.options),
                     texts_of(task.sets), texts_of(task.metrics), text_of(task.doc)});
  }
}

bool must_have_target(std::string_view protocol) {
  static constexpr std::string_view kOwn[] = {"http", "mqtt", "tcp", "udp", "ws"};
  return std::ranges::find(kOwn, protocol) != std::end(kOwn);
}

std::vector<std::string> schemes_of(std::string_view protocol) {
  if (protocol == "http") return {"http", "https"};
  if (protocol == "mqtt") return {"mqtt", "mqtts"};
  if (protocol == "tcp") return {"tcp", "tls"};
  if (protocol == "udp") return {"udp"};
  if (protocol == "ws") return {"ws", "wss", "http", "https"};
  if (protocol == "job") return {};
  return {"tcp", "tls", "udp"};   // of other plugins': their streams and datagrams go to these
}

}  // namespace squall
