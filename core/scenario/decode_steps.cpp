// Tasks and the control steps: wait, repeat, until, if, either, parallel, group, set, metric, release, do. Those that have to do
// with records are in decode_records.cpp, those with other users in decode_barrier.cpp.
#include <algorithm>

#include <fmt/format.h>

#include "scenario/decoder.hpp"
#include "scenario/other_words.hpp"

namespace squall {
namespace {

const Key* find_key(std::span<const Key> keys, std::string_view name) {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

constexpr std::string_view kOnFailure[] = {"continue", "interrupt", "stop_user", "abort_run"};
constexpr std::string_view kFirst[] = {"now", "after"};

/// The operation that runs last in a pass over `steps`, on whose result `satisfied` looks.
const OperationStep* last_operation(const Steps& steps) {
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (const auto* operation = std::get_if<OperationStep>(&step->what)) return operation;
    const Steps* inner = nullptr;
    if (const auto* group = std::get_if<GroupStep>(&step->what)) inner = &group->steps;
    if (const auto* repeat = std::get_if<RepeatStep>(&step->what)) inner = &repeat->steps;
    if (const auto* until = std::get_if<UntilStep>(&step->what)) inner = &until->steps;
    if (inner)
      if (const OperationStep* found = last_operation(*inner)) return found;
  }
  return nullptr;
}

}  // namespace

Node Decoder::steps_of_task(const Node& task) {
  if (task.is_list()) return task;
  if (!task.is_map()) return Node{};
  if (const Node* steps = task.find("steps"); steps && steps->is_list()) return *steps;
  // A task with one step is written as that step.
  Node step, list;
  step.kind = Node::Kind::map;
  step.mark = list.mark = task.mark;
  list.kind = Node::Kind::list;
  for (std::size_t i = 0; i < task.keys.size(); ++i) {
    const std::string& key = task.keys[i].text;
    if (find_key(kTaskKeys, key) && key != "tags") continue;
    step.keys.push_back(task.keys[i]);
    step.items.push_back(task.items[i]);
  }
  if (!step.keys.empty() && !task.find("steps")) list.items.push_back(std::move(step));
  return list;
}

void Decoder::decode_tasks(const Node* node) {
  if (node == nullptr || node->is_null()) return;
  if (!node->is_map()) return error(*node, fmt::format("'tasks' is a map of tasks, this is {}", node->kind_name()));
  tasks_node_ = *node;
  for (const Node& key : node->keys) {
    Task task;
    task.name = key.text;
    task.mark = key.mark;
    scenario_.tasks.push_back(std::move(task));
  }
}

void Decoder::decode_task(const Node& node, Task& task) {
  const std::string where = fmt::format("in task '{}'", task.name);
  const NameScope scope{.locals = &task_locals_[static_cast<std::size_t>(&task - scenario_.tasks.data())], .varies = true};
  if (!node.is_list() && !node.is_map()) {
    error(node.is_null() ? task.mark : node.mark, node.length, fmt::format("task '{}' is a list of steps or a map, this is {}", task.name, node.kind_name()));
    return;
  }
  const bool is_one_step = node.is_map() && !node.find("steps");
  if (node.is_map() && !is_one_step) {
    std::vector<std::string> none;
    const MapReader map(*this, node, kTaskKeys, where, none);
    if (!map["steps"]->is_list()) error(*map["steps"], fmt::format("'steps' is a list, this is {}", map["steps"]->kind_name()), "each step begins with '- '");
    if (const Node* given = map["tags"]) task.tags = tags(*given);
  }
  if (node.is_map()) {
    if (const Node* needs = node.find("needs")) {
      task.needs = find_dataset(*needs);
      if (task.needs != kNone && scenario_.datasets[task.needs]->pick != Pick::exclusive)
        error(*needs, fmt::format("'needs' is about exclusive records; '{}' is not", needs->text), "write `pick: exclusive` in the dataset");
    }
    if (const Node* end = node.find("stop_after")) task.stop_after = decode_budget(*end);
  }
  task.steps = decode_steps(steps_of_task(node), {scope, where, false});
  if (task.steps.empty() && !diagnostics_.has_errors()) error(task.mark, static_cast<std::uint32_t>(task.name.size()), fmt::format("task '{}' has no steps", task.name));
}

Steps Decoder::decode_steps(const Node& list, const StepPlace& place) {
  Steps steps;
  if (!list.is_list()) {
    if (!list.is_null()) error(list, fmt::format("steps are a list, this is {}", list.kind_name()), "each step begins with '- '");
    return steps;
  }
  for (const Node& item : list.items)
    if (auto step = decode_step(item, place)) steps.push_back(std::move(*step));
  return steps;
}

std::optional<Step> Decoder::decode_step(const Node& given, const StepPlace& place) {
  Node node = given;
  if (given.is_scalar()) {  // - interrupt
    node = Node{};
    node.kind = Node::Kind::map;
    node.mark = given.mark;
    node.keys.push_back(given);
    node.items.emplace_back().mark = given.mark;
  }
  if (!node.is_map()) {
    error(given, fmt::format("a step is an operation or a control word, this is {}", given.kind_name()));
    return std::nullopt;
  }

  // The one key that says what the step does; the others stand beside it.
  std::optional<std::size_t> main;
  bool is_bad = false;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Node& key = node.keys[i];
    if (find_key(kStepKeys, key.text)) continue;
    const Key* control = find_key(kControlKeys, key.text);
    if (control && control->is_later) {
      error(key, fmt::format("'{}' is not supported yet", key.text));
      is_bad = true;
      continue;
    }
    if (control || catalog_.operation(key.text) || catalog_.task(key.text)) {
      if (main) {
        error(key, fmt::format("a step does one thing; this one has '{}' already", node.keys[*main].text), "begin the next step with '- '");
        is_bad = true;
      } else {
        main = i;
      }
      continue;
    }
    is_bad = true;
    std::vector<std::string> known = catalog_.operation_names();
    const std::size_t dot = key.text.find('.');
    if (dot == key.text.npos) {
      for (const Key& k : kControlKeys) if (!k.is_later) known.emplace_back(k.name);
      for (const Key& k : kStepKeys) known.emplace_back(k.name);
      for (const Key& k : kCallKeys)
        if (k.name == key.text) {
          const auto owner = std::ranges::find_if(node.keys, [&](const Node& k) { return catalog_.operation(k.text); });
          error(key, fmt::format("'{}' belongs inside the operation's own map", key.text),
                fmt::format("write `{}: {{ {}: … }}`", owner == node.keys.end() ? "http.get" : owner->text, key.text));
          known.clear();
          break;
        }
      if (known.empty()) continue;
      const std::string_view here = here_it_is(key.text);
      error(key, fmt::format("unknown step '{}' {}", key.text, place.where), here.empty() ? did_you_mean_one_of(key.text, known) : std::string(here));
    } else if (const ProtocolInfo* protocol = catalog_.protocol(key.text.substr(0, dot))) {
      std::vector<std::string> names;
      for (const OperationInfo& operation : protocol->operations) names.push_back(protocol->name + "." + operation.name);
      unknown(key, "operation", key.text, names);
    } else {
      std::vector<std::string> protocols;
      for (const ProtocolInfo& info : catalog_.protocols) protocols.push_back(info.name);
      std::string hint = did_you_mean_one_of(key.text, known);
      if (hint.empty()) hint = fmt::format("protocols here: {}", fmt::join(protocols, ", "));
      error(key, fmt::format("no plugin offers '{}'", key.text), std::move(hint));
    }
  }
  if (!main) {
    if (!is_bad) error(node, "this step has no operation and no control word", "such as `http.get: { path: / }` or `wait: 2s`");
    return std::nullopt;
  }

