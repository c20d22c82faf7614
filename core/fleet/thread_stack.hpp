// Where another thread of this process is, for telling who holds it up. Costs a thread nothing until it is
// asked.
#pragma once

#include <pthread.h>

#include <chrono>
#include <cstddef>
#include <vector>

namespace squall {

/// Once, before there are threads to ask: SIGUSR2 belongs to this from now on.
void prepare_stacks();

struct ThreadStack {
  std::vector<void*> addresses;       // return addresses, innermost first
  const char* function = nullptr;     // as what a plugin was called there (PluginTurn)
};
/// The stack of a thread; empty when it did not answer within `limit`. A system call
/// that it was in may end with EINTR: ask only a thread that is in trouble. One caller at a time.
ThreadStack stack_of(pthread_t thread, std::chrono::milliseconds limit);

}  // namespace squall
