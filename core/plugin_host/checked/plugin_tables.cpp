#include "plugin_host/checked/plugin_tables.hpp"

#include <unordered_map>

#include "plugin_host/plugin.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall::checked {
namespace {

struct Checked {
  PluginTables own;
  sq_protocol protocol;
  sq_output output;
  sq_tasks tasks;
};

/// Written while plugins are loaded, then read by all threads. Plugins are never unloaded.
std::unordered_map<const Plugin*, Checked>& all() {
  static auto& plugins = *new std::unordered_map<const Plugin*, Checked>;
  return plugins;
}

}  // namespace

void check_plugin(Plugin& plugin) {
  Checked& made = all()[&plugin];
  made.own = {plugin.protocol, plugin.output, plugin.tasks};
  if (plugin.protocol) plugin.protocol = &(made.protocol = checking(*plugin.protocol));
  if (plugin.output) plugin.output = &(made.output = checking(*plugin.output));
  if (plugin.tasks) plugin.tasks = &(made.tasks = checking(*plugin.tasks));
}

const PluginTables& own_tables() { return all().at(PluginTurn::now().plugin).own; }

}  // namespace squall::checked
