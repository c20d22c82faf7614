// A user's pass over a compiled task (squall.tasks/1): what the plugin's sq_user* points to. The plugin runs; what it
// asks for (a call, a wait, a record) is begun here and ends from the loop. Thread: the user's shard's.
#pragma once

#include <squall/abi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/arguments.hpp"
#include "engine/call.hpp"
#include "engine/host_api.hpp"
#include "engine/late_bindings.hpp"
#include "engine/plan.hpp"
#include "engine/strand.hpp"
#include "engine/user.hpp"
#include "net/environment.hpp"
#include "payload/value.hpp"
#include "plugin_host/plugin_turn.hpp"

struct sq_user {};

/// An exclusive record in a compiled task's hands.
struct sq_record {
  std::uint32_t dataset = 0, record = 0;
  const squall::Dataset* data = nullptr;
  bool is_held = false;
};

namespace squall {

// idle -> begin -> runs -> done() -> (its calls are over) -> finish -> idle
//                   |  stop(): nothing begins any more, what is under way ends -> done()
class CompiledPass final : public ::sq_user {
 public:
  using Next = User::Next;
  using WaitEnd = void (*)(void* context, sq_status) noexcept;
  using RecordEnd = void (*)(void* context, sq_status, sq_record*) noexcept;

  explicit CompiledPass(User& user);
  CompiledPass(const CompiledPass&) = delete;
  CompiledPass& operator=(const CompiledPass&) = delete;

  // From its user.
  bool runs() const { return use_ != nullptr; }
  const TaskUse& use() const { return *use_; }
  Next begin(const Instruction& code);
  /// What it waited for is there: the time is over, a token may be had.
  Next woken();
  void deliver(Call& call);
  void record_came(std::uint32_t record);
  /// The pass must end; `as`: what then becomes of the part.
  void stop(PartEnd as);
  /// The user ends: so does what plugins keep for it.
  static void end(std::unique_ptr<CompiledPass> pass);

  // From the plugin, over squall.users/1 and squall.records/1.
  sq_shard* shard_handle();
  const sq_user_info* info();
  sq_status bind(sq_str op, const sq_pair* params, std::uint64_t n, sq_opref** out, std::uint64_t* fixed, sq_error* error);
  sq_call* call(const sq_opref& operation, const sq_value* args, std::uint32_t n, const sq_call_events* events, void* owner);
  void judge(Call& call, std::uint32_t kind, std::string_view why);
  void cancel(Call& call);
  void release(Call& call);
  sq_status wait(std::uint64_t ns, WaitEnd fn, void* context);
  std::uint64_t random() { return user_.random(); }
  bool is_stopping() const { return must_end_; }
  sq_status get(std::string_view name, sq_value& out);
  sq_status set(std::string_view name, const sq_value& value);
  sq_status group_begin(std::string_view name, std::string_view type);
  sq_status group_end(std::uint32_t outcome);
  sq_status metric(std::string_view name, double value);
  sq_status sample(std::string_view name, std::uint64_t begin_ns, std::uint64_t end_ns, std::uint32_t outcome, std::uint32_t kind);
  bool any_free(std::string_view dataset);
  sq_status acquire(std::string_view dataset, const sq_pair* where, std::uint64_t n, std::uint64_t timeout_ns,
                    RecordEnd fn, void* context, sq_error* error);
  void hand_back(sq_record& record);

 private:
  /// The plugin's code runs, called from here: done() then only notes, and the pass is over when it has returned.
  class Inside {
   public:
    Inside(CompiledPass& pass, const char* function) : pass_(pass), turn_(pass.use_->plugin, function) { ++pass_.inside_; }
    ~Inside() { --pass_.inside_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

   private:
    CompiledPass& pass_;
    PluginTurn turn_;
  };
  struct Done : ::sq_done { CompiledPass* pass = nullptr; };
  struct Ended : Deferred { CompiledPass* pass = nullptr; bool is_queued = false, is_last = false; };
  struct Guard : TimerNode { CompiledPass* pass = nullptr; };
  struct OpenCall {
    Call* call = nullptr;
    bool is_delivered = false;
    bool is_expected = false;      // its code alone fails it no more
    std::uint32_t verdict = SQ_K_NONE;
    std::string why;
  };
  /// A call that is not in flight yet: it waits for a token of its budget.
  struct WaitingCall { Call* call; const sq_value* args; std::uint32_t count; };

  Shard& shard();
  /// nullptr, and a fault of the plugin, when there is no such call.
  OpenCall* open_call(const Call& call, const char* function);
  bool write_arguments(Call& call, const sq_opref& operation, const sq_value*& args, std::uint32_t n);
  void launch(Call& call, const sq_value* args, std::uint32_t count);
  void fail_to_begin(Call& call, std::string why);
  bool take_token(Call& call, const sq_value* args, std::uint32_t count);
  void stop_now(PartEnd as);
  void must_end_soon();
  void launch_waiting();
  void end_waiting_calls();
  void told_done(sq_status status, std::string_view detail);
  bool is_finished();
  Next finish();
  void close();
  void go_on_if_finished();
  void lose();
  void forget_calls();
  std::uint32_t find_exclusive(std::string_view dataset) const;
  sq_record& hold(std::uint32_t dataset, std::uint32_t record);

  User& user_;
  const TaskUse* use_ = nullptr;           // of the task that runs
  std::vector<std::pair<const Plugin*, void*>> selves_;   // what each plugin keeps for this user
  void* self_ = nullptr;                   // of the one that runs
  sq_user_info info_{};
  Done done_;
  Ended ended_;                            // done() came from elsewhere than from a callback of ours
  Guard guard_;                            // done() must come some time
  std::uint32_t inside_ = 0;
  bool is_over_ = false;                   // done() has come
  bool must_end_ = false;
  bool gives_up_ = false;                  // when it is woken: what it waits for would outlast the drain
  PartEnd end_ = PartEnd::cut;
  sq_status status_ = SQ_OK;
  std::string detail_;
  std::vector<OpenCall> calls_;            // in flight, or with answers that are not released
  std::vector<WaitingCall> waiting_calls_;
  std::size_t frames_ = 0;                 // around it: those above are its own groups

  // What it waits for, one thing at a time.
  WaitEnd wait_end_ = nullptr;
  RecordEnd record_end_ = nullptr;
  void* context_ = nullptr;
  std::uint32_t wanted_dataset_ = kNone;
  sq_record* granted_ = nullptr;           // on its way to record_end_
  std::vector<std::unique_ptr<sq_record>> records_;   // addresses stay; used again
  CallMemory read_;                        // of get()
};

/// squall.users/1 and squall.records/1.
const sq_users_api* users_api();
const sq_records_api* records_api();

}  // namespace squall
