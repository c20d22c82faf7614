// The life of a pass on the fake host, and what a test reads of it. Included by fake_host_tasks.hpp alone; it is apart so that the
// other file reads as the interface.
#pragma once

namespace squall::fake {

// ---- what a test reads --------------------------------------------------------------------------------

inline const sq_value* Asked::value(std::string_view param) const {
  for (const auto& [name, value] : values)
    if (name == param) return &value;
  return nullptr;
}
inline std::string Asked::text(std::string_view param, std::string_view key) const {
  const sq_value* found = value(param);
  if (found && !key.empty()) found = plugin::find(plugin::as_map(*found), key);
  std::string result;
  if (found) plugin::append_text(result, *found);
  return result;
}
inline int64_t Asked::number(std::string_view param) const {
  const sq_value* found = value(param);
  return found ? plugin::as_int(*found) : 0;
}
inline std::string TaskSample::ending() const {
  Call call{};
  call.completed = true;
  call.outcome = outcome;
  call.kind = kind;
  call.detail = str(detail);
  return call.ending();
}
inline std::string Pass::ending() const {
  if (!ended) return "running";
  if (!why.empty()) return why;
  if (status == SQ_OK) return "ok";
  return status == SQ_DONE ? "interrupted" : "failed: " + detail;
}

// ---- the plugin's tasks -------------------------------------------------------------------------------

inline Tasks::Tasks(Host& owner, const std::string& plugin) : host(owner) {
  table = static_cast<const sq_tasks*>(Protocol::load(plugin)->get_interface(SQ_TASKS_V1));
  if (!table) throw std::runtime_error(plugin + " offers no tasks");
}
inline Tasks::~Tasks() {
  for (const auto& [task, use] : uses_) table->task_close(use.handle);
}
inline uint32_t Tasks::index_of(std::string_view task) const {
  for (uint32_t i = 0; table->tasks[i]; ++i)
    if (task == table->tasks[i]->name) return i;
  throw std::runtime_error("no task " + std::string(task) + " of " + table->name);
}
inline void* Tasks::open(std::string_view task, const Options& options) {
  const auto is_same = [](const sq_value& a, const sq_value& b) {
    std::string left, right;
    plugin::append_text(left, a);
    plugin::append_text(right, b);
    return a.type == b.type && left == right;
  };
  for (const auto& [name, use] : uses_) {
    bool is_known = name == task && use.options.size() == options.size();
    for (size_t i = 0; is_known && i < options.size(); ++i)
      is_known = use.options[i].first == options[i].first && is_same(use.options[i].second, options[i].second);
    if (is_known) return use.handle;
  }
  Use use{index_of(task), options, nullptr};
  const sq_param* const* described = table->tasks[use.index]->options;
  {  // views that end when task_open returns
    plugin::ValueStore store;
    std::vector<sq_pair> pairs;
    for (const auto& [name, value] : options) {
      uint32_t i = 0;
      while (described && described[i] && name != described[i]->name) ++i;
      check(described && described[i], std::string(task) + " has no option " + name);
      pairs.push_back({store.copy(str(name)), store.copy(value)});
    }
    sq_error error{};
    const Scope plugin_runs(true);
    check(table->task_open(use.index, pairs.data(), pairs.size(), &use.handle, &error) == SQ_OK, error.text);
  }
  return uses_.emplace_back(task, use).second.handle;
}
inline void Tasks::dataset(const std::string& name, std::vector<std::string> columns, std::vector<std::vector<std::string>> rows) {
  const size_t count = rows.size();
  datasets_[name] = {std::move(columns), std::move(rows), std::vector<bool>(count, true)};
}
inline size_t Tasks::free_records(std::string_view name) const {
  const Dataset& data = datasets_.find(name)->second;
  return static_cast<size_t>(std::count(data.is_free.begin(), data.is_free.end(), true));
}
/// One has come back: whoever waits longest and wants it gets it.
inline void Tasks::offer(std::string_view name) {
  for (VirtualUser* user : waiting_)
    if (user->wish_.dataset == name && user->grant()) return;
}
inline const TaskSample& Tasks::sample(std::string_view name) const {
  static const TaskSample kNone;
  for (size_t i = samples.size(); i-- > 0;)
    if (samples[i].name == name) return samples[i];
  check(false, "no sample is called " + std::string(name));
  return kNone;
}
inline size_t Tasks::count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(samples.begin(), samples.end(), [&](const TaskSample& one) { return one.name == name; }));
}

// ---- a pass -------------------------------------------------------------------------------------------

