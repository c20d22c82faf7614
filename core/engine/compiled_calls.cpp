// Calls of a compiled task: begun, judged by it, released into the statistics.
#include <algorithm>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"

namespace squall {
namespace {

void set_error(sq_error* error, sq_status code, std::string_view text) {
  if (!error) return;
  error->code = code;
  const std::size_t size = std::min(text.size(), sizeof(error->text) - 1);
  std::copy_n(text.data(), size, error->text);
  error->text[size] = 0;
}

Value value_of(const sq_value& value) {
  switch (value.type) {
    case SQ_T_BOOL: return Value{value.u.u64 != 0};
    case SQ_T_I64: return Value{value.u.i64};
    case SQ_T_F64: return Value{value.u.f64};
    case SQ_T_DURATION: return Value{Duration{value.u.i64}};
    case SQ_T_STR: case SQ_T_BYTES: return Value{std::string(to_view(value.u.str))};
    default: return Value{};
  }
}

}  // namespace

sq_shard* CompiledPass::shard_handle() { return shard().handle(); }

sq_status CompiledPass::bind(sq_str op, const sq_pair* params, std::uint64_t n, sq_opref** out, std::uint64_t* fixed,
                             sq_error* error) {
  if (!use_ || n > 64) {
    set_error(error, SQ_E_INVALID, use_ ? "more than 64 parameters" : "no task of this user runs");
    return SQ_E_INVALID;
  }
  std::string why;
  sq_opref* own = shard().plan().late().operation(*use_, to_view(op), {params, static_cast<std::size_t>(n)}, why);
  if (!own) {
    set_error(error, SQ_E_INVALID, why);
    return SQ_E_INVALID;
  }
  *out = own;
  if (fixed) *fixed = own->fixed;
  return SQ_OK;
}

CompiledPass::OpenCall* CompiledPass::open_call(const Call& call, const char* function) {
  const auto found = std::ranges::find(calls_, &call, &OpenCall::call);
  if (found != calls_.end()) return &*found;
  shard().loop().plugin_fault(std::string(function) + "() of a call that is over");
  return nullptr;
}

/// As the protocol wants them; what has the right types already stays where it is.
bool CompiledPass::write_arguments(Call& call, const sq_opref& operation, const sq_value*& args, std::uint32_t n) {
  const auto& slots = operation.bound.late_slots;
  const auto fits = [&](std::uint32_t i) { return args[i].type == slots[i].type; };
  std::uint32_t i = 0;
  while (i < n && fits(i)) ++i;
  if (i == n) return true;
  call.has_arguments = true;
  auto* own = call.memory.array<sq_value>(n);
  std::string error;
  ArgumentWriter writer{shard().plan().scenario(), call.memory, nullptr, nullptr, error};
  for (i = 0; i < n; ++i) {
    own[i] = args[i];
    if (fits(i)) continue;
    if (slots[i].type == SQ_T_TARGET) return false;
    const bool is_text = args[i].type == SQ_T_STR || args[i].type == SQ_T_BYTES;
    if (is_text && (slots[i].type == SQ_T_STR || slots[i].type == SQ_T_BYTES)) own[i].type = slots[i].type;
    else if (!writer.write(value_of(args[i]), slots[i].type, own[i])) return false;
  }
  args = own;
  return true;
}

sq_call* CompiledPass::call(const sq_opref& operation, const sq_value* args, std::uint32_t n, const sq_call_events* events,
                            void* owner) {
  Shard& shard = this->shard();
  if (!shard.loop().is_own_thread("call", PluginTurn::now().plugin) || !use_ || is_over_ || must_end_) return nullptr;
  Call& call = shard.take_call();
  static_cast<sq_call&>(call) = {};
  call.has_arguments = false;
  call.user = &user_;
  call.strand = user_.at_;
  call.operation = &operation.bound;
  call.session = nullptr;
  call.events = events;
  call.owner_data = owner;
  if (n != operation.bound.late_slots.size() || !write_arguments(call, operation, args, n)) {
    shard.loop().plugin_fault(use_->name + ": a call whose values are not those of its bind()");
    shard.give_call(call);
    return nullptr;
  }
  calls_.emplace_back().call = &call;
  if (user_.part_ == User::Part::task && !take_token(call, args, n)) return must_end_ ? nullptr : &call;
  launch(call, args, n);
  return &call;
}

/// False: it waits for one, or there will be none (must_end_), and the call is forgotten.
bool CompiledPass::take_token(Call& call, const sq_value* args, std::uint32_t count) {
  if (waiting_calls_.empty()) {
    switch (user_.population_.take_request_token(user_)) {
      case BudgetLease::Answer::taken: return true;
      case BudgetLease::Answer::waiting:
        user_.settle_due();
        user_.at_->waits_for_token = true;
        break;
      case BudgetLease::Answer::over:
        std::erase_if(calls_, [&](const OpenCall& open) { return open.call == &call; });
        shard().give_call(call);
        ++inside_;   // the plugin is in the middle of its call
        stop_now(PartEnd::completed);
        --inside_;
        return false;
    }
  }
  waiting_calls_.push_back({&call, args, count});
  return false;
}

void CompiledPass::launch_waiting() {
  while (!waiting_calls_.empty()) {
    switch (user_.population_.take_request_token(user_)) {
      case BudgetLease::Answer::taken: break;
      case BudgetLease::Answer::waiting: user_.at_->waits_for_token = true; return;
      case BudgetLease::Answer::over: return stop_now(PartEnd::completed);
    }
    const WaitingCall next = waiting_calls_.front();
    waiting_calls_.erase(waiting_calls_.begin());
    launch(*next.call, next.args, next.count);
  }
}

/// Those that were never in flight: told as cancelled, and no sample.
void CompiledPass::end_waiting_calls() {
  while (!waiting_calls_.empty()) {
    Call& call = *waiting_calls_.back().call;
    waiting_calls_.pop_back();
    call.outcome = SQ_OUT_CANCELLED;
    call.end_ns = shard().loop().recent_ns();
    std::ranges::find(calls_, &call, &OpenCall::call)->is_delivered = true;
    if (!is_over_) {
      const Inside inside(*this, "on_done");
      call.events->on_done(&call);
    }
  }
  if (std::exchange(user_.at_->waits_for_token, false)) shard().unpark(user_);
}

void CompiledPass::launch(Call& call, const sq_value* args, std::uint32_t count) {
  std::string error;
  call.session = user_.population_.session(user_, call.operation->protocol, error);
  if (!call.session) return fail_to_begin(call, std::move(error));
  const bool is_beside = calls_.size() > 1 && std::ranges::any_of(calls_, [&](const OpenCall& open) {
    return open.call != &call && !open.is_delivered;
  });
  user_.launch(call, args, count, is_beside ? SQ_CALL_BESIDE : 0);
}

void CompiledPass::fail_to_begin(Call& call, std::string why) {
  call.struct_size = sizeof(sq_call);
  call.shard = shard().handle();
  call.start_ns = call.due_ns = call.end_ns = shard().loop().read_ns();
  call.outcome = SQ_OUT_FAILED;
  call.kind = SQ_K_PLUGIN;
  ++user_.population_.counts().operations_begun;
  OpenCall& open = *std::ranges::find(calls_, &call, &OpenCall::call);
  open.why = std::move(why);
  call.detail = to_str(open.why);
  call.state = Call::State::completed;
  shard().loop().defer(call.ready);
}

void CompiledPass::deliver(Call& call) {
  user_.has_waited_ = true;
  user_.at_->due_ns = user_.at_->ready_ns = std::max(call.end_ns, user_.at_->due_ns);
  std::ranges::find(calls_, &call, &OpenCall::call)->is_delivered = true;
  if (!is_over_) {
    const Inside inside(*this, "on_done");
    call.events->on_done(&call);
  }
  go_on_if_finished();
}

void CompiledPass::cancel(Call& call) {
  const OpenCall* open = open_call(call, "cancel");
  if (!open || open->is_delivered) return;
  const auto place = std::ranges::find(waiting_calls_, &call, &WaitingCall::call);
  if (place == waiting_calls_.end()) return shard().cancel(call, /*is_cut=*/false);
  waiting_calls_.erase(place);
  if (waiting_calls_.empty() && std::exchange(user_.at_->waits_for_token, false)) shard().unpark(user_);
  call.outcome = SQ_OUT_CANCELLED;
  call.end_ns = shard().loop().recent_ns();
  call.state = Call::State::completed;
  shard().loop().defer(call.ready);
}

void CompiledPass::judge(Call& call, std::uint32_t kind, std::string_view why) {
  OpenCall* open = open_call(call, "judge");
  if (!open) return;
  open->is_expected = true;
  if (kind == SQ_K_NONE || open->verdict != SQ_K_NONE) return;
  open->verdict = kind == SQ_K_STATUS ? SQ_K_STATUS : SQ_K_CHECK;
  open->why = why;
}

void CompiledPass::release(Call& call) {
  OpenCall* const found = open_call(call, "release");
  if (!found) return;
  const OpenCall& open = *found;
  Shard& shard = this->shard();
  if (!open.is_delivered) return shard.loop().plugin_fault(use_->name + ": release() before on_done");
  if (call.start_ns != 0) {   // else it was never in flight
    Outcome outcome = Outcome::ok;
    ErrorClass error = ErrorClass::none;
    std::string detail;
    user_.judge(call, outcome, error, detail);
    if (outcome == Outcome::failed && error == ErrorClass::status && open.is_expected) {
      outcome = Outcome::ok;
      error = ErrorClass::none;
    }
    if (outcome == Outcome::ok && open.verdict != SQ_K_NONE) {
      outcome = Outcome::failed;
      error = open.verdict == SQ_K_STATUS ? ErrorClass::status : ErrorClass::check;
      detail = open.why;
    }
    user_.record_call(call, outcome, error, detail);
    if (outcome != Outcome::ok && outcome != Outcome::cancelled) user_.blame_groups(error);
  }
  if (found == &calls_.back()) calls_.pop_back();
  else calls_.erase(calls_.begin() + (found - calls_.data()));
  if (call.session) shard.release(call);
  else shard.give_call(call);
}

}  // namespace squall
