// Every step of a list and of those inside it, in the file's order; `do` is followed, a circle of them is not.
#pragma once

#include <vector>

#include "scenario/scenario.hpp"

namespace squall {

/// The lists of steps inside this one. `visit(Steps&)`; const steps give const lists.
template <typename AnyStep, typename Visit>
void visit_inner_steps(AnyStep& step, Visit visit) {
  if (auto* s = std::get_if<RepeatStep>(&step.what)) visit(s->steps);
  if (auto* s = std::get_if<UntilStep>(&step.what)) visit(s->steps);
  if (auto* s = std::get_if<GroupStep>(&step.what)) visit(s->steps);
  if (auto* s = std::get_if<IfStep>(&step.what)) {
    visit(s->steps);
    visit(s->otherwise);
  }
  if (auto* s = std::get_if<EitherStep>(&step.what)) {
    for (auto& branch : s->branches) visit(branch);
  }
  if (auto* s = std::get_if<ParallelStep>(&step.what)) {
    for (auto& branch : s->branches) visit(branch);
  }
}

/// `look(const Step&)`.
template <typename Look>
void walk_steps(const Steps& steps, const std::vector<Task>& tasks, const Look& look, int depth = 0) {
  constexpr int kDepthMax = 64;
  if (depth > kDepthMax) return;
  for (const Step& step : steps) {
    look(step);
    visit_inner_steps(step, [&](const Steps& inner) { walk_steps(inner, tasks, look, depth + 1); });
    if (const auto* s = std::get_if<DoStep>(&step.what); s && s->task < tasks.size()) {
      walk_steps(tasks[s->task].steps, tasks, look, depth + 1);
    }
  }
}

}  // namespace squall
