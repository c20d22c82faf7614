// Compiled tasks in the hands of a test: users whose passes begin, wait, are answered and cut when the test says so. Part
// of fake_host.hpp, and apart so that this file reads as the interface.
//
//   Host host;
//   Tasks shop(host, "shop");                                    // loads libshop.so
//   shop.on("http.get", [](const Asked& asked) {                 // what each operation answers; others do not exist
//     return Answer{.takes_ns = 20'000'000, .code = 200, .outputs = {{"body", "<title>" + asked.text("path")}}};
//   });
//   VirtualUser user(shop);
//   Pass& pass = user.run("browse");                             // up to where it waits for something
//   host.advance(20'000'000);                                    // or user.finish(pass): as long as it takes
//   check_equal(pass.ending(), "ok");                            // "failed: …", "interrupted", "cut", "running"
//   check_equal(shop.sample("home").ending(), "ok");
//
// Time stands still unless the test moves it. What the real host refuses is refused here in the same words where a task
// can see it; what breaks a rule of abi.h fails the test. An argument that changes before its call has ended, or a view
// that is read when it is gone, is told here or by the address sanitizer.
#pragma once

struct sq_record {
  std::string dataset;
  size_t index = 0;
  sq_user* holder = nullptr;
  std::map<std::string, std::string, std::less<>> fields;  // a copy of its own: a view ends with it
};
struct sq_opref {
  std::string operation, name, to;
  uint64_t timeout_ns = 0, fixed = 0;
  std::vector<std::pair<std::string, std::string>> tags;
  std::vector<std::string> params;  // those of all binds, in their order; bit i of fixed: not in a call's args
};

namespace squall::fake {

constexpr uint64_t kNever = UINT64_MAX;

/// A call as the plugin made it, for whoever answers it.
struct Asked {
  std::string operation, name, to;  // name: the operation's own when the call has none
  uint64_t timeout_ns = 0;          // 0: the call says none
  std::vector<std::pair<std::string, std::string>> tags;
  uint64_t user = 0, iteration = 0;
  bool beside = false;  // another call of this user is in flight

  /// A parameter in text; `key` of one that is a map. Empty when it was not given.
  std::string text(std::string_view param, std::string_view key = {}) const;
  int64_t number(std::string_view param) const;
  const sq_value* value(std::string_view param) const;

  std::vector<std::pair<std::string, sq_value>> values;
  std::shared_ptr<plugin::ValueStore> store = std::make_shared<plugin::ValueStore>();
};

struct Answer {
  uint64_t takes_ns = 0;  // kNever: until a time-out, a cancel, or the end
  uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;
  int32_t code = 0;
  std::string detail = {};
  /// By name, or "headers.content-type" of one with keys; read as texts. `code` is not among them by itself.
  std::map<std::string, std::string, std::less<>> outputs = {};
  /// What the operation takes for good: a code outside of it fails the call, unless the task judges the answer.
  int32_t code_min = INT32_MIN, code_max = INT32_MAX;
};

/// One line of the statistics: a call, a group, or a sample of the task's own.
struct TaskSample {
  std::string name, operation, type;  // type: "request", what the group said, "sample"
  uint64_t user = 0, iteration = 0, begin_ns = 0, end_ns = 0;
  uint32_t outcome = SQ_OUT_OK, kind = SQ_K_NONE;
  std::string detail;
  uint64_t took_ns() const { return end_ns - begin_ns; }
  /// "ok", "failed: check, no title", "timeout", "cancelled".
  std::string ending() const;
};

/// From run() to the end of all that it had begun.
struct Pass {
  bool ended = false;
  sq_status status = SQ_OK;
  std::string why, detail;  // why: of an end that came from outside, "cut" or "budget used up"
  uint64_t begin_ns = 0, end_ns = 0;
  /// "running", "ok", "interrupted", "failed: " and what it said, "cut", "budget used up".
  std::string ending() const;
};

/// The entry of that name, or the one that is called "*": it stands for all that have none.
template <class Map>
auto find_or_any(Map& map, std::string_view name) {
  const auto own = map.find(name);
  return own != map.end() ? own : map.find(std::string_view("*"));
}

/// The tasks of a loaded plugin, and the scenario that its users live in. For a test that does not know the plugin, "*" is
/// every operation (of any target), every output of an answer, every ${name}, every dataset, and every column of one.
class Tasks {
 public:
  using Options = std::vector<std::pair<std::string, sq_value>>;
  using Script = std::function<Answer(const Asked&)>;
  Tasks(Host& host, const std::string& plugin);
  ~Tasks();
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  // ---- the scenario
  /// From now on the operation exists, and calls of it are answered by `script`.
  void on(const std::string& operation, Script script) { scripts_[operation] = std::move(script); }
  void on(const std::string& operation, Answer answer) {
    on(operation, [answer](const Asked&) { return answer; });
  }
  /// A dataset with `pick: exclusive`; each row a text for each column.
  void dataset(const std::string& name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows);
  size_t free_records(std::string_view dataset) const;
  /// A var, or a column such as "people.name": what ${name} is for everyone.
  void give(const std::string& name, std::string value) { given_[name] = std::move(value); }
  /// A variable that steps of the scenario use: a task may set it without naming it under sets.
  void declare_variable(const std::string& name) { variables_.insert(name); }
  void declare_metric(const std::string& name) { metrics_declared_.insert(name); }

