#include "net/environment.hpp"

#include <fmt/format.h>

#include "plugin_host/plugin.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {

void Environment::tell_foreign_thread(const char* function, const Plugin* whose) noexcept {
  const PluginTurn turn(whose ? whose : find_plugin_on_stack().plugin, "a thread of its own");
  plugin_fault(fmt::format("{}() is for the shard's thread alone", function));
}

}  // namespace squall
