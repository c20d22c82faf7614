// What a plugin says of itself: what the loader takes and a reader of `squall plugins info` would stumble over.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "board.hpp"
#include "tests.hpp"

namespace squall::plugin_check {
namespace {

bool is_word(std::string_view name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

bool fits(const nlohmann::json& value, const sq_param& param) {
  if (param.unit != SQ_U_NONE) return true;   // 2GiB and the like are the host's to read
  switch (param.type) {
    case SQ_T_BOOL: return value.is_boolean();
    case SQ_T_I64: return value.is_number_integer();
    case SQ_T_F64: return value.is_number();
    case SQ_T_STR: return value.is_string();
    case SQ_T_LIST: return value.is_array();
    case SQ_T_MAP: return value.is_object();
    default: return true;
  }
}

unsigned described = 0;

void look_at(const sq_param* const* list, const std::string& of, bool is_output) {
  for (; list && *list; ++list) {
    const sq_param& param = **list;
    const std::string where = fmt::format("{}: '{}'", of, param.name);
    ++described;
    if (!is_word(param.name)) find(where + " is no name for a key of a scenario: a to z first, then a to z, 0 to 9 and _");
    if (!param.doc || !*param.doc) find(where + " has no doc");
    if (is_output) {
      if (param.flags) find(where + " is an output and has flags");
      if (param.default_json || param.choices) find(where + " is an output and has a default or choices");
      if (param.type > SQ_T_MAP) find(where + " is an output of a type that no output has");
      continue;
    }
    if (param.choices && !param.choices[0]) find(where + " has a list of choices with none in it");
    if ((param.flags & SQ_P_REQUIRED) && param.default_json) find(where + " is required and has a default");
    if ((param.flags & SQ_P_SECRET) && param.default_json) find(where + " is a secret and has a default");
    if (!param.default_json) continue;
    const auto value = nlohmann::json::parse(param.default_json, nullptr, false);
    if (value.is_discarded()) {
      find(fmt::format("{} has the default {}, which is no JSON", where, param.default_json));
    } else if (!fits(value, param)) {
      find(fmt::format("{} has the default {}, which is not of its type", where, param.default_json));
    } else if (param.choices) {
      const std::string told = value.is_string() ? value.get<std::string>() : value.dump();
      bool is_choice = false;
      for (const char* const* choice = param.choices; *choice; ++choice) is_choice = is_choice || told == *choice;
      if (!is_choice) find(fmt::format("{} has the default {}, which is none of its choices", where, param.default_json));
    }
  }
}

void look_at(const sq_op& op, const std::string& protocol) {
  const std::string where = fmt::format("{}.{}", protocol, op.name);
  if (!is_word(op.name)) find(where + " is no name for an operation: a to z first, then a to z, 0 to 9 and _");
  if (!op.doc || !*op.doc) find(where + " has no doc");
  look_at(op.params, where, false);
  look_at(op.outputs, where, true);
  if (!op.code_output) return;
  const sq_param* found = nullptr;
  for (const sq_param* const* output = op.outputs; output && *output; ++output) {
    if (std::string_view((*output)->name) == op.code_output) found = *output;
  }
  if (!found) find(fmt::format("{}: the output '{}' that its code is judged by is not described", where, op.code_output));
  else if (found->type != SQ_T_I64) find(fmt::format("{}: the output '{}' that its code is judged by is no integer", where, op.code_output));
  if (op.code_min > op.code_max) find(fmt::format("{}: no code lies between {} and {}", where, op.code_min, op.code_max));
}

}  // namespace

void test_described(const Subject& subject) {
  const sq_plugin& root = *subject.root;
  at("its description");
  for (const auto& [text, name] : {std::pair(root.id, "id"), std::pair(root.version, "version"), std::pair(root.description, "description"), std::pair(root.license, "license")}) {
    if (!text || !*text) find(fmt::format("the plugin says no {}", name));
  }
  if (!subject.protocol && !subject.tasks && !subject.output) find("it has no interface that this squall knows: neither protocol nor tasks nor output");
  if (subject.protocol) {
    if (!is_word(subject.protocol->name)) find(fmt::format("'{}' is no name for a protocol: a to z first, then a to z, 0 to 9 and _", subject.protocol->name));
    look_at(subject.protocol->options, subject.protocol->name, false);
    for (const sq_op* const* op = subject.protocol->ops; *op; ++op) look_at(**op, subject.protocol->name);
  }
  if (subject.output) look_at(subject.output->options, subject.output->name, false);
  if (subject.tasks) {
    for (const sq_task* const* task = subject.tasks->tasks; *task; ++task) {
      const std::string where = fmt::format("{}.{}", subject.tasks->name, (*task)->name);
      look_at((*task)->options, where, false);
    }
  }
  for (const std::string& name : subject.only) {
    bool is_known = false;
    for (const sq_op* const* op = subject.protocol ? subject.protocol->ops : nullptr; op && *op; ++op) is_known = is_known || name == (*op)->name;
    for (const sq_task* const* task = subject.tasks ? subject.tasks->tasks : nullptr; task && *task; ++task) is_known = is_known || name == (*task)->name;
    if (!is_known) find(fmt::format("it has no operation or task '{}'", name));
  }
  note(fmt::format("{} parameters, options and outputs", described));
}

}  // namespace squall::plugin_check
