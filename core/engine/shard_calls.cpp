// Calls, sessions and deliveries of a shard: between its users and the plugins.
#include <fmt/format.h>

#include <algorithm>

#include "engine/session_id.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kCancelLimitNs = 5'000'000'000;

}  // namespace

Call& Shard::take_call() {
  Call& call = calls_.take();
  if (!call.owner) {
    call.owner = this;
    call.deadline.call = call.ready.call = &call;
    call.ready.run = [](Deferred& node) noexcept {
      Call& own = *static_cast<Call::Ready&>(node).call;
      own.state = own.state == Call::State::quarantined ? own.state : Call::State::delivered;
      own.user->on_call_done(own);
    };
    call.deadline.fire = [](TimerNode& node) noexcept {
      Call& own = *static_cast<Call::Deadline&>(node).call;
      own.owner->on_deadline(own);
    };
  }
  return call;
}

void Shard::begin(Call& call) {
  call.state = Call::State::started;
  call.is_cancelled = call.is_timed_out = call.is_cut = false;
  call.reported_out = call.reported_in = 0;
  limit(call, call.deadline_ns);
}

void Shard::limit(Call& call, std::uint64_t at_ns) {
  call.limit_ns = at_ns;
  if (!call.deadline.armed || call.deadline.at_ns > at_ns) loop_.arm(call.deadline, at_ns);
}

void Shard::on_deadline(Call& call) {
  if (call.state != Call::State::started) return;
  if (call.limit_ns > loop_.turn_ns()) return loop_.arm(call.deadline, call.limit_ns);
  if (!call.is_cancelled) {
    call.is_timed_out = true;
    return cancel(call, false);
  }
  // complete() did not follow cancel(): the call object belongs to the plugin for ever, the user goes on.
  loop_.plugin_fault(fmt::format("{}: complete() did not follow cancel()", call.operation->spec->operation_name));
  call.state = Call::State::quarantined;
  call.outcome = SQ_OUT_FAILED;
  call.kind = SQ_K_PLUGIN;
  call.end_ns = loop_.now_ns();
  call.detail = to_str("no answer to cancel");
  loop_.defer(call.ready);
}

void Shard::cancel(Call& call, bool is_cut) {
  call.is_cut = call.is_cut || is_cut;
  if (call.state != Call::State::started || call.is_cancelled) return;
  call.is_cancelled = true;
  const std::uint64_t asked_ns = call.operation->op->cancel_limit_ns;
  const std::uint64_t cancel_limit_ns = asked_ns ? asked_ns : kCancelLimitNs;
  limit(call, loop_.now_ns() + cancel_limit_ns);
  plan_.protocols()[call.operation->protocol].protocol->cancel(call.session, &call);
}

void Shard::on_complete(Call& call) {
  if (call.state != Call::State::started) {
    loop_.plugin_fault(fmt::format("{}: complete() on a call that is not in flight",
                                   call.operation ? call.operation->spec->operation_name : "a call"));
    return;
  }
  call.state = Call::State::completed;
  for (int line = 0; line < 3; ++line) __builtin_prefetch(reinterpret_cast<const char*>(call.user) + 64 * line);
  if (call.outcome > SQ_OUT_CANCELLED || call.kind > SQ_K_OFF_LIST) {
    loop_.plugin_fault(fmt::format("{}: unknown outcome {} or kind {}", call.operation->spec->operation_name,
                                   call.outcome, call.kind));
    call.outcome = SQ_OUT_FAILED;
    call.kind = SQ_K_PLUGIN;
  }
  if (call.is_timed_out) {
    // The latency of a time-out is its limit; with progress it is what passed until then.
    call.end_ns = call.reported_out + call.reported_in > 0 ? loop_.read_ns() : call.start_ns + call.timeout_ns;
  } else if (call.end_ns < call.start_ns || call.end_ns > loop_.recent_ns()) {
    const std::uint64_t now = loop_.read_ns();
    if (call.end_ns < call.start_ns || call.end_ns > now) call.end_ns = now;
  }
  loop_.defer(call.ready);
}

void Shard::on_progress(Call& call, std::uint64_t out, std::uint64_t in) {
  if (call.state != Call::State::started) return;
  call.reported_out += out;
  call.reported_in += in;
  recorder_.progress(call.operation->series, run_time(call.due_ns), out, in);
  // What moves is not stuck: the limit is the time without progress.
  if (!call.is_cancelled) limit(call, loop_.turn_ns() + call.timeout_ns);
}

void Shard::release(Call& call) {
  if (call.state == Call::State::quarantined) return;
  plan_.protocols()[call.operation->protocol].protocol->release(call.session, &call);
  calls_.give(call);
}

// ---- sessions, deliveries -------------------------------------------------------------------------------

void* Shard::open_session(std::uint32_t protocol, std::uint32_t population, std::uint64_t index,
                          std::string& error) {
  void* session = nullptr;
  sq_error text{};
  const std::uint64_t id = SessionId{population, index}.number();
  if (plan_.protocols()[protocol].protocol->session_open(protocols_[protocol].state, id, &session, &text) != SQ_OK) {
    error.assign(text.text, strnlen(text.text, sizeof(text.text)));
    if (error.empty()) error = "the plugin cannot open a session";
    return nullptr;
  }
  ++protocols_[protocol].sessions;
  return session;
}

void Shard::close_session(std::uint32_t protocol, void* session) {
  --protocols_[protocol].sessions;
  plan_.protocols()[protocol].protocol->session_close(session);
}

void Shard::record_delivery(std::uint64_t session, std::uint32_t handle, std::uint64_t due_ns,
                            std::uint64_t end_ns, std::uint32_t outcome, std::uint32_t kind,
                            std::uint64_t bytes) {
  const std::uint32_t population = SessionId::of(session).population;
  if (population >= populations_.size() || outcome > SQ_OUT_CANCELLED || kind > SQ_K_OFF_LIST) {
    return loop_.plugin_fault("a delivery of an unknown session, outcome or kind");
  }
  const std::uint32_t series = plan_.delivery_series(population, handle);
  if (series == kNone) return;
  Sample sample;
  sample.series = series;
  sample.due_ns = sample.started_ns = run_time(due_ns);
  sample.ended_ns = run_time(end_ns);
  sample.outcome = static_cast<Outcome>(outcome);
  sample.error = outcome == SQ_OUT_TIMEOUT ? ErrorClass::timeout : static_cast<ErrorClass>(kind);
  sample.bytes_in = bytes;
  record(sample);
  if (observer()) observer()->delivered(plan_.series().key(series), sample);
}

void Shard::count_delivery(std::uint64_t session, std::uint32_t handle, std::uint64_t count) {
  const std::uint32_t population = SessionId::of(session).population;
  if (population >= populations_.size()) return;
  const std::uint32_t series = plan_.delivery_series(population, handle);
  if (series == kNone) return;
  recorder_.count(series, run_time(loop_.turn_ns()), count);
}

}  // namespace squall
