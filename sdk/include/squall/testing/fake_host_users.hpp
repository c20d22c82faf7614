// squall.users/1 and squall.records/1 of the fake host, and the life of a pass. Included by fake_host_tasks.hpp alone; it is
// apart so that the other file reads as the interface.
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

// ---- the tables ---------------------------------------------------------------------------------------

struct TaskTables {
  static VirtualUser& of(sq_user* user) { return *static_cast<VirtualUser*>(user); }
  static VirtualUser& of(sq_call* call) { return *static_cast<VirtualUser*>(call->plugin_data); }  // no plugin of a protocol is here

  static sq_shard* shard(sq_user* user) noexcept { return &of(user).tasks.host.shard; }
  static const sq_user_info* info(sq_user* user) noexcept { return &of(user).info_; }
  static sq_status refuse(sq_error* error, const std::string& text) { return plugin::report(error, SQ_E_INVALID, text); }

  static sq_status bind(sq_user* user, sq_str op, const sq_pair* params, uint64_t n, sq_opref** out, uint64_t* fixed,
                        sq_error* error) noexcept {
    const Scope host_runs(false);
    Tasks& tasks = of(user).tasks;
    ++tasks.binds;
    if (find_or_any(tasks.scripts_, view(op)) == tasks.scripts_.end()) return refuse(error, "no plugin offers '" + std::string(view(op)) + "'");
    if (n > 64) return refuse(error, "more than 64 parameters");
    sq_opref own;
    own.operation = own.name = view(op);
    for (uint64_t i = 0; i < n; ++i) {
      const std::string name(view(params[i].key));
      const sq_value& value = params[i].value;
      if (std::count(own.params.begin(), own.params.end(), name)) return refuse(error, own.operation + ": '" + name + "' is given twice");
      own.params.push_back(name);
      if (name == "to" && value.type == SQ_T_TARGET) {  // varies from call to call
        continue;
      } else if (name == "to") {
        own.to = plugin::as_text(value);
        const auto& targets = tasks.host.targets();
        if (!tasks.scripts_.count("*") && std::none_of(targets.begin(), targets.end(), [&](const sq_target& one) { return one.name == own.to; }))
          return refuse(error, own.operation + ": no target is called '" + own.to + "'");
      } else if (name == "name") {
        own.name = plugin::as_text(value);
      } else if (name == "timeout") {
        own.timeout_ns = static_cast<uint64_t>(plugin::as_int(value));
      } else if (name == "tags") {
        for (const sq_pair& tag : plugin::as_map(value)) own.tags.emplace_back(view(tag.key), plugin::as_text(tag.value));
      } else {
        continue;
      }
      own.fixed |= uint64_t{1} << i;
    }
    const auto is_same = [&](const sq_opref& one) {
      return one.operation == own.operation && one.name == own.name && one.to == own.to && one.timeout_ns == own.timeout_ns &&
             one.tags == own.tags && one.params == own.params && one.fixed == own.fixed;
    };
    auto known = std::find_if(tasks.operations_.begin(), tasks.operations_.end(), is_same);
    if (known == tasks.operations_.end()) known = tasks.operations_.insert(known, std::move(own));
    *out = &*known;
    if (fixed) *fixed = known->fixed;
    return SQ_OK;
  }

