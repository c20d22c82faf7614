// Counts what plugin code allocates; see counted_allocations.cpp.
#pragma once
#include <cstddef>

struct Allocations {
  size_t count = 0, bytes = 0;
};
extern Allocations plugin_allocations;
