// Tasks that a plugin brings along (squall.tasks/1): steps that carry the plugin's and the task's name, and tasks of a
// population without being written down under `tasks`.
#include <algorithm>

#include <fmt/format.h>

#include "scenario/decoder.hpp"
#include "scenario/node_writer.hpp"

namespace squall {

/// `populations: { visitors: { tasks: { shop.browse: 3 } } }` has the task `shop.browse: [ shop.browse: {} ]`.
void Decoder::add_compiled_tasks(Node& tasks, const Node& populations) {
  const auto add = [&](const Node& name) {
    if (!name.is_scalar() || catalog_.task(name.text) == nullptr || tasks.find(name.text)) return;
    const NodeWriter write(name);
    if (tasks.is_null()) tasks = write.map({});
    if (!tasks.is_map()) return;   // which is said elsewhere
    tasks.keys.push_back(write.text(name.text));
    tasks.items.push_back(write.list({write.map({{name.text.c_str(), Node{}}})}));
  };
  for (const Node& population : populations.items) {
    const Node* given = population.is_map() ? population.find("tasks") : nullptr;
    if (given == nullptr) continue;
    if (given->is_scalar()) add(*given);
    for (const Node& name : given->is_map() ? given->keys : given->items) add(name);
  }
}

void Decoder::decode_compiled(const Node& key, const Node& value, const StepPlace&, Step& out) {
  const TaskInfo& info = *catalog_.task(key.text);
  CompiledStep compiled;
  compiled.name = info.name;
  compiled.options = decode_options(value, info.options, fmt::format("of '{}'", info.name), NameScope{.args = true}, false);
  if (value.is_null()) {   // an empty map: what is missing is missing all the same
    for (const ParamInfo& option : info.options) {
      if (option.is_required()) error(key, fmt::format("'{}' is missing of '{}'", option.name, info.name));
    }
  }
  for (const std::string& name : info.metrics) {
    if (std::ranges::find(scenario_.metrics, name, &MetricSpec::name) != scenario_.metrics.end()) continue;
    MetricSpec metric;
    metric.name = name;
    metric.mark = key.mark;
    scenario_.metrics.push_back(std::move(metric));
  }
  // Which operations it will ask for only it knows.
  for (const ProtocolInfo& protocol : catalog_.protocols) protocol_index(protocol.name, key.mark);
  has_compiled_ = true;
  out.what = std::move(compiled);
}

void Decoder::hand_names_to_compiled() {
  scenario_.has_compiled = has_compiled_;
  if (!has_compiled_) return;
  for (const auto& [place, slot] : slots_) {
    if (place.second == kNone) scenario_.local_names[place.first] = slot;
  }
  for (const auto& [name, node] : vars_) {
    if (auto folded = value(fold(node, {}), {})) scenario_.vars[name] = std::move(*folded);
  }
}

}  // namespace squall
