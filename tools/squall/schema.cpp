// squall schema: the language, for editors.
#include <fmt/format.h>

#include "options.hpp"
#include "scenario/schema.hpp"
#include "toolbox.hpp"

namespace squall {
namespace {

constexpr int kPluginNotLoaded = 113;

}  // namespace

int schema_command(const Options& options) {
  if (options.keys_only) {
    fmt::print("{}", list_keys());
    return 0;
  }
  const auto toolbox = load_toolbox(options.plugin_path);
  if (!toolbox) return kPluginNotLoaded;
  fmt::print("{}", scenario_schema(toolbox->catalog));
  return 0;
}

}  // namespace squall