struct VirtualUser::OpenCall : sq_call {
  sq_opref* operation = nullptr;
  const sq_call_events* events = nullptr;
  const sq_value* args = nullptr;
  Asked asked;
  Answer answer;
  bool is_delivered = false, is_expected = false;
  uint32_t verdict = SQ_K_NONE;
  std::string why;
};

inline VirtualUser::VirtualUser(Tasks& owner, uint64_t index, uint64_t seed) : tasks(owner), random_(seed * 0x9E3779B97F4A7C15u + index) {
  info_ = {sizeof info_, 0, index, 0, index + 1, str("test"), {}};
  sq_error error{};
  const Scope plugin_runs(true);
  check(owner.table->user_open(this, &self_, &error) == SQ_OK, error.text);
}
inline VirtualUser::~VirtualUser() {
  cut();
  while (pass_ && tasks.host.step()) {}
  {
    const Scope plugin_runs(true);
    tasks.table->user_close(self_);
  }
  check(calls_.empty(), "calls of a user that has gone");
  lives_.reset();
}
inline std::string VirtualUser::variable(std::string_view name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? std::string() : found->second;
}
inline size_t VirtualUser::calls_in_flight() const {
  return static_cast<size_t>(std::count_if(calls_.begin(), calls_.end(), [](const auto& call) { return !call->is_delivered; }));
}
inline size_t VirtualUser::records_held() const {
  return static_cast<size_t>(
      std::count_if(tasks.records_.begin(), tasks.records_.end(), [&](const sq_record& one) { return one.holder == this; }));
}

