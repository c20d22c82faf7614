// A test in a process of its own: whatever the plugin does there, the others go on.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace squall::plugin_check {

/// How the process ended; "" for one that came to the end of its test. What it found stands on the board.
/// Runs in an empty folder of its own, which is removed, with stdin and stdout of /dev/null; stderr of the plugin is kept, and its end is in `said`.
/// Whatever the test has started is ended with it.
std::string run_in_child(const std::function<void()>& test, std::chrono::seconds limit, std::string& said);

}  // namespace squall::plugin_check
