// A protocol plugin that does what none may: it holds its shard's thread up, asleep or computing.
#include <squall/plugin.hpp>

#include <chrono>
#include <thread>

namespace {

using namespace squall::plugin;
using Clock = std::chrono::steady_clock;

constexpr sq_param kFor = param(SQ_T_DURATION, "for", "how long", {.flags = SQ_P_REQUIRED});
constexpr const sq_param* kParams[] = {&kFor, nullptr};
constexpr const sq_param* kOutputs[] = {nullptr};
constexpr sq_op kSleep = operation("sleep", "the thread sleeps", kParams, kOutputs);
constexpr sq_op kSpin = operation("spin", "the thread computes", kParams, kOutputs);
constexpr const sq_op* kOperations[] = {&kSleep, &kSpin, nullptr};

struct Instance {
  explicit Instance(std::span<const sq_pair>) {}
};

struct Prepared {
  Prepared(Instance&, uint32_t op, std::span<const sq_binding> bindings, const sq_wants&)
      : spins(op == 1), args(op == 1 ? kSpin : kSleep, bindings) {}
  bool spins;
  Args args;
};

struct Shard {
  Shard(Instance&, sq_shard*) {}
  void close(sq_done* done) {
    delete this;
    host.loop->done(done, SQ_OK, {});
  }
};

struct Session {
  Session(Shard&, uint64_t) {}
  void start(const Prepared& prepared, const sq_value* values, sq_call* call) {
    const auto end = Clock::now() + std::chrono::nanoseconds(prepared.args[0].of(values).u.i64);
    while (Clock::now() < end) {
      if (!prepared.spins) std::this_thread::sleep_until(end);
    }
    complete(call, SQ_OUT_OK, SQ_K_NONE);
  }
  void cancel(sq_call*) {}
  sq_status output(const sq_call*, uint32_t, std::string_view, sq_value*) { return SQ_E_INVALID; }
  void release(sq_call*) {}
};

constexpr sq_protocol kProtocol = protocol<Instance, Prepared, Shard, Session>("blocker", kOperations, kNoParams);

}  // namespace

SQUALL_PROTOCOL_PLUGIN_WITH("org.example.blocker", "0.1.0", "holds up its thread", "Apache-2.0", 0, kProtocol, nothing,
                            nothing)
