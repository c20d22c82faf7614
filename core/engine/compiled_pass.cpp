// The life of a pass: begun, woken, stopped, over. What the plugin asks for is compiled_calls.cpp's and
// compiled_data.cpp's.
#include "engine/compiled_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "engine/population.hpp"
#include "engine/session_id.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kCancelLimitNs = 5'000'000'000;

}  // namespace

CompiledPass::CompiledPass(User& user) : user_(user) {
  done_.pass = ended_.pass = guard_.pass = this;
  done_.done = [](sq_done* done, sq_status status, sq_str detail) {
    static_cast<Done*>(done)->pass->told_done(status, to_view(detail));
  };
  ended_.run = [](Deferred& node) noexcept {
    auto& ended = static_cast<Ended&>(node);
    ended.is_queued = false;
    if (ended.is_last) delete ended.pass;
    else ended.pass->go_on_if_finished();
  };
  guard_.fire = [](TimerNode& node) noexcept { static_cast<Guard&>(node).pass->lose(); };
}

Shard& CompiledPass::shard() { return user_.population_.shard(); }

CompiledPass::Next CompiledPass::begin(const Instruction& code) {
  use_ = &shard().plan().task_uses()[code.index];
  const auto known = std::ranges::find(selves_, use_->plugin, &std::pair<const Plugin*, void*>::first);
  if (known == selves_.end()) {
    sq_error error{};
    sq_status status = SQ_OK;
    {
      const PluginTurn turn(use_->plugin, "user_open");
      status = use_->tasks->user_open(this, &self_, &error);
    }
    if (status != SQ_OK) {
      use_ = nullptr;
      return user_.fail_step(code, ErrorClass::plugin, failure_text(error, status));
    }
    selves_.emplace_back(use_->plugin, self_);
  } else {
    self_ = known->second;
  }
  is_over_ = must_end_ = gives_up_ = false;
  end_ = PartEnd::cut;
  status_ = SQ_OK;
  frames_ = user_.at_->frames.size();
  {
    const Inside inside(*this, "run");
    use_->tasks->run(self_, use_->task, &done_);
  }
  return is_finished() ? finish() : Next::stop;
}

const sq_user_info* CompiledPass::info() {
  const PopulationSpec& population = *user_.population_.plan().spec;
  info_ = {sizeof info_, 0, user_.user_index, user_.iteration, SessionId{user_.population, user_.user_index}.number(),
           to_str(population.name), use_ ? to_str(use_->scenario_task ? use_->scenario_task->name : use_->part) : sq_str{}};
  return &info_;
}

void CompiledPass::told_done(sq_status status, std::string_view detail) {
  if (!shard().loop().is_own_thread("done", PluginTurn::now().plugin)) return;
  if (!use_ || is_over_) return shard().loop().plugin_fault("done() of a pass that is over");
  is_over_ = true;
  status_ = status;
  detail_ = detail;
  if (inside_ > 0 || ended_.is_queued) return;
  ended_.is_queued = true;
  shard().loop().defer(ended_);
}

/// Over, and so is all that it had begun: calls that it left behind end first.
bool CompiledPass::is_finished() {
  if (!use_ || !is_over_) return false;
  end_waiting_calls();
  for (std::size_t i = calls_.size(); i-- > 0;) {
    if (calls_[i].is_delivered) release(*calls_[i].call);
    else shard().cancel(*calls_[i].call, /*is_cut=*/true);
  }
  return calls_.empty();
}

CompiledPass::Next CompiledPass::finish() {
  const Instruction& code = user_.program_->code[user_.at_->pc];
  shard().loop().disarm(guard_);
  shard().loop().disarm(user_.at_->wait);
  user_.leave_line_for_record();
  wait_end_ = nullptr;
  record_end_ = nullptr;
  const bool has_failed = !must_end_ && status_ != SQ_OK && status_ != SQ_DONE;
  while (user_.at_->frames.size() > frames_) {   // groups that it left open
    group_end(must_end_ ? SQ_OUT_CANCELLED : has_failed ? SQ_OUT_FAILED : SQ_OUT_OK);
  }
  const std::string detail = std::move(detail_);
  detail_.clear();
  const TaskUse& use = *use_;
  use_ = nullptr;
  if (must_end_) {
    user_.leave(end_, ErrorClass::none);
    return Next::stop;
  }
  if (status_ == SQ_OK) {
    ++user_.at_->pc;
    return Next::go_on;
  }
  if (status_ == SQ_DONE) {
    user_.leave(PartEnd::interrupted, ErrorClass::none);
    return Next::stop;
  }
  const ErrorClass error = status_ == SQ_E_INTERNAL ? ErrorClass::plugin : ErrorClass::check;
  return user_.fail_step(code, error, detail.empty() ? std::string_view(use.name) : std::string_view(detail));
}

