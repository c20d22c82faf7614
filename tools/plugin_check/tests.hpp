// The tests of the kit, in the order in which they run. Each has a process of its own: what it says stands on the board.
#pragma once

#include <span>

#include "subject.hpp"

namespace squall::plugin_check {

struct Test {
  enum class Of { plugin, bare_host, protocol, tasks, output };
  const char* name;
  const char* holds;   // what is true of a plugin that passes
  Of of;
  void (*run)(const Subject&);
};

std::span<const Test> all_tests();

// protocol_tests.cpp
void test_options(const Subject&);
void test_parameters(const Subject&);
void test_sessions(const Subject&);
void test_calls(const Subject&);
void test_cancel(const Subject&);
void test_side_by_side(const Subject&);
void test_life(const Subject&);
void test_leaks(const Subject&);
// described.cpp
void test_described(const Subject&);
// task_tests.cpp
void test_passes(const Subject&);
void test_cut_passes(const Subject&);
void test_task_leaks(const Subject&);
// output_tests.cpp
void test_output_options(const Subject&);
void test_batches(const Subject&);
void test_output_leaks(const Subject&);

}  // namespace squall::plugin_check