  const Node& key = node.keys[*main];
  const Node& value = node.items[*main];
  const bool is_compiled = catalog_.task(key.text) != nullptr;
  const bool is_operation = !is_compiled && find_key(kControlKeys, key.text) == nullptr;
  const auto takes = [&](std::string_view beside) {
    const std::string_view word = key.text;
    if (beside == "expect" || beside == "capture") return is_operation;
    if (beside == "satisfied") return word == "until";
    if (beside == "steps") return word == "until" || word == "repeat" || word == "if" || word == "group";
    if (beside == "else") return word == "if";
    if (beside == "type") return is_operation || word == "until" || word == "group";
    if (beside == "tags") return is_operation || word == "group";
    if (is_compiled) return beside == "on_failure";
    const bool takes_value = word == "set" || word == "acquire" || word == "take";
    if (beside == "keep") return is_operation || takes_value;
    return is_operation || takes_value || word == "until" || word == "group" || word == "if" || word == "repeat" || word == "barrier";
  };
  for (std::size_t i = 0; i < node.keys.size(); ++i)
    if (find_key(kStepKeys, node.keys[i].text) && !takes(node.keys[i].text))
      error(node.keys[i], fmt::format("'{}' does not belong to '{}'", node.keys[i].text, key.text));

  Step step;
  step.mark = key.mark;
  if (const Node* failure = node.find("on_failure")) step.on_failure = static_cast<OnFailure>(word(*failure, "'on_failure'", kOnFailure));
  if (const Node* keep = node.find("keep"); keep && keep->text != "user") error(*keep, "'keep' takes the word user");
  if (is_compiled) decode_compiled(key, value, place, step);
  else if (is_operation) step.what = decode_operation(node, key, value, place);
  else decode_control(node, key, value, place, step);
  return step;
}

