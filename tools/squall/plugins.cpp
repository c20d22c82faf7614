// squall plugins: what was found, and what it offers.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "options.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

constexpr int kBadCommandLine = 2, kPluginNotLoaded = 113;

std::string type_text(const ParamInfo& param) {
  switch (param.unit) {
    case SQ_U_BYTES: return "size";
    case SQ_U_BYTES_PER_S: return "bytes/s";
    case SQ_U_PER_S: return "rate";
    case SQ_U_JSON: return "any, as JSON";
    default: break;
  }
  static constexpr const char* kNames[] = {"any", "bool", "integer", "number", "text", "bytes", "duration",
                                           "list", "map", "target", "payload"};
  return param.type < std::size(kNames) ? kNames[param.type] : "?";
}

void print_params(const char* title, const std::vector<ParamInfo>& params) {
  if (params.empty()) return;
  fmt::print("  {}\n", title);
  for (const ParamInfo& param : params) {
    std::string notes;
    if (param.is_required()) notes += ", required";
    if (param.default_json) notes += ", default " + *param.default_json;
    for (std::size_t i = 0; i < param.choices.size(); ++i) notes += (i ? " | " : ", one of ") + param.choices[i];
    fmt::print("    {:<16} {}{}{}\n", param.name, type_text(param), notes, param.doc.empty() ? "" : ": " + param.doc);
  }
}

std::string_view kind_of(const Plugin& plugin) {
  return plugin.protocol ? "protocol" : plugin.output ? "output" : plugin.tasks ? "tasks" : "-";
}

int print_info(const Toolbox& toolbox, const std::string& name) {
  if (const OperationInfo* operation = toolbox.catalog.operation(name)) {
    fmt::print("{}: {}\n", name, operation->doc);
    print_params("parameters (and: to, name, timeout)", operation->params);
    print_params("outputs", operation->outputs);
    return 0;
  }
  if (const ProtocolInfo* protocol = toolbox.catalog.protocol(name)) {
    fmt::print("{} ({})\n", protocol->name, protocol->plugin);
    print_params("options", protocol->options);
    for (const OperationInfo& operation : protocol->operations) {
      fmt::print("  {}.{}: {}\n", protocol->name, operation.name, operation.doc);
    }
    return 0;
  }
  if (const OutputInfo* output = toolbox.catalog.output(name)) {
    fmt::print("{}: an output (outputs: [ {}: {{ … }} ], or -o {}=FILE)\n", name, name, name);
    print_params("options", output->options);
    return 0;
  }
  if (const TaskInfo* task = toolbox.catalog.task(name)) {
    fmt::print("{}: {}\n", name, task->doc);
    print_params("options", task->options);
    for (const std::string& variable : task->sets) fmt::print("  sets {}\n", variable);
    for (const std::string& metric : task->metrics) fmt::print("  metric {}\n", metric);
    return 0;
  }
  fmt::print(stderr, "squall: no operation, protocol, output or task '{}'; there are:", name);
  for (const std::string& known : toolbox.catalog.operation_names()) fmt::print(stderr, " {}", known);
  fmt::print(stderr, "\n");
  return kBadCommandLine;
}

void print_json(const Toolbox& toolbox) {
  nlohmann::json list = nlohmann::json::array();
  for (const Plugin* plugin : toolbox.registry.plugins()) {
    nlohmann::json operations = nlohmann::json::array();
    if (plugin->protocol) {
      if (const ProtocolInfo* protocol = toolbox.catalog.protocol(plugin->protocol->name)) {
        for (const OperationInfo& operation : protocol->operations) {
          operations.push_back(protocol->name + "." + operation.name);
        }
      }
    }
    list.push_back({{"id", plugin->root->id},
                    {"name", plugin->protocol ? plugin->protocol->name : plugin->output ? plugin->output->name : plugin->tasks ? plugin->tasks->name : ""},
                    {"kind", kind_of(*plugin)},
                    {"version", plugin->root->version},
                    {"abi", fmt::format("{}.{}", plugin->root->abi_major, plugin->root->abi_minor)},
                    {"path", plugin->path.string()},
                    {"operations", operations}});
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace

int plugins_command(const Options& options) {
  const auto toolbox = load_toolbox(options.plugin_path);
  if (!toolbox) return kPluginNotLoaded;
  if (options.plugin_verb == "info") return print_info(*toolbox, options.plugin_name);
  if (!options.plugin_verb.empty() && options.plugin_verb != "list") {
    fmt::print(stderr, "squall: plugins {}: write list, info NAME or check FILE\n", options.plugin_verb);
    return kBadCommandLine;
  }
  if (options.as_json) {
    print_json(*toolbox);
    return 0;
  }
  for (const Plugin* plugin : toolbox->registry.plugins()) {
    fmt::print("{:<22} {:<8} {:<9} ABI {}.{}  {}\n", plugin->root->id, plugin->root->version,
               kind_of(*plugin), plugin->root->abi_major, plugin->root->abi_minor,
               plugin->root->description ? plugin->root->description : "");
    for (const TaskInfo& task : toolbox->catalog.tasks) {
      if (task.plugin == plugin->root->id) fmt::print("    {:<20} {}\n", task.name, task.doc);
    }
    if (!plugin->protocol) continue;
    if (const ProtocolInfo* protocol = toolbox->catalog.protocol(plugin->protocol->name)) {
      for (const OperationInfo& operation : protocol->operations) {
        fmt::print("    {:<20} {}\n", protocol->name + "." + operation.name, operation.doc);
      }
    }
  }
  return 0;
}

}  // namespace squall