void CompiledPass::go_on_if_finished() {
  if (is_finished() && finish() == Next::go_on) user_.run();
}

CompiledPass::Next CompiledPass::woken() {
  if (std::exchange(gives_up_, false)) {
    stop_now(PartEnd::cut);
  } else if (!waiting_calls_.empty()) {
    launch_waiting();
  } else if (WaitEnd fn = std::exchange(wait_end_, nullptr)) {
    const Inside inside(*this, "a wait's end");
    fn(context_, SQ_OK);
  } else if (granted_) {
    sq_record* record = std::exchange(granted_, nullptr);
    const Inside inside(*this, "a record's coming");
    std::exchange(record_end_, nullptr)(context_, SQ_OK, record);
  } else if (record_end_ && user_.leave_line_for_record()) {
    user_.at_->due_ns = user_.at_->ready_ns = shard().loop().read_ns();
    const Inside inside(*this, "a record's coming");
    std::exchange(record_end_, nullptr)(context_, SQ_E_TIMEOUT, nullptr);
  }
  return is_finished() ? finish() : Next::stop;
}

void CompiledPass::stop(PartEnd as) {
  stop_now(as);
  if (inside_ == 0) go_on_if_finished();
}

void CompiledPass::stop_now(PartEnd as) {
  if (!must_end_) {
    must_end_ = true;
    end_ = as;
    shard().loop().arm(guard_, shard().loop().now_ns() + kCancelLimitNs);
  }
  if (inside_ > 0) return;   // its next wish is refused
  const Inside inside(*this, "cancel");
  // A budget that is used up lets what was begun come to its end.
  for (const OpenCall& open : as == PartEnd::cut ? calls_ : std::vector<OpenCall>()) {
    if (!open.is_delivered) shard().cancel(*open.call, /*is_cut=*/true);   // which answers from the loop
  }
  end_waiting_calls();
  shard().loop().disarm(user_.at_->wait);
  user_.leave_line_for_record();
  if (sq_record* record = std::exchange(granted_, nullptr)) hand_back(*record);
  if (WaitEnd fn = std::exchange(wait_end_, nullptr)) fn(context_, SQ_E_CLOSED);
  if (RecordEnd fn = std::exchange(record_end_, nullptr)) fn(context_, SQ_E_CLOSED, nullptr);
  if (!is_over_) use_->tasks->cancel(self_);
}

namespace {

/// Here what was lost can be found, by whoever looks for leaks.
void keep_for_ever(CompiledPass* pass) {
  static auto& lost = *new std::vector<CompiledPass*>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  lost.push_back(pass);
}

}  // namespace

/// done() did not follow: this object belongs to the plugin for ever, the user goes on without it.
void CompiledPass::lose() {
  // Calls in flight end by limits of their own, and until then it may be they that it waits for.
  if (!std::ranges::all_of(calls_, &OpenCall::is_delivered)) {
    return shard().loop().arm(guard_, shard().loop().now_ns() + kCancelLimitNs);
  }
  shard().loop().plugin_fault(fmt::format("{}: done() did not follow cancel()", use_->name));
  std::erase_if(selves_, [&](const auto& self) { return self.second == self_; });
  User& user = user_;
  CompiledPass* const lost = user.compiled_.release();
  keep_for_ever(lost);
  lost->forget_calls();
  lost->is_over_ = true;
  lost->status_ = SQ_E_CLOSED;
  lost->close();   // what other plugins keep was opened with this object, too
  if (lost->finish() == Next::go_on) user.run();
}

void CompiledPass::forget_calls() {
  while (!calls_.empty()) release(*calls_.back().call);
}

void CompiledPass::end(std::unique_ptr<CompiledPass> pass) {
  pass->close();
  if (!pass->ended_.is_queued) return;
  pass->ended_.is_last = true;   // the loop has it still
  pass.release();
}

void CompiledPass::close() {
  for (const auto& [plugin, self] : selves_) {
    const PluginTurn turn(plugin, "user_close");
    plugin->tasks->user_close(self);
  }
  selves_.clear();
}

}  // namespace squall
