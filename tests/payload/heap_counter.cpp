// In a file of its own: where new and delete are inlined into their callers, GCC takes malloc and
// free for a mismatch.
#include "heap_counter.hpp"

#include <cstdlib>
#include <new>

namespace squall {

std::uint64_t allocation_count = 0;

}  // namespace squall

void* operator new(std::size_t size) {
  ++squall::allocation_count;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
