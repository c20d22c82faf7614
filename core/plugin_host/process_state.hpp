// What belongs to the whole process and a plugin must leave as it found it: locale, working folder, umask, what
// signals do. Taken before a plugin's code runs and compared after it.
#pragma once

#include <csignal>
#include <array>
#include <string>
#include <vector>

namespace squall {

class ProcessState {
 public:
  /// As it is now.
  static ProcessState now();
  /// "the locale from 'C' to 'de_DE.UTF-8'"; of several the first; "" when all is as it was. That SIGPIPE is ignored
  /// is no change: every library that writes to sockets wants it.
  std::string change_until(const ProcessState& after) const;

 private:
  std::string locale_, folder_;
  unsigned umask_ = 0;
  std::array<struct sigaction, NSIG> actions_{};
};

/// Numbers of the descriptors that are open, sorted, without the one that looks.
std::vector<int> open_descriptors();
/// "4 more open files than before it: 3 of /dev/null, 1 of socket": what is in `after` and not in `before`; "" for nothing.
std::string left_open(const std::vector<int>& before, const std::vector<int>& after);

}  // namespace squall
