// A plugin's tables as the host asks them when plugins are checked: what the plugin is given is lent, and ends when the
// ABI says so; what it answers is looked at. The plugin's own are found by the turn, which every call into it has.
#pragma once

#include <squall/abi.h>

namespace squall {
struct Plugin;
}

namespace squall::checked {

/// Puts checking tables in the place of the plugin's. [main], once, before anything else asks it
void check_plugin(Plugin& plugin);

/// The plugin's own, of the one whose turn it is.
struct PluginTables {
  const sq_protocol* protocol = nullptr;
  const sq_output* output = nullptr;
  const sq_tasks* tasks = nullptr;
};
const PluginTables& own_tables();

// A file each: the functions alone, without what the plugin describes.
sq_protocol checking(const sq_protocol& own);
sq_output checking(const sq_output& own);
sq_tasks checking(const sq_tasks& own);

}  // namespace squall::checked