  // ---- what came of it
  std::vector<Asked> asked;  // all calls, in their order
  std::vector<TaskSample> samples;
  std::vector<std::pair<std::string, double>> metrics;
  size_t binds = 0;  // how often an operation was bound; a call that was made before binds nothing
  /// The last sample of that name; fails the test when there is none.
  const TaskSample& sample(std::string_view name) const;
  size_t count(std::string_view name) const;

  Host& host;
  const sq_tasks* table = nullptr;

 private:
  friend class VirtualUser;
  friend struct TaskTables;
  struct Dataset {
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
    std::vector<bool> is_free;
  };
  struct Use {
    uint32_t index;
    Options options;
    void* handle;
  };
  uint32_t index_of(std::string_view task) const;
  void* open(std::string_view task, const Options& options);
  void offer(std::string_view dataset);

  std::map<std::string, Script, std::less<>> scripts_;
  std::map<std::string, Dataset, std::less<>> datasets_;
  std::map<std::string, std::string, std::less<>> given_;
  std::set<std::string, std::less<>> variables_, metrics_declared_;
  std::list<sq_opref> operations_;
  std::list<std::pair<std::string, Use>> uses_;
  std::list<sq_record> records_;           // in somebody's hands
  std::list<class VirtualUser*> waiting_;  // for records, in their order
};

}  // namespace squall::fake

/// What a plugin knows a user by; VirtualUser is its other side.
struct sq_user {};

namespace squall::fake {

/// One user of the population "test"; makes one pass at a time, and each pass is an iteration.
class VirtualUser : public ::sq_user {
 public:
  explicit VirtualUser(Tasks& tasks, uint64_t index = 0, uint64_t seed = 1);
  ~VirtualUser();
  VirtualUser(const VirtualUser&) = delete;
  VirtualUser& operator=(const VirtualUser&) = delete;

  /// Begins a pass, and runs what is due now. The pass lives as long as its user.
  Pass& run(std::string_view task, const Tasks::Options& options = {});
  /// Moves the clock from one thing that is due to the next until the pass has ended.
  Pass& finish(Pass& pass);
  Pass& finish(std::string_view task, const Tasks::Options& options = {}) { return finish(run(task, options)); }
  /// The run is over: what it waits for ends, calls in flight are cancelled, and done() must follow within 5 s.
  void cut() { stop("cut"); }
  /// `stop_after: { requests: N }`: the call that would be one more gets no token, and the pass ends. kNever: no budget.
  uint64_t requests_left = kNever;
  /// A variable of this user's, as an earlier step of the iteration has set it.
  void give(const std::string& name, std::string value) { variables_[name] = std::move(value); }
  /// What the task has set() and the steps behind it read; empty: nothing.
  std::string variable(std::string_view name) const;
  size_t calls_in_flight() const;
  size_t records_held() const;

  Tasks& tasks;

 private:
  friend struct TaskTables;
  friend class Tasks;
  struct OpenCall;
  struct OpenGroup {
    std::string name, type;
    uint64_t begin_ns;
    uint32_t kind = SQ_K_NONE;  // of the first that has failed inside
  };
  struct Wish {  // what it waits for: time, or a record
    void (*time_is_over)(void*, sq_status) SQ_NOEXCEPT = nullptr;
    void (*record_comes)(void*, sq_status, sq_record*) SQ_NOEXCEPT = nullptr;
    void* ctx = nullptr;
    std::string dataset = {};
    std::vector<std::pair<std::string, std::string>> where = {};
    sq_record* granted = nullptr;
    bool is_open() const { return time_is_over || record_comes; }
  };
  void stop(std::string why);
  void end_wish(sq_status status);
  void deliver(const std::shared_ptr<OpenCall>& call, uint32_t outcome);
  void end_if_over();
  void finish_pass();
  void close_group(uint32_t outcome);
  void hand_back(sq_record* record);
  bool grant();
  bool may_go_on() const { return pass_ && !done_.ended && pass_->why.empty(); }
  OpenCall* open_call(sq_call* call, const char* function);
  uint32_t described_list(const char* const* list, std::string_view name) const;

  sq_user_info info_{};
  uint64_t random_;
  std::string task_;
  void* self_ = nullptr;
  const sq_task* described_ = nullptr;  // of the task that runs
  Pass* pass_ = nullptr;                // the one that runs
  std::list<Pass> passes_;
  sq_done done_;
  Wish wish_;
  uint64_t wishes_ = 0;  // so far: what an earlier one was to end by is no more
  std::vector<std::shared_ptr<OpenCall>> calls_;
  std::vector<OpenGroup> groups_;
  std::map<std::string, std::string, std::less<>> variables_;
  std::set<std::string, std::less<>> set_by_task_;
  std::unique_ptr<std::string> read_;  // of the last get()
  std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);
};

}  // namespace squall::fake

#include "fake_host_passes.hpp"
#include "fake_host_users.hpp"
