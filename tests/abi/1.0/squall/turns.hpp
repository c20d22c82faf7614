// Comfort for protocols that can have one request under way: the calls of a session take turns, in the order in which
// they came, and each is completed once. Only sessions that are shared (`sessions: N`) and steps side by side ever
// wait. Header only and compiled into the plugin, as plugin.hpp is.
#pragma once
#include <squall/plugin.hpp>

namespace squall::plugin {

/// A call has its turn from next() to release(), though it may have ended long before: outputs are read until then, and
/// the next call would overwrite them. `Step` is the protocol's Prepared. All of it [shard].
template <class Step>
class Turns {
 public:
  // Of the call that has its turn: only between next() and release().
  const Step& step() const { return *now_.step; }
  const sq_value* values() const { return now_.values; }
  sq_call* call() const { return now_.call; }
  /// A call has its turn and has not ended.
  bool is_running() const { return now_.call && !is_over_; }

  void add(const Step& step, const sq_value* values, sq_call* call) { waiting_.push_back({&step, values, call}); }
  /// The turn of the call that has waited longest; false: none waits, or another has its turn.
  bool next() {
    if (now_.call || waiting_.empty()) return false;
    now_ = waiting_.front();
    waiting_.erase(waiting_.begin());
    is_over_ = false;
    return true;
  }
  /// Ends the call that has its turn, if it still runs. Results count by `why`: few different ones.
  void end(uint32_t outcome, uint32_t kind, std::string_view why = {}, int32_t code = 0) {
    if (!is_running()) return;
    is_over_ = true;
    why_ = why;  // complete() keeps a view of it until release()
    complete(now_.call, outcome, kind, code, why_);
  }
  /// From the session's cancel(), with any call of it. True: it was under way, so what it has begun is to be undone.
  bool cancel(sq_call* call) {
    const bool is_late = call->deadline_ns && host.loop->now_ns(call->shard) >= call->deadline_ns;
    const uint32_t outcome = is_late ? SQ_OUT_TIMEOUT : SQ_OUT_CANCELLED;
    if (call == now_.call) {
      const bool was_running = is_running();
      end(outcome, SQ_K_NONE);
      return was_running;
    }
    if (std::erase_if(waiting_, [call](const Turn& turn) { return turn.call == call; }) > 0)
      complete(call, outcome, SQ_K_NONE);
    return false;
  }
  /// From the session's release(), with any call of it. True: its turn is over, so next() is worth asking.
  bool release(sq_call* call) {
    if (call != now_.call) return false;
    now_ = {};
    return true;
  }

 private:
  struct Turn {
    const Step* step = nullptr;
    const sq_value* values = nullptr;
    sq_call* call = nullptr;
  };
  std::vector<Turn> waiting_;
  Turn now_;
  bool is_over_ = true;
  std::string why_;
};

}  // namespace squall::plugin
