// What a user tells its observer (user_observer.hpp), beside the way of an operation: in a run without one
// nothing of this is called.
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "engine/user_observer.hpp"

namespace squall {

std::string_view User::part_name() const {
  switch (part_) {
    case Part::on_start: return "on_start";
    case Part::on_stop: return "on_stop";
    case Part::task: {
      const Shard& shard = population_.shard();
      return shard.plan().scenario().tasks[population_.plan().tasks[task_].task].name;
    }
    default: return "connect";
  }
}

void User::tell_end(UserObserver& observer, End end) const {
  observer.part_ends(*this, part_name(), end);
}

void User::tell_result(UserObserver& observer, Call& call, Outcome outcome, ErrorClass error,
                       std::string_view detail) {
  CallReport report;
  report.is_poll = program_->code[at_->pc].in_until;
  report.outcome = outcome;
  report.error = error;
  report.detail = detail;
  const bool has_answer = call.outcome == SQ_OUT_OK && !call.is_timed_out && !call.is_cut;
  const auto look = [&](const std::vector<Check>& checks, std::vector<CallReport::Checked>& into) {
    for (const Check& check : checks) {
      CallReport::Checked& checked = into.emplace_back();
      checked.check = &check;
      checked.holds = holds(check, call, call.end_ns - call.due_ns, &checked.why);
    }
  };
  if (has_answer) {
    look(call.operation->spec->expect, report.expect);
    for (auto frame = at_->frames.rbegin(); frame != at_->frames.rend(); ++frame) {
      if (frame->code->code != Instruction::Code::until) continue;
      look(std::get<UntilStep>(frame->code->step->what).satisfied, report.satisfied);
      break;
    }
    for (const Capture& capture : call.operation->spec->captures) {
      report.captured.push_back({&capture, read_capture(capture, call)});
    }
  }
  observer.call_ends(call, report);
}

}  // namespace squall
