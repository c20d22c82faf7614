// Replaces operator new of the whole test program.  A plugin is a shared library without an
// allocator of its own, so it binds to this one.  In a file apart, where no call can be inlined
// into it.
#include "counted_allocations.hpp"

#include <cstdlib>
#include <new>

#include "fake_host.hpp"

Allocations plugin_allocations;

void* operator new(size_t size) {
  if (fake::in_plugin) {
    ++plugin_allocations.count;
    plugin_allocations.bytes += size;
  }
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
