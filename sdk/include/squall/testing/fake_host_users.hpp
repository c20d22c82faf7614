// squall.users/1 and squall.records/1 of the fake host. Included by fake_host_tasks.hpp alone; it is apart so that the other file
// reads as the interface.
#pragma once

namespace squall::fake {

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
