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

/// Return addresses of a thread, innermost first; empty when it did not answer within `limit`. A system call
/// that it was in may end with EINTR: ask only a thread that is in trouble. One caller at a time.
std::vector<void*> stack_of(pthread_t thread, std::chrono::milliseconds limit);

}  // namespace squall
