#include "engine/program.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace squall {
namespace {

constexpr int kDepthMax = 32;  // nested `do` and blocks

class Compiler {
 public:
  Compiler(const Scenario& scenario, bool must_hold, StepBinder& binder, Program& out)
      : scenario_(scenario), must_hold_(must_hold), binder_(binder), out_(out) {}

  void block(const Steps& steps, int depth) {
    if (depth > kDepthMax) {
      error_ = fmt::format("steps are nested deeper than {} (does a task do itself?)", kDepthMax);
      return;
    }
    for (const Step& step : steps) {
      if (!error_.empty()) return;
      std::visit([&](const auto& what) { compile(step, what, depth); }, step.what);
    }
  }

  std::uint32_t emit(Instruction::Code code, const Step* step, std::uint32_t index = 0) {
    out_.code.push_back({code, must_hold_, in_until_, 0, index, step});
    return here() - 1;
  }

  const std::string& error() const { return error_; }

 private:
  using Code = Instruction::Code;

  std::uint32_t here() const { return static_cast<std::uint32_t>(out_.code.size()); }
  void land(std::uint32_t instruction) { out_.code[instruction].target = here(); }

  void compile(const Step& step, const OperationStep& operation, int) {
    emit(Code::call, &step, binder_.bind_operation(operation, step.mark));
  }
  void compile(const Step& step, const WaitStep&, int) { emit(Code::wait, &step, binder_.bind_failures("wait")); }
  void compile(const Step& step, const SetStep&, int) { emit(Code::set, &step, binder_.bind_failures("set")); }
  void compile(const Step& step, const AcquireStep&, int) {
    refuse_in_branch(step, "acquire");
    emit(Code::acquire, &step, binder_.bind_failures("acquire"));
  }
  void compile(const Step& step, const ReleaseStep&, int) {
    refuse_in_branch(step, "release");
    emit(Code::release, &step, binder_.bind_failures("release"));
  }
  void compile(const Step& step, const TakeStep&, int) { emit(Code::take, &step, binder_.bind_failures("take")); }
  void compile(const Step& step, const BarrierStep& what, int) {
    refuse_in_branch(step, "barrier");
    emit(Code::barrier, &step, binder_.bind_series(scenario_.barriers[what.barrier].name, "barrier", {}));
  }
  void compile(const Step& step, const MetricStep&, int) { emit(Code::metric, &step, binder_.bind_failures("metric")); }
  void compile(const Step& step, const InterruptStep&, int) { emit(Code::interrupt, &step); }
  void compile(const Step& step, const CompiledStep& what, int) {
    refuse_in_branch(step, what.name.c_str());
    if (in_until_) binder_.refuse(step.mark, fmt::format("'{}' does not stand in 'until': a compiled task polls by itself", what.name));
    emit(Code::compiled, &step, binder_.bind_compiled(what, step.mark));
  }
  void compile(const Step&, const DoStep& what, int depth) {
    block(scenario_.tasks[what.task].steps, depth + 1);
  }
  void compile(const Step& step, const IfStep& what, int depth) {
    const auto branch = emit(Code::branch, &step, binder_.bind_failures("if"));
    block(what.steps, depth + 1);
    if (what.otherwise.empty()) {
      land(branch);
      return;
    }
    const auto over = emit(Code::jump, &step);
    land(branch);
    block(what.otherwise, depth + 1);
    land(over);
  }
  void compile(const Step& step, const EitherStep& what, int depth) {
    const auto first = static_cast<std::uint32_t>(out_.jumps.size());
    out_.jumps.resize(first + what.branches.size());
    emit(Code::either, &step, first);
    std::vector<std::uint32_t> ends;
    for (std::size_t i = 0; i < what.branches.size(); ++i) {
      out_.jumps[first + i] = here();
      block(what.branches[i], depth + 1);
      ends.push_back(emit(Code::jump, &step));
    }
    for (const auto end : ends) land(end);
  }
  void compile(const Step& step, const ParallelStep& what, int depth) {
    const auto first = static_cast<std::uint32_t>(out_.jumps.size());
    out_.jumps.resize(first + what.branches.size());
    const auto begin = emit(Code::parallel, &step, first);
    const bool outer = std::exchange(in_branch_, true);
    for (std::size_t i = 0; i < what.branches.size(); ++i) {
      out_.jumps[first + i] = here();
      block(what.branches[i], depth + 1);
      emit(Code::join, &step);
    }
    in_branch_ = outer;
    land(begin);
  }
  void compile(const Step& step, const RepeatStep& what, int depth) {
    const auto begin = emit(Code::repeat, &step, binder_.bind_failures("repeat"));
    const auto body = here();
    block(what.steps, depth + 1);
    out_.code[emit(Code::again, &step)].target = body;
    land(begin);
  }
  void compile(const Step& step, const UntilStep& what, int depth) {
    const auto series = what.name.empty() ? binder_.bind_failures("until") : binder_.bind_series(what.name, what.type, {});
    emit(Code::until, &step, series);
    const auto body = here();
    const bool outer = std::exchange(in_until_, true);
    binder_.set_satisfied(&what.satisfied);
    block(what.steps, depth + 1);
    binder_.set_satisfied(nullptr);
    in_until_ = outer;
    out_.code[emit(Code::satisfied, &step, series)].target = body;
  }
  void compile(const Step& step, const GroupStep& what, int depth) {
    const auto series = binder_.bind_series(what.name, what.type, what.tags);
    emit(Code::group, &step, series);
    block(what.steps, depth + 1);
    emit(Code::group_end, &step, series);
  }

  /// What a user holds, and where it waits for others, is one thing for the whole user.
  void refuse_in_branch(const Step& step, std::string_view word) {
    if (in_branch_) binder_.refuse(step.mark, fmt::format("'{}' cannot stand within 'parallel'", word));
  }

  const Scenario& scenario_;
  const bool must_hold_;
  StepBinder& binder_;
  Program& out_;
  bool in_until_ = false;
  bool in_branch_ = false;
  std::string error_;
};

}  // namespace

std::string compile_program(const Scenario& scenario, const Steps& steps, bool must_hold, StepBinder& binder,
                            Program& out) {
  Compiler compiler(scenario, must_hold, binder, out);
  compiler.block(steps, 0);
  compiler.emit(Instruction::Code::end, nullptr);
  return compiler.error();
}

}  // namespace squall