inline Pass& VirtualUser::run(std::string_view task, const Tasks::Options& options) {
  if (pass_) throw std::runtime_error("a user makes one pass at a time");
  void* const use = tasks.open(task, options);
  described_ = tasks.table->tasks[tasks.index_of(task)];
  if (!passes_.empty()) ++info_.iteration;
  for (const std::string& name : set_by_task_) variables_.erase(name);  // of the last iteration
  set_by_task_.clear();
  task_ = std::string(tasks.table->name) + "." + described_->name;
  info_.task = str(task_);
  Pass& pass = passes_.emplace_back();
  pass_ = &pass;
  pass.begin_ns = tasks.host.now_ns;
  done_ = {};
  done_.on_end = [this] { tasks.host.later([this, lives = std::weak_ptr(lives_)] { if (!lives.expired()) end_if_over(); }); };
  {
    const Scope plugin_runs(true);
    tasks.table->run(self_, use, &done_);
  }
  tasks.host.run();
  return pass;
}
inline Pass& VirtualUser::finish(Pass& pass) {
  while (!pass.ended && tasks.host.step()) {}
  check(pass.ended, "the pass waits for what never comes");
  return pass;
}
/// As the real host does it: what is under way ends, then the plugin is told.
inline void VirtualUser::stop(std::string why) {
  if (!pass_ || !pass_->why.empty()) return;
  pass_->why = std::move(why);
  tasks.host.later(
      [this, pass = pass_, lives = std::weak_ptr(lives_)] { check(lives.expired() || pass->ended, "done() did not follow within 5 s of cancel()"); },
      5'000'000'000);
  const std::vector<std::shared_ptr<OpenCall>> open = calls_;
  for (const auto& call : open)
    if (!call->is_delivered) deliver(call, SQ_OUT_CANCELLED);
  if (wish_.is_open()) end_wish(SQ_E_CLOSED);
  if (!done_.ended) {
    const Scope plugin_runs(true);
    tasks.table->cancel(self_);
  }
  tasks.host.run();
}
inline void VirtualUser::end_wish(sq_status status) {
  const Wish wish = std::exchange(wish_, {});
  ++wishes_;
  tasks.waiting_.remove(this);
  if (wish.granted && status != SQ_OK) hand_back(wish.granted);
  if (done_.ended) return;
  const Scope plugin_runs(true);
  if (wish.time_is_over) wish.time_is_over(wish.ctx, status);
  else wish.record_comes(wish.ctx, status, status == SQ_OK ? wish.granted : nullptr);
}
inline void VirtualUser::deliver(const std::shared_ptr<OpenCall>& call, uint32_t outcome) {
  if (std::exchange(call->is_delivered, true)) return;
  size_t slot = 0;
  for (size_t i = 0; i < call->operation->params.size() && !done_.ended; ++i) {
    if (call->operation->fixed >> i & 1) continue;
    std::string then, now;
    plugin::append_text(then, *call->asked.value(call->operation->params[i]));
    plugin::append_text(now, call->args[slot++]);
    check(then == now, call->asked.operation + ": '" + call->operation->params[i] + "' has changed before the call's end");
  }
  const Answer& answer = call->answer;
  call->outcome = outcome;
  call->kind = outcome == SQ_OUT_FAILED ? answer.kind : uint32_t{SQ_K_NONE};
  call->code = outcome == SQ_OUT_OK || outcome == SQ_OUT_FAILED ? answer.code : 0;
  call->detail = str(answer.detail);
  call->end_ns = tasks.host.now_ns;
  if (!done_.ended) {
    const Scope plugin_runs(true);
    call->events->on_done(call.get());
  }
  end_if_over();
}
/// The pass is over when all is that it had begun: what it left behind is cancelled and released here.
inline void VirtualUser::end_if_over() {
  if (!pass_ || !done_.ended) return;
  for (size_t i = calls_.size(); i-- > 0 && i < calls_.size();) {
    const std::shared_ptr<OpenCall> call = calls_[i];
    if (!call->is_delivered) {
      deliver(call, SQ_OUT_CANCELLED);
      return end_if_over();
    }
    Host::users()->release(call.get());
  }
  if (calls_.empty() && pass_) finish_pass();
}
inline void VirtualUser::finish_pass() {
  Pass& pass = *std::exchange(pass_, nullptr);
  if (wish_.is_open()) {
    tasks.waiting_.remove(this);
    if (sq_record* granted = std::exchange(wish_, {}).granted) hand_back(granted);
    ++wishes_;
  }
  pass.status = done_.status;
  pass.detail = done_.detail;
  const bool has_failed = pass.why.empty() && pass.status != SQ_OK && pass.status != SQ_DONE;
  while (!groups_.empty()) close_group(!pass.why.empty() ? SQ_OUT_CANCELLED : has_failed ? SQ_OUT_FAILED : SQ_OUT_OK);
  for (auto record = tasks.records_.begin(); record != tasks.records_.end();) {
    sq_record* const one = &*record++;
    if (one->holder == this) hand_back(one);
  }
  pass.end_ns = tasks.host.now_ns;
  pass.ended = true;
}
inline void VirtualUser::close_group(uint32_t outcome) {
  const OpenGroup group = std::move(groups_.back());
  groups_.pop_back();
  TaskSample sample{group.name, "group", group.type, info_.index, info_.iteration, group.begin_ns, tasks.host.now_ns, outcome, group.kind, {}};
  if (outcome == SQ_OUT_CANCELLED) sample.kind = SQ_K_NONE;
  else if (group.kind != SQ_K_NONE) sample.outcome = SQ_OUT_FAILED;
  else if (outcome == SQ_OUT_FAILED) sample.kind = SQ_K_CHECK;
  tasks.samples.push_back(std::move(sample));
}
inline void VirtualUser::hand_back(sq_record* record) {
  const std::string name = record->dataset;
  tasks.datasets_[name].is_free[record->index] = true;
  tasks.records_.remove_if([&](const sq_record& one) { return &one == record; });
  tasks.offer(name);
}
/// Takes the first free record that it waits for, if there is one; it then comes from the loop.
inline bool VirtualUser::grant() {
  if (!wish_.record_comes || wish_.granted) return false;
  Tasks::Dataset& data = tasks.datasets_[wish_.dataset];
  for (size_t row = 0; row < data.rows.size(); ++row) {
    if (!data.is_free[row]) continue;
    sq_record record{wish_.dataset, row, this, {}};
    for (size_t i = 0; i < data.columns.size(); ++i) record.fields[data.columns[i]] = data.rows[row][i];
    const bool fits = std::all_of(wish_.where.begin(), wish_.where.end(), [&](const auto& want) { return record.fields[want.first] == want.second; });
    if (!fits) continue;
    data.is_free[row] = false;
    wish_.granted = &tasks.records_.emplace_back(std::move(record));
    tasks.host.later([this, number = wishes_, lives = std::weak_ptr(lives_)] {
      if (!lives.expired() && wishes_ == number && wish_.is_open()) end_wish(SQ_OK);
    });
    return true;
  }
  return false;
}
inline VirtualUser::OpenCall* VirtualUser::open_call(sq_call* call, const char* function) {
  for (const auto& one : calls_)
    if (one.get() == call) return one.get();
  check(false, std::string(function) + " of a call that was released");
  return nullptr;
}
inline uint32_t VirtualUser::described_list(const char* const* list, std::string_view name) const {
  for (; list && *list; ++list)
    if (name == *list) return 1;
  return 0;
}

}  // namespace squall::fake