Steps Decoder::inner_steps(const Node& step, const Node& key, const StepPlace& place) {
  const Node* steps = step.find("steps");
  if (steps == nullptr) {
    error(key, fmt::format("'{}' needs 'steps' beside it", key.text));
    return {};
  }
  return decode_steps(*steps, place);
}

void Decoder::decode_control(const Node& step, const Node& key, const Node& given, const StepPlace& place, Step& out) {
  const std::string& control = key.text;
  const NameScope& scope = place.scope;
  const Node value = fold(given, scope);
  const Node* keep = step.find("keep");
  const bool keep_user = place.lives_with_user || (keep && keep->text == "user");

  if (control == "wait") {
    out.what = WaitStep{interval(given, scope, "'wait'")};
  } else if (control == "repeat") {
    RepeatStep repeat;
    const auto read_times = [&](const Node& times_given) {
      const Node times = fold(times_given, scope);
      if (times.is_map()) {
        if (auto drawn = distribution(times, scope, UnitKind::none)) repeat.times = std::move(*drawn);
      } else if (times.is_scalar() && times.text.find("${") != times.text.npos) {
        repeat.times = text_template(times, scope, "'times'");
      } else if (const auto count = whole(times_given, scope, "'times'")) {
        repeat.times = Template(Value{static_cast<std::int64_t>(*count)});
      }
    };
    if (value.is_map() && (value.find("times") || value.find("for") || value.keys.empty())) {
      const MapReader map(*this, value, kRepeatKeys, "in 'repeat'");
      if (const Node* times = map["times"]) read_times(*times);
      if (const Node* time = map["for"]) repeat.for_ns = static_cast<std::int64_t>(positive(*time, scope, UnitKind::duration, "'for'").value_or(0));
      if (!map["times"] == !map["for"]) error(key, "'repeat' takes either 'times' or 'for'");
    } else {
      read_times(given);
    }
    repeat.steps = inner_steps(step, key, place);
    out.what = std::move(repeat);
  } else if (control == "until") {
    decode_until(step, key, value, place, out);
  } else if (control == "if") {
    IfStep condition;
    if (!value.is_map() || !value.find("value")) {
      error(key, "'if' needs a 'value' and what it must match", "write `if: { value: \"${x}\", equals: 1 }`");
    } else {
      condition.value = text_template(*value.find("value"), scope, "'value'");
      decode_matcher_map(value, scope, UnitKind::none, false, kIfKeys, condition.matcher);
      if (condition.matcher.empty()) error(key, "'if' needs something that 'value' must match");
    }
    condition.steps = inner_steps(step, key, place);
    if (const Node* otherwise = step.find("else")) condition.otherwise = decode_steps(*otherwise, place);
    out.what = std::move(condition);
  } else if (control == "either") {
    EitherStep either;
    if (!value.is_list() || value.items.empty()) error(key, fmt::format("'either' is a list of branches, this is {}", value.kind_name()));
    for (const Node& branch : value.items) {
      const MapReader map(*this, branch, kBranchKeys, "in 'either'");
      if (!branch.is_map() || !map["steps"]) {
        error(branch, "a branch of 'either' needs 'steps'");
        continue;
      }
      either.weights.push_back(map["weight"] ? positive(*map["weight"], scope, UnitKind::none, "'weight'").value_or(1) : 1);
      either.branches.push_back(decode_steps(*map["steps"], place));
    }
    out.what = std::move(either);
  } else if (control == "parallel") {
    ParallelStep parallel;
    if (!value.is_list() || value.items.empty()) {
      error(key, fmt::format("'parallel' is a list of steps, this is {}", value.is_list() ? "an empty one" : value.kind_name()));
    } else {
      for (Step& branch : decode_steps(value, place)) {
        Steps& steps = parallel.branches.emplace_back();
        steps.push_back(std::move(branch));
      }
    }
    out.what = std::move(parallel);
  } else if (control == "group") {
    GroupStep group;
    if (value.is_scalar()) group.name = value.text;
    const MapReader map(*this, value, kGroupKeys, "in 'group'");
    if (const Node* name = map["name"]) group.name = text(*name, scope, "'name'");
    else if (!value.is_scalar()) error(key, "'group' needs a name");
    group.type = "group";
    if (const Node* type = map["type"]) group.type = text(*type, scope, "'type'");
    if (const Node* type = step.find("type")) group.type = text(*type, scope, "'type'");
    if (const Node* given_tags = step.find("tags")) group.tags = tags(*given_tags);
    group.steps = inner_steps(step, key, place);
    out.what = std::move(group);
  } else if (control == "set") {
    SetStep set;
    set.keep_user = keep_user;
    if (!value.is_map() || value.keys.empty()) error(key, "'set' is a map of names and values", "write `set: { x: 1 }`");
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      const Node item = fold(value.items[i], scope);
      const std::uint32_t slot = slot_of(value.keys[i].text, kNone);
      if (item.is_map() || item.is_list()) {
        if (auto fixed = this->value(item, scope)) set.slots.emplace_back(slot, Template(std::move(*fixed)));
      } else if (item.is_scalar() && item.text.find("${") != item.text.npos) {
        if (auto compiled = compile(item, scope)) set.slots.emplace_back(slot, std::move(*compiled));
      } else {
        set.slots.emplace_back(slot, Template(scalar_value(item)));
      }
    }
    out.what = std::move(set);
  } else if (control == "acquire") {
    decode_acquire(key, value, place, keep_user, out);
  } else if (control == "take") {
    decode_take(key, value, place, keep_user, out);
  } else if (control == "barrier") {
    decode_barrier(key, value, out);
  } else if (control == "release") {
    ReleaseStep release;
    std::vector<std::string> records;
    bool found = false;
    for (const auto& [name, local] : *scope.locals) {
      if (local.dataset == kNone) continue;
      records.push_back(name);
      if (name == value.text) {
        release.slot = local.slot;
        found = true;
      }
    }
    if (!found) error(given, fmt::format("no record '{}' was acquired here", value.text), records.empty() ? "" : suggestion("record", value.text, records));
    out.what = release;
  } else if (control == "metric") {
    decode_metric(key, value, place, out);
  } else if (control == "interrupt") {
    if (!value.is_null() && value.text != "true") error(given, "'interrupt' takes nothing");
    out.what = InterruptStep{};
  } else if (control == "do") {
    out.what = DoStep{value.is_scalar() ? find_task(value) : kNone};
    if (!value.is_scalar()) error(key, "'do' names a task");
  }
}

