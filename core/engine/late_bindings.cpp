#include "engine/late_bindings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugin_host/plugin_turn.hpp"
#include "scenario/catalog.hpp"

namespace squall {
namespace {

bool is_text(std::uint32_t type) { return type == SQ_T_STR || type == SQ_T_BYTES; }
bool is_number(std::uint32_t type) { return type == SQ_T_I64 || type == SQ_T_F64; }

/// Whether a value of the one type serves for the other; what a call gives is then taken over or written anew.
bool serves(std::uint32_t given, std::uint32_t wanted) {
  if (given == wanted || wanted == SQ_T_NULL) return true;
  if (is_text(wanted)) return is_text(given) || is_number(given) || given == SQ_T_BOOL;
  return is_number(wanted) && is_number(given);
}

const char* type_name(std::uint32_t type) {
  constexpr const char* kNames[] = {"nothing", "true or false", "a whole number", "a number", "text", "bytes",
                                    "a duration", "a list", "a map", "a target", "a source"};
  return type < std::size(kNames) ? kNames[type] : "of an unknown type";
}

std::string_view text_of(const sq_value& value) { return is_text(value.type) ? to_view(value.u.str) : std::string_view(); }

void append(std::string& key, std::string_view part) {
  const std::uint64_t size = part.size();
  key.append(reinterpret_cast<const char*>(&size), sizeof size);
  key.append(part);
}

/// All of a value, so that two are equal when their bytes are.
void append(std::string& key, const sq_value& value) {
  key.append(reinterpret_cast<const char*>(&value.type), sizeof value.type);
  switch (value.type) {
    case SQ_T_STR: case SQ_T_BYTES: return append(key, to_view(value.u.str));
    case SQ_T_LIST:
      append(key, std::to_string(value.u.list.len));
      for (std::uint64_t i = 0; i < value.u.list.len; ++i) append(key, value.u.list.ptr[i]);
      return;
    case SQ_T_MAP:
      append(key, std::to_string(value.u.map.len));
      for (std::uint64_t i = 0; i < value.u.map.len; ++i) {
        append(key, to_view(value.u.map.ptr[i].key));
        append(key, value.u.map.ptr[i].value);
      }
      return;
    default: key.append(reinterpret_cast<const char*>(&value.u.u64), sizeof value.u.u64);
  }
}

std::string key_of(const TaskUse& use, std::string_view name) {
  std::string key(reinterpret_cast<const char*>(&use.task), sizeof use.task);
  key.append(reinterpret_cast<const char*>(&use.population), sizeof use.population);
  const void* task = use.scenario_task;
  key.append(reinterpret_cast<const char*>(&task), sizeof task);
  append(key, use.part);
  append(key, name);
  return key;
}

bool is_own_word(std::string_view param) {
  return param == "to" || param == "name" || param == "timeout" || param == "tags";
}

/// The only listed target that fits, or the one called `default`.
const Target* fitting_target(const Plan& plan, std::string_view protocol) {
  const auto schemes = schemes_of(protocol);
  const TargetSpec* found = nullptr;
  std::size_t fitting = 0;
  for (const TargetSpec& target : plan.scenario().targets) {
    const auto fits = [&](const std::string& scheme) { return target.url.starts_with(scheme + "://"); };
    if (!std::ranges::any_of(schemes, fits)) continue;
    if (target.name == "default") return plan.targets().find(target.name);
    found = &target;
    ++fitting;
  }
  return fitting == 1 ? plan.targets().find(found->name) : nullptr;
}

}  // namespace

LateBindings::~LateBindings() {
  for (const auto& [key, operation] : operations_) {
    if (!operation->bound.prepared) continue;
    const ProtocolInstance& of = plan_.protocols()[operation->bound.protocol];
    const PluginTurn turn(of.plugin, "unprepare");
    of.protocol->unprepare(operation->bound.prepared);
  }
}

sq_opref* LateBindings::operation(const TaskUse& use, std::string_view name, std::span<const sq_pair> params,
                                  std::string& error) {
  std::string key = key_of(use, name);
  const std::lock_guard lock(mutex_);
  Draft draft;
  if (!read(name, params, draft, error)) return nullptr;
  sq_opref& made = *draft.operation;
  for (std::size_t i = 0; i < params.size(); ++i) {
    append(key, to_view(params[i].key));
    if (made.fixed >> i & 1) append(key, params[i].value);
    else key.append(reinterpret_cast<const char*>(&params[i].value.type), sizeof params[i].value.type);
  }
  if (const auto known = operations_.find(key); known != operations_.end()) return known->second.get();
  bool is_prepared = prepare(draft, error);
  const std::string_view protocol = name.substr(0, name.find('.'));
  if (!is_prepared && !must_have_target(protocol) && std::ranges::none_of(params, [](const sq_pair& param) { return to_view(param.key) == "to"; })) {
    if (const Target* const fitting = fitting_target(plan_, protocol)) {   // perhaps because it wants one
      bind_target(draft, *fitting);
      is_prepared = prepare(draft, error);
    }
  }
  if (!is_prepared) return nullptr;
  made.bound.series = series(use, made.spec.name, name, made.spec.type, SeriesKind::operation, made.spec.tags);
  return operations_.emplace(std::move(key), std::move(draft.operation)).first->second.get();
}

bool LateBindings::read(std::string_view name, std::span<const sq_pair> params, Draft& draft, std::string& error) const {
  const auto refuse = [&](std::string text) {
    error = std::move(text);
    return false;
  };
  draft.operation = std::make_unique<sq_opref>();
  sq_opref* const own = draft.operation.get();
  auto& bindings = draft.bindings;
  OperationStep& spec = own->spec;
  BoundOperation& bound = own->bound;
  bound.spec = &spec;
  const std::size_t dot = name.find('.');
  const auto& protocols = plan_.scenario().protocols;
  for (; bound.protocol < protocols.size(); ++bound.protocol) {
    if (dot != name.npos && protocols[bound.protocol].name == name.substr(0, dot)) break;
  }
  if (bound.protocol == protocols.size()) return refuse(fmt::format("no plugin offers '{}'", name));
  const ProtocolInstance& instance = plan_.protocols()[bound.protocol];
  while (instance.protocol->ops[spec.operation] && name.substr(dot + 1) != instance.protocol->ops[spec.operation]->name) {
    ++spec.operation;
  }
  bound.op = instance.protocol->ops[spec.operation];
  if (!bound.op) return refuse(fmt::format("no plugin offers '{}'", name));
  spec.protocol = bound.protocol;
  spec.operation_name = spec.name = name;
  spec.type = name == "job.run" ? "job" : "request";

  std::vector<bool> given(64);
  bool has_target = false;
  const auto fix = [&](std::size_t i) { own->fixed |= std::uint64_t{1} << i; };
  for (std::size_t i = 0; i < params.size(); ++i) {
    const std::string_view key = to_view(params[i].key);
    const sq_value& value = params[i].value;
    if (is_own_word(key)) {
      if (key == "to") {
        has_target = true;
        if (value.type == SQ_T_TARGET) {
          bindings.push_back({SQ_PARAM_TO, static_cast<std::int32_t>(bound.late_slots.size()), {}});
          bound.late_slots.push_back({SQ_PARAM_TO, SQ_T_TARGET});
          continue;
        }
        bound.target = plan_.targets().find(text_of(value));
        if (!bound.target) return refuse(fmt::format("{}: no target is called '{}'", name, text_of(value)));
      } else if (key == "name") {
        if (text_of(value).empty()) return refuse(fmt::format("{}: 'name' is a text", name));
        spec.name = text_of(value);
      } else if (key == "timeout") {
        if (value.type != SQ_T_DURATION || value.u.i64 <= 0) return refuse(fmt::format("{}: 'timeout' is a duration above 0", name));
        spec.timeout_ns = value.u.i64;
      } else {
        if (value.type != SQ_T_MAP) return refuse(fmt::format("{}: 'tags' is a map", name));
        for (std::uint64_t k = 0; k < value.u.map.len; ++k) {
          spec.tags[std::string(to_view(value.u.map.ptr[k].key))] = text_of(value.u.map.ptr[k].value);
        }
      }
      fix(i);
      continue;
    }
    std::uint32_t index = 0;
    while (bound.op->params && bound.op->params[index] && key != bound.op->params[index]->name) ++index;
    if (!bound.op->params || !bound.op->params[index]) return refuse(fmt::format("{} has no parameter '{}'", name, key));
    if (index < given.size() && given[index]) return refuse(fmt::format("{}: '{}' is given twice", name, key));
    if (index < given.size()) given[index] = true;
    const sq_param& param = *bound.op->params[index];
    if (!serves(value.type, param.type)) {
      return refuse(fmt::format("{}: '{}' is {}, this is {}", name, key, type_name(param.type), type_name(value.type)));
    }
    if (param.flags & SQ_P_STATIC) {
      bindings.push_back({index, -1, value});
      fix(i);
    } else {
      bindings.push_back({index, static_cast<std::int32_t>(bound.late_slots.size()), {}});
      bound.late_slots.push_back({index, param.type == SQ_T_NULL ? value.type : param.type});
    }
  }
  for (std::uint32_t i = 0; bound.op->params && bound.op->params[i]; ++i) {
    const bool is_missing = (bound.op->params[i]->flags & SQ_P_REQUIRED) && i < given.size() && !given[i];
    if (is_missing) return refuse(fmt::format("{}: '{}' is missing", name, bound.op->params[i]->name));
  }
  const Target* target = bound.target;
  if (!has_target && must_have_target(name.substr(0, dot))) target = fitting_target(plan_, name.substr(0, dot));
  if (target) bind_target(draft, *target);
  bound.timeout_ns = operation_timeout_ns(bound);
  judge_code(bound);
  return true;
}

void LateBindings::bind_target(Draft& draft, const Target& target) const {
  BoundOperation& bound = draft.operation->bound;
  bound.target = &target;
  sq_binding binding{SQ_PARAM_TO, -1, {}};
  binding.value.type = SQ_T_TARGET;
  binding.value.u.target = bound.target;
  draft.bindings.push_back(binding);
  draft.operation->spec.target = static_cast<std::uint32_t>(target.index());
  bound.timeout_ns = operation_timeout_ns(bound);
}

bool LateBindings::prepare(Draft& draft, std::string& error) const {
  BoundOperation& bound = draft.operation->bound;
  const ProtocolInstance& instance = plan_.protocols()[bound.protocol];
  const sq_wants wants{sizeof(sq_wants), 0, ~std::uint64_t{0}, Plan::kKeptBytes};   // what it will read only it knows
  sq_error why{};
  const PluginTurn turn(instance.plugin, "prepare");
  const sq_status status = instance.protocol->prepare(instance.instance, bound.spec->operation, draft.bindings.data(),
                                                      static_cast<std::uint32_t>(draft.bindings.size()), &wants,
                                                      &bound.prepared, &why);
  if (status == SQ_OK) return true;
  bound.prepared = nullptr;
  error = fmt::format("{}: {}", bound.spec->operation_name, failure_text(why, status));
  return false;
}

const Instruction* LateBindings::group(const TaskUse& use, std::string_view name, std::string_view type) {
  std::string key = key_of(use, name);
  append(key, type);
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = groups_.try_emplace(std::move(key));
  if (is_new) {
    place->second.code = Instruction::Code::group;
    place->second.index = series(use, name, "group", type.empty() ? "group" : type, SeriesKind::group, {});
  }
  return &place->second;
}

std::uint32_t LateBindings::own_series(const TaskUse& use, std::string_view name) {
  return series(use, name, use.name, "sample", SeriesKind::delivery, {});
}

std::uint32_t LateBindings::series(const TaskUse& use, std::string_view name, std::string_view operation,
                                   std::string_view type, SeriesKind kind,
                                   const std::map<std::string, std::string>& tags) {
  const PopulationSpec& population = *plan_.populations()[use.population].spec;
  return plan_.series().intern(series_key(population, use.scenario_task, use.part, std::string(name),
                                          std::string(operation), std::string(type), kind, tags));
}

}  // namespace squall
