// squall help exit-codes.
#include <fmt/format.h>

#include "options.hpp"

namespace squall {

int exit_codes_command() {
  fmt::print(
      "0    verdict passed\n"
      "1    operations failed, and --exit-code-on-error was given; plugins check: a rule is broken\n"
      "2    bad command line\n"
      "99   a threshold failed, or nothing succeeded\n"
      "104  the scenario or its data is wrong; nothing was sent\n"
      "105  stopped by a signal or by the user; results are written\n"
      "108  the scenario asked to abort\n"
      "109  internal error; results so far are written\n"
      "111  an output lost data, with --strict-outputs\n"
      "112  invalid: the generator could not do what was asked; the numbers are not to be trusted\n"
      "113  a plugin cannot be loaded\n"
      "114  partial: agents or data were lost; what is missing is named\n"
      "\nWhen several hold: 109 > 113 > 114 > 112 > 108 > 105 > 99 > 111 > 1.\n");
  return 0;
}

}  // namespace squall
