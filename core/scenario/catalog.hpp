// What the loaded plugins offer, as plain data: the loader checks scenarios against it and
// `squall plugins` prints it. The plugin host fills it from the descriptors of abi.h, tests by hand.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace squall {

struct ParamInfo {
  std::string name;
  std::uint32_t type = SQ_T_STR;            // SQ_T_*; an output of type SQ_T_MAP is asked for as NAME.KEY
  std::uint32_t flags = 0;                  // SQ_P_*
  std::uint32_t unit = SQ_U_NONE;           // SQ_U_*
  std::vector<std::string> choices;         // empty: any
  std::optional<std::string> default_json;
  std::string doc;

  bool is_required() const { return flags & SQ_P_REQUIRED; }
  bool is_static() const { return flags & SQ_P_STATIC; }
};

struct OperationInfo {
  std::string name;                         // "get"; callers say "http.get"
  std::uint32_t flags = 0;                  // SQ_OP_*
  std::vector<ParamInfo> params;            // index = position in the plugin's table
  std::vector<ParamInfo> outputs;
  std::string code_output;                  // "status", "exit": judged when the step does not say otherwise
  std::int32_t code_min = 0, code_max = 0;
  std::string doc;
};

struct ProtocolInfo {
  std::string name;                         // "http"
  std::string plugin;                       // id of the plugin: "org.squall.http"
  std::vector<ParamInfo> options;           // `plugins: { http: … }`
  std::vector<OperationInfo> operations;
};

struct OutputInfo {
  std::string name;
  std::vector<ParamInfo> options;
};

/// A compiled task: a step of its own, and what a population may name as a task.
struct TaskInfo {
  std::string name;                         // "shop.browse"
  std::string plugin;                       // id of the plugin
  std::vector<ParamInfo> options;
  std::vector<std::string> sets;            // variables that it gives to the scenario's steps
  std::vector<std::string> metrics;         // that it reports
  std::string doc;
};

struct OperationCatalog {
  std::vector<ProtocolInfo> protocols;
  std::vector<OutputInfo> outputs;
  std::vector<TaskInfo> tasks;

  const ProtocolInfo* protocol(std::string_view name) const;
  const OutputInfo* output(std::string_view name) const;
  /// "http.get"; nullptr when nothing of that name is loaded.
  const OperationInfo* operation(std::string_view full_name) const;
  /// "shop.browse"; nullptr when nothing of that name is loaded.
  const TaskInfo* task(std::string_view full_name) const;
  /// "http.get", "http.post" … for hints.
  std::vector<std::string> operation_names() const;

  /// Copies what a plugin describes. Thread: any; the descriptors are immutable.
  void add(const sq_protocol& protocol, std::string_view plugin_id);
  void add(const sq_output& output);
  void add(const sq_tasks& tasks, std::string_view plugin_id);
};

/// Address schemes that a protocol understands: http and https for "http"; its own name, with and without
/// an s, for one that the core does not know; none for "job", which takes no target.
std::vector<std::string> schemes_of(std::string_view protocol);
/// Its operations cannot do without a target. Of other plugins nobody knows: theirs are asked with one when they refuse without.
bool must_have_target(std::string_view protocol);

}  // namespace squall
