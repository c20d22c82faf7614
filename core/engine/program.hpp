// A task's steps as a flat list of instructions with jumps, so that a virtual user is a program counter
// and a few frames, not a call stack: 100,000 of them fit, and any of them can stop anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scenario/scenario.hpp"

namespace squall {

struct Instruction {
  // code        step (what it reads)   target (jump)
  enum class Code : std::uint8_t {
    call,        // OperationStep; `index`: bound operation
    wait,        // WaitStep             like others without an operation: a sample when it fails, and only then
    set,         // SetStep
    branch,      // IfStep               to the else part when the value does not match
    either,      // EitherStep           `index`: first entry of jumps, one a branch
    jump,        // -                    there
    repeat,      // RepeatStep           pushes a frame; past the loop when there is nothing to do
    again,       // RepeatStep           back to the body's begin, or on
    until,       // UntilStep            pushes a frame; due of the first poll
    satisfied,   // UntilStep            back to the body, or on: success or time-out
    group,       // GroupStep            pushes a frame
    group_end,   // GroupStep            pops it: one sample
    parallel,    // ParallelStep         past its branches; `index`: first entry of jumps, one a branch
    join,        // -                    the branch is over
    acquire,     // AcquireStep          waits, or ends the part, when no record is free
    release,     // ReleaseStep
    take,        // TakeStep
    barrier,     // BarrierStep          waits for other users: one sample
    metric,      // MetricStep
    interrupt,   // InterruptStep
    compiled,    // CompiledStep         `index`: its use
    end,
  };
  Code code = Code::end;
  bool must_hold = false;          // in on_start and setup: a failure stops the user unless the step says otherwise
  bool in_until = false;           // a poll: its failure is a failed sample and nothing more
  std::uint32_t target = 0;
  std::uint32_t index = 0;         // call: bound operation; either, parallel: jumps; others: the series of their sample
  const Step* step = nullptr;
};

struct Program {
  std::vector<Instruction> code;
  std::vector<std::uint32_t> jumps;   // of `either` and `parallel`
};

/// What the compiler asks of the plan while it walks the steps.
class StepBinder {
 public:
  virtual ~StepBinder() = default;
  virtual std::uint32_t bind_operation(const OperationStep& step, Mark mark) = 0;
  /// The series of a group, a named until or a barrier.
  virtual std::uint32_t bind_series(const std::string& name, const std::string& type,
                                    const std::map<std::string, std::string>& tags) = 0;
  /// The series of the failures of a step without an operation, by its word.
  virtual std::uint32_t bind_failures(const std::string& word) = 0;
  /// A use of a compiled task.
  virtual std::uint32_t bind_compiled(const CompiledStep& step, Mark mark) = 0;
  /// A step that the engine cannot run.
  virtual void refuse(Mark mark, std::string text) = 0;
  /// Operations bound from here on may be asked for what these checks read; nullptr: no longer.
  virtual void set_satisfied(const std::vector<Check>* checks) = 0;
};

/// `do: TASK` is taken in place (a task that does itself ends compiling with an error text).
/// Errors: returned as one line, empty when there is none.
std::string compile_program(const Scenario& scenario, const Steps& steps, bool must_hold, StepBinder& binder,
                            Program& out);

}  // namespace squall