  static sq_call* call(sq_user* user, sq_opref* operation, const sq_value* args, uint32_t n, const sq_call_events* events,
                       void* owner) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    Host& host = own.tasks.host;
    if (!own.may_go_on()) return nullptr;
    if (own.requests_left == 0) {
      own.pass_->why = "budget used up";
      return nullptr;
    }
    if (own.requests_left != kNever) --own.requests_left;
    auto call = std::make_shared<VirtualUser::OpenCall>();
    static_cast<sq_call&>(*call) = {};
    call->struct_size = sizeof(sq_call);
    call->plugin_data = &own;
    call->owner_data = owner;
    call->shard = &host.shard;
    call->due_ns = call->start_ns = host.now_ns;
    call->operation = operation;
    call->events = events;
    call->args = args;
    Asked& asked = call->asked;
    asked.operation = operation->operation;
    asked.name = operation->name;
    asked.to = operation->to;
    asked.timeout_ns = operation->timeout_ns;
    asked.tags = operation->tags;
    asked.user = own.info_.index;
    asked.iteration = own.info_.iteration;
    asked.beside = own.calls_in_flight() > 0;
    uint32_t slot = 0;
    for (size_t i = 0; i < operation->params.size(); ++i) {
      if (operation->fixed >> i & 1) continue;
      if (slot == n) break;
      asked.values.emplace_back(operation->params[i], asked.store->copy(args[slot++]));
      if (operation->params[i] == "to") asked.to = plugin::as_target(args[slot - 1])->name;
    }
    if (n != operation->params.size() - static_cast<size_t>(__builtin_popcountll(operation->fixed))) {
      check(false, "a call of " + asked.operation + " whose values are not those of its bind()");
      return nullptr;
    }
    own.tasks.asked.push_back(asked);
    call->answer = find_or_any(own.tasks.scripts_, asked.operation)->second(asked);
    if (asked.timeout_ns != 0) call->deadline_ns = call->start_ns + asked.timeout_ns;
    own.calls_.push_back(call);
    const auto end_later = [&](uint32_t outcome, uint64_t after_ns) {
      host.later([&own, outcome, weak = std::weak_ptr(call)] { if (const auto one = weak.lock()) own.deliver(one, outcome); }, after_ns);
    };
    const bool is_late = asked.timeout_ns != 0 && call->answer.takes_ns >= asked.timeout_ns;
    if (is_late) end_later(SQ_OUT_TIMEOUT, asked.timeout_ns);
    else if (call->answer.takes_ns != kNever) end_later(call->answer.outcome, call->answer.takes_ns);
    return call.get();
  }

  static sq_status output(sq_call* base, sq_str name, sq_str key, sq_value* out) noexcept {
    const Scope host_runs(false);
    *out = {};
    VirtualUser::OpenCall* const call = of(base).open_call(base, "output()");
    if (!call || !call->is_delivered) return SQ_E_STATE;
    std::string wanted(view(name));
    if (key.len) wanted += "." + std::string(view(key));
    const auto found = find_or_any(call->answer.outputs, wanted);
    if (found == call->answer.outputs.end()) return SQ_E_INVALID;
    *out = plugin::text_value(found->second);
    return SQ_OK;
  }
  static void judge(sq_call* base, uint32_t kind, sq_str why) noexcept {
    const Scope host_runs(false);
    VirtualUser::OpenCall* const call = of(base).open_call(base, "judge()");
    if (!call) return;
    check(kind == SQ_K_NONE || kind == SQ_K_STATUS || kind == SQ_K_CHECK, "a verdict that is neither none, status nor check");
    call->is_expected = true;
    if (kind == SQ_K_NONE || call->verdict != SQ_K_NONE) return;
    call->verdict = kind;
    call->why = view(why);
  }
  static void cancel(sq_call* base) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(base);
    if (!own.open_call(base, "cancel()")) return;
    for (const auto& one : own.calls_) {
      if (one.get() != base) continue;
      own.tasks.host.later([&own, weak = std::weak_ptr(one)] { if (const auto call = weak.lock()) own.deliver(call, SQ_OUT_CANCELLED); });
    }
  }
  static void release(sq_call* base) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(base);
    VirtualUser::OpenCall* const call = own.open_call(base, "release()");
    if (!call) return;
    check(call->is_delivered, "release() before on_done");
    if (!call->is_delivered) return;
    const Answer& answer = call->answer;
    TaskSample sample{call->asked.name, call->asked.operation, "request",     call->asked.user, call->asked.iteration,
                      call->due_ns,     call->end_ns,          call->outcome, call->kind,       std::string(view(call->detail))};
    const bool is_outside = call->code < answer.code_min || call->code > answer.code_max;
    if (sample.outcome == SQ_OUT_OK && is_outside && !call->is_expected) {
      sample.outcome = SQ_OUT_FAILED;
      sample.kind = SQ_K_STATUS;
    } else if (sample.outcome == SQ_OUT_OK && call->verdict != SQ_K_NONE) {
      sample.outcome = SQ_OUT_FAILED;
      sample.kind = call->verdict;
      sample.detail = call->why;
    }
    if (sample.outcome == SQ_OUT_FAILED || sample.outcome == SQ_OUT_TIMEOUT)
      for (VirtualUser::OpenGroup& group : own.groups_)
        if (group.kind == SQ_K_NONE) group.kind = sample.kind == SQ_K_NONE ? uint32_t{SQ_K_CHECK} : sample.kind;
    own.tasks.samples.push_back(std::move(sample));
    std::erase_if(own.calls_, [&](const auto& one) { return one.get() == base; });
  }

  static sq_status wait(sq_user* user, uint64_t ns, void (*fn)(void*, sq_status) SQ_NOEXCEPT, void* ctx) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    if (!own.may_go_on()) return SQ_E_CLOSED;
    if (own.wish_.is_open()) return SQ_E_STATE;
    own.wish_.time_is_over = fn;
    own.wish_.ctx = ctx;
    wake_at(own, ns, SQ_OK);
    return SQ_OK;
  }
  static void wake_at(VirtualUser& own, uint64_t ns, sq_status status) {
    own.tasks.host.later(
        [&own, status, number = own.wishes_, lives = std::weak_ptr(own.lives_)] {
          if (!lives.expired() && own.wishes_ == number && own.wish_.is_open() && !own.wish_.granted) own.end_wish(status);
        },
        ns);
  }
  static uint64_t random(sq_user* user) noexcept {
    uint64_t z = of(user).random_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  static uint32_t stopping(sq_user* user) noexcept { return of(user).pass_ && !of(user).pass_->why.empty(); }

  static sq_status get(sq_user* user, sq_str name, sq_value* out) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    own.read_.reset();  // what the last one gave is gone
    *out = {};
    auto found = own.variables_.find(view(name));
    if (found == own.variables_.end()) {
      if (own.described_list(own.described_->sets, view(name)) || own.tasks.variables_.count(view(name))) return SQ_E_STATE;
      found = find_or_any(own.tasks.given_, view(name));
      if (found == own.tasks.given_.end()) return SQ_E_INVALID;
    }
    own.read_ = std::make_unique<std::string>(found->second);
    *out = plugin::text_value(*own.read_);
    return SQ_OK;
  }
  static sq_status set(sq_user* user, sq_str name, const sq_value* value) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    const std::string key(view(name));
    const bool is_known = own.described_list(own.described_->sets, key) || own.tasks.variables_.count(key) || own.variables_.count(key);
    if (!is_known || value->type > SQ_T_DURATION) return SQ_E_INVALID;
    std::string text;
    plugin::append_text(text, *value);
    own.variables_[key] = text;
    own.set_by_task_.insert(key);
    return SQ_OK;
  }
  static sq_status group_begin(sq_user* user, sq_str name, sq_str type) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    if (!own.pass_ || !name.len) return SQ_E_INVALID;
    own.groups_.push_back({std::string(view(name)), type.len ? std::string(view(type)) : "group", own.tasks.host.now_ns});
    return SQ_OK;
  }
  static sq_status group_end(sq_user* user, uint32_t outcome) noexcept {
    const Scope host_runs(false);
    if (of(user).groups_.empty()) return SQ_E_STATE;
    of(user).close_group(outcome);
    return SQ_OK;
  }
  static sq_status metric(sq_user* user, sq_str name, double value) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    const bool is_known = own.described_list(own.described_->metrics, view(name)) || own.tasks.metrics_declared_.count(view(name));
    if (!is_known || value != value || value - value != 0) return SQ_E_INVALID;
    own.tasks.metrics.emplace_back(view(name), value);
    return SQ_OK;
  }
  static sq_status sample(sq_user* user, sq_str name, uint64_t begin_ns, uint64_t end_ns, uint32_t outcome, uint32_t kind) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    if (!own.pass_ || !name.len || end_ns < begin_ns || outcome > SQ_OUT_CANCELLED || kind > SQ_K_OFF_LIST) return SQ_E_INVALID;
    own.tasks.samples.push_back({std::string(view(name)), own.task_, "sample", own.info_.index, own.info_.iteration, begin_ns, end_ns, outcome, kind, {}});
    return SQ_OK;
  }

  // ---- squall.records/1 ----
  static uint32_t any_free(sq_user* user, sq_str dataset) noexcept {
    const Tasks& tasks = of(user).tasks;
    return tasks.datasets_.count(view(dataset)) && tasks.free_records(view(dataset)) > 0;
  }
  static sq_status acquire(sq_user* user, sq_str dataset, const sq_pair* where, uint64_t n, uint64_t timeout_ns,
                           void (*fn)(void*, sq_status, sq_record*) SQ_NOEXCEPT, void* ctx, sq_error* error) noexcept {
    const Scope host_runs(false);
    VirtualUser& own = of(user);
    if (!own.may_go_on()) return SQ_E_CLOSED;
    if (own.wish_.is_open()) return plugin::report(error, SQ_E_STATE, "acquire: this user waits for something already");
    const std::string name(view(dataset));
    if (!own.tasks.datasets_.count(name) && own.tasks.datasets_.count("*")) own.tasks.datasets_[name] = own.tasks.datasets_["*"];
    const auto data = own.tasks.datasets_.find(name);
    if (data == own.tasks.datasets_.end()) return refuse(error, "acquire: no dataset with `pick: exclusive` is called '" + name + "'");
    const auto& columns = data->second.columns;
    std::vector<std::pair<std::string, std::string>> wanted;
    for (uint64_t i = 0; i < n; ++i) {
      const std::string column(view(where[i].key));
      if (!std::count(columns.begin(), columns.end(), column) && std::count(columns.begin(), columns.end(), "*")) continue;
      if (!std::count(columns.begin(), columns.end(), column)) return refuse(error, "acquire: '" + name + "' has no column '" + column + "'");
      wanted.emplace_back(column, plugin::as_text(where[i].value));
    }
    const auto fits = [&](const std::vector<std::string>& row) {
      return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
        return row[static_cast<size_t>(std::find(columns.begin(), columns.end(), want.first) - columns.begin())] == want.second;
      });
    };
    if (std::none_of(data->second.rows.begin(), data->second.rows.end(), fits))
      return refuse(error, "acquire: no record of '" + name + "' is what `where` asks for");
    own.wish_.record_comes = fn;
    own.wish_.ctx = ctx;
    own.wish_.dataset = name;
    own.wish_.where = std::move(wanted);
    own.tasks.waiting_.push_back(&own);
    if (!own.grant() && timeout_ns != 0) wake_at(own, timeout_ns, SQ_E_TIMEOUT);
    return SQ_OK;
  }
  static sq_status field(const sq_record* record, sq_str column, sq_str* out) noexcept {
    const auto found = find_or_any(record->fields, view(column));
    if (found == record->fields.end()) return SQ_E_INVALID;
    *out = str(found->second);
    return SQ_OK;
  }
  static void release_record(sq_user* user, sq_record* record) noexcept {
    const Scope host_runs(false);
    Tasks& tasks = of(user).tasks;
    const bool is_held = std::any_of(tasks.records_.begin(), tasks.records_.end(), [&](const sq_record& one) { return &one == record; });
    check(is_held, "a record was handed back twice");
    if (is_held) of(user).hand_back(record);
  }
};

inline const sq_users_api* Host::users() {
  using T = TaskTables;
  static constexpr sq_users_api kUsers{sizeof kUsers, 0,         T::shard, T::info,   T::bind,     T::call, T::output,      T::judge,     T::cancel, T::release,
                                       T::wait,       T::random, T::stopping, T::get, T::set, T::group_begin, T::group_end, T::metric, T::sample};
  return &kUsers;
}
inline const sq_records_api* Host::records() {
  using T = TaskTables;
  static constexpr sq_records_api kRecords{sizeof kRecords, 0, T::any_free, T::acquire, T::field, T::release_record};
  return &kRecords;
}

}  // namespace squall::fake
