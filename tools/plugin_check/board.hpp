// What a test says from the process that it runs in. It stands in memory that the watching process shares, so that what
// was found before a crash is known, and where the plugin was when it happened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace squall::plugin_check {

struct Board {
  static constexpr std::uint32_t kFindings = 16;   // different ones; of more the number is told
  struct Finding {
    std::uint32_t times;
    char text[400], where[256];   // where: the first time
  };

  char where[256];   // what the host does with the plugin at the moment
  char note[256];    // of a test that passed: how much it did
  Finding findings[kFindings];
  std::uint32_t findings_count, more;
  std::uint32_t has_ended, has_protocol, has_tasks, has_output;
};

/// The board of this process's test; made once, before any process is forked.
Board& board();

/// From now on it is this that happens, should nothing be heard any more: "calls of get: the peer resets".
void at(std::string_view where);
/// A rule that does not hold. The same text again is counted, wherever it is.
void find(std::string_view text);
/// What a test did, for the reader of a test that passed.
void note(std::string_view text);

/// Ends the test, and its process, at once: the plugin is in a state in which nothing more can be asked of it.
[[noreturn]] void abandon();

}  // namespace squall::plugin_check
