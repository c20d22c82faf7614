// squall report: a stored run, rendered again.
#include <fmt/format.h>

#include "exports.hpp"
#include "options.hpp"
#include "report/stored_run.hpp"

namespace squall {

int report_command(const Options& options) {
  constexpr int kBadCommandLine = 2, kInternal = 109;
  const auto result = read_run(options.file);
  if (!result) {
    fmt::print(stderr, "squall: {}\n", result.error().text);
    return kBadCommandLine;
  }
  const Exports& to = options.exports;
  if (!to.json && !to.html && !to.junit && !to.csv && !to.markdown) print_summary(options, *result);
  if (!can_write_exports(to)) return kBadCommandLine;
  return write_exports(to, *result) ? 0 : kInternal;
}

}  // namespace squall
