// Calls, sessions and deliveries of a shard: between its users and the plugins.
#include <fmt/format.h>

#include <algorithm>

#include "engine/session_id.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"
#include "plugin_host/plugin_turn.hpp"

namespace squall {
namespace {

constexpr std::uint64_t kCancelLimitNs = 5'000'000'000;
constexpr std::uint64_t kDetailBytesMax = 64u << 10;
constexpr std::uint64_t kTextBytesMax = 64u << 20;   // of an output: 1 MiB is asked for, and a little more may come
constexpr int kBytesBits = 50;                       // of one call: a pebibyte
constexpr int kTimeBits = 60;                        // of one phase: 36 years, so that their sum stays a number
constexpr std::uint64_t kPhaseSlackNs = 1'000'000;   // clocks are read in more than one place

struct Untrue {
  const char* what = nullptr;     // a sentence; nullptr: nothing
  const char* detail = nullptr;   // the few words that the results count it by
};

/// What a plugin says of a call that it ends, in so far as that cannot be. In the way of every call: comparisons alone.
inline Untrue untrue_in(const Call& call, bool is_end_true) {
  std::uint64_t sum = 0, bits = 0;
  for (std::size_t phase = 0; phase < kSamplePhases; ++phase) {
    sum += call.phase_ns[phase];
    bits |= call.phase_ns[phase];
  }
  if (call.outcome > SQ_OUT_CANCELLED || call.kind > SQ_K_OFF_LIST) {
    return {"ended with an outcome or kind that does not exist", "unknown outcome or kind"};
  }
  if ((call.bytes_out | call.bytes_in) >> kBytesBits) return {"moved more bytes than can be", "absurd bytes"};
  if (call.detail.len > kDetailBytesMax) return {"has a detail longer than 64 KiB", "absurd detail"};
  if (call.detail.len > 0 && !call.detail.ptr) return {"has a detail of NULL with a length", "absurd detail"};
  if (!is_end_true) return {"ended before it began, or in the future", "absurd end"};
  if (bits >> kTimeBits) return {"has a phase of more than 36 years", "absurd phases"};
  if (call.is_timed_out) return {};   // its end is the limit, what was measured may lie behind it
  if (sum > call.end_ns - call.start_ns + kPhaseSlackNs) return {"has phases that are longer than all of it", "absurd phases"};
  if (call.first_byte_ns != 0 && (call.first_byte_ns < call.start_ns || call.first_byte_ns > call.end_ns)) {
    return {"has a first byte before its begin or after its end", "absurd first byte"};
  }
  return {};
}

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
  call.is_cancelled = call.is_timed_out = call.is_cut = call.is_refused = false;
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
  call.state = Call::State::quarantined;
  call.end_ns = loop_.now_ns();
  const PluginTurn turn(plugin_of(call), "cancel");
  refuse_call(call, "complete() did not follow", "no answer to cancel");
  loop_.defer(call.ready);
}

void Shard::cancel(Call& call, bool is_cut) {
  call.is_cut = call.is_cut || is_cut;
  if (call.state != Call::State::started || call.is_cancelled) return;
  call.is_cancelled = true;
  const std::uint64_t asked_ns = call.operation->op->cancel_limit_ns;
  const std::uint64_t cancel_limit_ns = asked_ns ? asked_ns : kCancelLimitNs;
  limit(call, loop_.now_ns() + cancel_limit_ns);
  const ProtocolInstance& of = plan_.protocols()[call.operation->protocol];
  const PluginTurn turn(of.plugin, "cancel");
  of.protocol->cancel(call.session, &call);
}

void Shard::on_complete(Call& call) {
  if (call.state != Call::State::started || Environment::running != &loop_ ||
      PluginTurn::now().plugin != plugin_of(call)) [[unlikely]] {
    return complete_astray(call);
  }
  call.state = Call::State::completed;
  for (int line = 0; line < 3; ++line) __builtin_prefetch(reinterpret_cast<const char*>(call.user) + 64 * line);
  const bool has_end = call.end_ns != 0;
  bool is_end_true = true;
  if (call.is_timed_out) {
    // The latency of a time-out is its limit; with progress it is what passed until then.
    call.end_ns = call.reported_out + call.reported_in > 0 ? loop_.read_ns() : call.start_ns + call.timeout_ns;
  } else if (call.end_ns < call.start_ns || call.end_ns > loop_.recent_ns()) {
    const std::uint64_t now = loop_.read_ns();
    if (call.end_ns < call.start_ns || call.end_ns > now) {
      is_end_true = !has_end;
      call.end_ns = now;
    }
  }
  if (const Untrue untrue = untrue_in(call, is_end_true); untrue.what) [[unlikely]] {
    refuse_call(call, untrue.what, untrue.detail);
  }
  loop_.defer(call.ready);
}

/// A call that is not the caller's to end, or not now, or not on this thread.
void Shard::complete_astray(Call& call) {
  if (!loop_.is_own_thread("complete", plugin_of(call))) {
    // It can be failed here alone, and only while it is the same one.
    loop_.post([this, &call, start_ns = call.start_ns] {
      if (call.state != Call::State::started || call.start_ns != start_ns) return;
      call.state = Call::State::completed;
      call.end_ns = loop_.read_ns();
      refuse_call(call, {}, "completed on another thread");
      loop_.defer(call.ready);
    });
    return;
  }
  const std::string& name = call.operation ? call.operation->spec->operation_name : "a call";
  if (call.state != Call::State::free && PluginTurn::now().plugin != plugin_of(call)) {
    return loop_.plugin_fault(fmt::format("complete() on a call of {}, which is another plugin's", name));
  }
  if (call.state == Call::State::completed) return refuse_call(call, "complete() twice", "completed twice");
  loop_.plugin_fault(fmt::format("{}: complete() on a call that is not in flight", name));
}

/// Of what the plugin said nothing is kept. `what` is told as a fault; empty: somebody has.
void Shard::refuse_call(Call& call, std::string_view what, const char* detail) {
  if (!what.empty()) loop_.plugin_fault(fmt::format("{}: {}", call.operation->spec->operation_name, what));
  call.is_refused = true;
  call.outcome = SQ_OUT_FAILED;
  call.kind = SQ_K_PLUGIN;
  call.code = 0;
  call.detail = to_str(detail);
  call.bytes_out = call.bytes_in = 0;
  call.first_byte_ns = 0;
  std::ranges::fill(call.phase_ns, 0);
}

bool Shard::output_of(const Call& call, std::uint32_t output, sq_str key, sq_value& out, const char*& wrong) const {
  out = {};
  const ProtocolInstance& of = plan_.protocols()[call.operation->protocol];
  const PluginTurn turn(of.plugin, "output");
  if (call.is_refused || of.protocol->output(call.session, &call, output, key, &out) != SQ_OK) return false;
  const bool is_text = out.type == SQ_T_STR || out.type == SQ_T_BYTES;
  if (out.type > SQ_T_DURATION) wrong = "gave a value of a type that no output has";
  else if (is_text && out.u.str.len > kTextBytesMax) wrong = "gave a text longer than 64 MiB";
  else if (is_text && out.u.str.len > 0 && !out.u.str.ptr) wrong = "gave a text of NULL with a length";
  return !wrong && out.type != SQ_T_NULL;
}

bool Shard::read_output(Call& call, std::uint32_t output, sq_str key, sq_value& out) {
  const char* wrong = nullptr;
  if (output_of(call, output, key, out, wrong)) return true;
  out = {};
  if (!wrong) return false;
  const PluginTurn turn(plugin_of(call), "output");
  refuse_call(call, wrong, "output that cannot be");
  return false;
}

std::string Shard::detail_of(const Call& call) const {
  if (call.detail.len == 0) return {};
  const PluginTurn turn(plugin_of(call), "complete, whose detail is read");
  return std::string(to_view(call.detail));
}

void Shard::on_progress(Call& call, std::uint64_t out, std::uint64_t in) {
  if (!loop_.is_own_thread("progress", plugin_of(call))) return;
  if (call.state != Call::State::started || PluginTurn::now().plugin != plugin_of(call)) {
    return loop_.plugin_fault("progress() on a call that is not in flight, or another plugin's");
  }
  if ((out | in) >> kBytesBits) return loop_.plugin_fault("progress() by more bytes than can be");
  call.reported_out += out;
  call.reported_in += in;
  recorder_.progress(call.operation->series, run_time(call.due_ns), out, in);
  // What moves is not stuck: the limit is the time without progress.
  if (!call.is_cancelled) limit(call, loop_.turn_ns() + call.timeout_ns);
}

void Shard::release(Call& call) {
  if (call.state == Call::State::quarantined) return;
  {
    const ProtocolInstance& of = plan_.protocols()[call.operation->protocol];
    const PluginTurn turn(of.plugin, "release");
    of.protocol->release(call.session, &call);
  }
  calls_.give(call);
}

// ---- sessions, deliveries -------------------------------------------------------------------------------

void* Shard::open_session(std::uint32_t protocol, std::uint32_t population, std::uint64_t index,
                          std::string& error) {
  void* session = nullptr;
  sq_error text{};
  const std::uint64_t id = SessionId{population, index}.number();
  const ProtocolInstance& of = plan_.protocols()[protocol];
  const PluginTurn turn(of.plugin, "session_open");
  if (of.protocol->session_open(protocols_[protocol].state, id, &session, &text) != SQ_OK) {
    error.assign(text.text, strnlen(text.text, sizeof(text.text)));
    if (error.empty()) error = "the plugin cannot open a session";
    return nullptr;
  }
  if (!session) {
    loop_.plugin_fault("said SQ_OK and gave no session");
    error = "no session";
    return nullptr;
  }
  ++protocols_[protocol].sessions;
  return session;
}

void Shard::close_session(std::uint32_t protocol, void* session) {
  --protocols_[protocol].sessions;
  const PluginTurn turn(plan_.protocols()[protocol].plugin, "session_close");
  plan_.protocols()[protocol].protocol->session_close(session);
}

bool Shard::knows_session(std::uint64_t session) const {
  const SessionId id = SessionId::of(session);
  return id.population < populations_.size() && id.index < plan_.populations()[id.population].users;
}

std::uint32_t Shard::delivery_series(std::uint32_t population, std::uint32_t handle) {
  auto& known = deliveries_[population];
  while (known.size() <= handle) known.push_back(plan_.delivery_series(population, static_cast<std::uint32_t>(known.size())));
  return known[handle];
}

void Shard::record_delivery(std::uint64_t session, std::uint32_t handle, std::uint64_t due_ns,
                            std::uint64_t end_ns, std::uint32_t outcome, std::uint32_t kind,
                            std::uint64_t bytes) {
  if (!loop_.is_own_thread("samples.record")) return;
  if (!knows_session(session) || outcome > SQ_OUT_CANCELLED || kind > SQ_K_OFF_LIST) {
    return loop_.plugin_fault("samples.record() of an unknown session, outcome or kind");
  }
  if (due_ns >> kTimeBits || end_ns > loop_.read_ns() || bytes >> kBytesBits) {
    return loop_.plugin_fault("samples.record() of times or bytes that cannot be");
  }
  const std::uint32_t series = delivery_series(SessionId::of(session).population, handle);
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
  if (!loop_.is_own_thread("samples.count")) return;
  if (!knows_session(session) || count >> kBytesBits) {
    return loop_.plugin_fault("samples.count() of an unknown session, or of more than can be");
  }
  const std::uint32_t series = delivery_series(SessionId::of(session).population, handle);
  if (series == kNone) return;
  recorder_.count(series, run_time(loop_.turn_ns()), count);
}

}  // namespace squall
