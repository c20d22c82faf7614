// Counts what the test program asks of the heap, for the promise that a rendered template costs
// none.
#pragma once

#include <cstdint>

namespace squall {

extern std::uint64_t allocation_count;

}  // namespace squall