void Decoder::decode_metric(const Node& key, const Node& value, const StepPlace& place, Step& out) {
  constexpr std::string_view kKinds[] = {"gauge", "counter", "trend"};
  MetricStep metric;
  const MapReader map(*this, value, kMetricKeys, "in 'metric'");
  const Node* name = map["name"];
  const Node* given = map["value"];
  if (name == nullptr || given == nullptr) {
    error(key, "'metric' needs a 'name' and a 'value'", "write `metric: { name: rows, value: \"${rows}\" }`");
  } else {
    MetricSpec spec;
    spec.mark = key.mark;
    spec.name = text(*name, {}, "'name'");
    spec.is_probe = probes_.contains(spec.name);
    if (const Node* unit = map["unit"]) spec.unit = text(*unit, {}, "'unit'");
    if (const Node* kind = map["kind"]) spec.kind = static_cast<MetricKind>(word(*kind, "'kind'", kKinds));
    metric.value = text_template(*given, place.scope, "'value'");
    const auto same = std::ranges::find(scenario_.metrics, spec.name, &MetricSpec::name);
    metric.metric = static_cast<std::uint32_t>(same - scenario_.metrics.begin());
    if (same == scenario_.metrics.end()) {
      scenario_.metrics.push_back(std::move(spec));
    } else if (same->kind != spec.kind || same->unit != spec.unit || same->is_probe) {
      error(*name, fmt::format("metric '{}' is another one in line {}", spec.name, same->mark.line), "one name, one unit, one kind");
    }
  }
  out.what = std::move(metric);
}

void Decoder::decode_until(const Node& step, const Node& key, const Node& value, const StepPlace& place, Step& out) {
  UntilStep until;
  const MapReader map(*this, value, kUntilKeys, "in 'until'");
  until.timeout_ns = 30'000'000'000;
  if (const Node* every = map["every"]) until.every_ns = static_cast<std::int64_t>(positive(*every, place.scope, UnitKind::duration, "'every'").value_or(0));
  else error(key, "'until' needs 'every'", "write `until: { every: 500ms, timeout: 30s }`");
  if (const Node* timeout = map["timeout"]) until.timeout_ns = static_cast<std::int64_t>(positive(*timeout, place.scope, UnitKind::duration, "'timeout'").value_or(0));
  if (const Node* first = map["first"]) until.first_now = word(*first, "'first'", kFirst) == 0;
  if (const Node* name = map["name"]) until.name = text(*name, place.scope, "'name'");
  until.type = "group";
  if (const Node* type = step.find("type")) until.type = text(*type, place.scope, "'type'");
  until.steps = inner_steps(step, key, place);
  const OperationStep* last = last_operation(until.steps);
  if (const Node* satisfied = step.find("satisfied")) {
    const OperationInfo* info = last ? catalog_.operation(last->operation_name) : nullptr;
    if (info) until.satisfied = decode_checks(*satisfied, *info, place, "satisfied");
    else if (!until.steps.empty()) error(*satisfied, "'satisfied' looks at the last operation, and these steps have none");
  } else {
    error(key, "'until' needs 'satisfied' beside it");
  }
  out.what = std::move(until);
}

}  // namespace squall
