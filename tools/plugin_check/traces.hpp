// What a test may not leave behind in its process: memory that grows, files, threads, a changed locale.
#pragma once

#include <functional>
#include <string_view>

#include "subject.hpp"

namespace squall::plugin_check {

/// Chunks that malloc keeps for a thread count as used: without them what is in use is what somebody holds. Begins the
/// program anew when it has to, since malloc reads its settings once.
void count_the_heap_exactly(char** argv);

/// Runs `life` until the plugin has warmed up, then again and again, and tells what grows with it. `life` leaves nothing
/// of its own. `what`: "calls", for the finding; `count` is how many of them one life has.
void look_for_leaks(std::string_view what, unsigned count, const std::function<void()>& life);

/// Calls fini(), and tells what is there that was not there before the test. [main]
class Traces {
 public:
  Traces();
  ~Traces();
  Traces(const Traces&) = delete;
  Traces& operator=(const Traces&) = delete;
  void look(const Subject& subject);

 private:
  struct State;
  State* before_;
};

}  // namespace squall::plugin_check
