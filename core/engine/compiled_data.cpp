// What a compiled task waits for, knows and tells beside its calls: think time, records, variables, groups, samples.
#include <algorithm>
#include <cmath>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user_observer.hpp"

namespace squall {
namespace {

sq_status refuse(sq_error* error, sq_status code, std::string_view text) {
  if (!error) return code;
  error->code = code;
  const std::size_t size = std::min(text.size(), sizeof(error->text) - 1);
  std::copy_n(text.data(), size, error->text);
  error->text[size] = 0;
  return code;
}

}  // namespace

sq_status CompiledPass::wait(std::uint64_t ns, WaitEnd fn, void* context) {
  if (!use_ || is_over_ || must_end_) return SQ_E_CLOSED;
  if (wait_end_ || record_end_) return SQ_E_STATE;
  Shard& shard = this->shard();
  user_.settle_due();
  auto asked_ns = static_cast<std::int64_t>(std::min<std::uint64_t>(ns, INT64_MAX));
  if (UserObserver* observer = shard.observer()) asked_ns = observer->wait(asked_ns);
  const std::uint64_t at_ns = user_.at_->due_ns + static_cast<std::uint64_t>(asked_ns);
  wait_end_ = fn;
  context_ = context;
  user_.at_->due_ns = user_.at_->ready_ns = at_ns;
  if (asked_ns > 0) user_.has_rested_ = true;
  if (shard.is_draining() && at_ns > shard.drain_end_ns()) must_end_soon();
  else shard.loop().arm(user_.at_->wait, std::max(at_ns, shard.loop().turn_ns()));
  return SQ_OK;
}

/// The end of the drain comes before what it waits for: from the loop, since the plugin is in the middle of asking.
void CompiledPass::must_end_soon() {
  gives_up_ = true;
  shard().loop().arm(user_.at_->wait, shard().loop().turn_ns());
}

// ---- variables -----------------------------------------------------------------------------------------

sq_status CompiledPass::get(std::string_view name, sq_value& out) {
  out = {};
  const Scenario& scenario = shard().plan().scenario();
  read_.clear();
  std::string error;
  ArgumentWriter writer{scenario, read_, nullptr, nullptr, error};
  if (const auto local = scenario.local_names.find(std::string(name)); local != scenario.local_names.end()) {
    const Value* value = user_.local(local->second);
    return value && writer.write(*value, SQ_T_NULL, out) ? SQ_OK : SQ_E_STATE;
  }
  if (const auto var = scenario.vars.find(std::string(name)); var != scenario.vars.end()) {
    return writer.write(var->second, SQ_T_NULL, out) ? SQ_OK : SQ_E_INVALID;
  }
  const std::size_t dot = name.find('.');
  for (std::uint32_t i = 0; dot != name.npos && i < scenario.datasets.size(); ++i) {
    if (scenario.datasets[i]->name != name.substr(0, dot)) continue;
    const auto column = scenario.datasets[i]->column(name.substr(dot + 1));
    if (!column || scenario.datasets[i]->pick == Pick::exclusive) return SQ_E_INVALID;
    const auto field = user_.field(i, *column);
    if (!field) return SQ_E_STATE;
    out.type = SQ_T_STR;
    out.u.str = to_str(*field);
    return SQ_OK;
  }
  return SQ_E_INVALID;
}

sq_status CompiledPass::set(std::string_view name, const sq_value& value) {
  const Scenario& scenario = shard().plan().scenario();
  const auto local = scenario.local_names.find(std::string(name));
  if (local == scenario.local_names.end()) return SQ_E_INVALID;
  Value own;
  switch (value.type) {
    case SQ_T_NULL: break;
    case SQ_T_BOOL: own = Value{value.u.u64 != 0}; break;
    case SQ_T_I64: own = Value{value.u.i64}; break;
    case SQ_T_F64: own = Value{value.u.f64}; break;
    case SQ_T_DURATION: own = Value{Duration{value.u.i64}}; break;
    case SQ_T_STR: case SQ_T_BYTES: own = Value{std::string(to_view(value.u.str))}; break;
    default: return SQ_E_INVALID;
  }
  user_.keep(local->second, std::move(own), user_.part_ == User::Part::on_start);
  return SQ_OK;
}

// ---- groups, metrics, samples --------------------------------------------------------------------------

sq_status CompiledPass::group_begin(std::string_view name, std::string_view type) {
  if (!use_ || name.empty()) return SQ_E_INVALID;
  user_.settle_due();
  User::Frame frame;
  frame.code = shard().plan().late().group(*use_, name, type);
  user_.at_->frames.push_back(frame);
  ++user_.population_.counts().groups_begun;
  return SQ_OK;
}

sq_status CompiledPass::group_end(std::uint32_t outcome) {
  if (!use_ || user_.at_->frames.size() <= frames_) return SQ_E_STATE;
  User::Frame frame = user_.at_->frames.back();
  user_.at_->frames.pop_back();
  user_.settle_due();
  if (outcome == SQ_OUT_CANCELLED) user_.close_group(frame, Outcome::cancelled, ErrorClass::none);
  else if (frame.has_failed) user_.close_group(frame, Outcome::failed, frame.error);
  else if (outcome == SQ_OUT_OK) user_.close_group(frame, Outcome::ok, ErrorClass::none);
  else user_.close_group(frame, Outcome::failed, outcome == SQ_OUT_TIMEOUT ? ErrorClass::timeout : ErrorClass::check);
  return SQ_OK;
}

sq_status CompiledPass::metric(std::string_view name, double value) {
  const auto& metrics = shard().plan().scenario().metrics;
  const auto known = std::ranges::find(metrics, name, &MetricSpec::name);
  if (known == metrics.end() || known->is_probe || !std::isfinite(value)) return SQ_E_INVALID;
  shard().recorder().metric(static_cast<std::uint32_t>(known - metrics.begin()), value,
                            std::max<std::int64_t>(shard().run_time(shard().loop().recent_ns()), 0));
  return SQ_OK;
}

sq_status CompiledPass::sample(std::string_view name, std::uint64_t begin_ns, std::uint64_t end_ns, std::uint32_t outcome,
                               std::uint32_t kind) {
  if (!use_ || name.empty() || end_ns < begin_ns || outcome > SQ_OUT_CANCELLED || kind > SQ_K_OFF_LIST) return SQ_E_INVALID;
  Sample sample = user_.sample_of(shard().plan().late().own_series(*use_, name));
  sample.due_ns = sample.started_ns = shard().run_time(begin_ns);
  sample.ended_ns = shard().run_time(end_ns);
  sample.outcome = static_cast<Outcome>(outcome);
  sample.error = outcome == SQ_OUT_TIMEOUT ? ErrorClass::timeout : static_cast<ErrorClass>(kind);
  shard().record(sample);
  if (UserObserver* observer = shard().observer()) observer->delivered(shard().plan().series().key(sample.series), sample);
  return SQ_OK;
}

// ---- exclusive records ---------------------------------------------------------------------------------

std::uint32_t CompiledPass::find_exclusive(std::string_view dataset) const {
  const auto& datasets = user_.population_.shard().plan().scenario().datasets;
  for (std::uint32_t i = 0; i < datasets.size(); ++i) {
    if (datasets[i]->name == dataset && datasets[i]->pick == Pick::exclusive) return i;
  }
  return kNone;
}

bool CompiledPass::any_free(std::string_view dataset) {
  const std::uint32_t index = find_exclusive(dataset);
  return index != kNone && shard().records(index).has_free();
}

sq_status CompiledPass::acquire(std::string_view dataset, const sq_pair* where, std::uint64_t n, std::uint64_t timeout_ns,
                                RecordEnd fn, void* context, sq_error* error) {
  if (!use_ || is_over_ || must_end_) return SQ_E_CLOSED;
  if (wait_end_ || record_end_) return refuse(error, SQ_E_STATE, "acquire: this user waits for something already");
  const std::uint32_t index = find_exclusive(dataset);
  if (index == kNone) {
    return refuse(error, SQ_E_INVALID, "acquire: no dataset with `pick: exclusive` is called '" + std::string(dataset) + "'");
  }
  Shard& shard = this->shard();
  RecordStore& store = shard.records(index);
  RecordStore::Filter filter;
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto column = store.data().column(to_view(where[i].key));
    if (!column) return refuse(error, SQ_E_INVALID, "acquire: '" + std::string(dataset) + "' has no column '" + std::string(to_view(where[i].key)) + "'");
    filter.emplace_back(*column, std::string(to_view(where[i].value.u.str)));
  }
  user_.settle_due();
  record_end_ = fn;
  context_ = context;
  wanted_dataset_ = index;
  auto record = store.take(filter, nullptr);
  if (!record && !filter.empty() && !store.has_fitting(filter)) {
    record_end_ = nullptr;
    return refuse(error, SQ_E_INVALID, "acquire: no record of '" + std::string(dataset) + "' is what `where` asks for");
  }
  if (!record && shard.is_draining()) {   // nobody knows when one comes back
    must_end_soon();
    return SQ_OK;
  }
  if (!record) {
    auto& waiter = user_.records().waiter = user_.make_waiter(store);
    waiter->filter = std::move(filter);
    record = store.take(waiter->filter, waiter.get());   // one may have come back meanwhile
    if (!record) {
      if (timeout_ns > 0) shard.loop().arm(user_.at_->wait, user_.at_->due_ns + timeout_ns);
      return SQ_OK;
    }
    waiter.reset();
  }
  granted_ = &hold(index, *record);
  shard.loop().arm(user_.at_->wait, shard.loop().turn_ns());
  return SQ_OK;
}

sq_record& CompiledPass::hold(std::uint32_t dataset, std::uint32_t record) {
  const auto place = std::ranges::find_if(records_, [](const auto& one) { return !one->is_held; });
  sq_record& own = place == records_.end() ? *records_.emplace_back(std::make_unique<sq_record>()) : **place;
  own = {dataset, record, shard().plan().scenario().datasets[dataset].get(), true};
  user_.records().held.push_back({dataset, kNone, record, /*for_user=*/false});
  if (UserObserver* observer = shard().observer()) observer->acquired(*own.data, record);
  return own;
}

/// Due is when it came: nobody is late who waited for a record.
void CompiledPass::record_came(std::uint32_t record) {
  shard().loop().disarm(user_.at_->wait);
  sq_record& own = hold(wanted_dataset_, record);
  {
    const Inside inside(*this, "a record's coming");
    std::exchange(record_end_, nullptr)(context_, SQ_OK, &own);
  }
  go_on_if_finished();
}

void CompiledPass::hand_back(sq_record& record) {
  if (!std::exchange(record.is_held, false)) return;
  auto& held = user_.records().held;
  const auto place = std::ranges::find_if(held, [&](const User::Held& one) {
    return one.slot == kNone && one.dataset == record.dataset && one.record == record.record;
  });
  if (place == held.end()) return;   // the iteration's end has handed it back
  user_.hand_back(*place);
  held.erase(place);
}

// ---- the tables ----------------------------------------------------------------------------------------

namespace {

CompiledPass& own(sq_user* user) { return *static_cast<CompiledPass*>(user); }
/// Asks the one whose call it is; nobody when its pass was lost.
template <typename Ask>
void ask(sq_call* call, Ask ask) {
  Call& mine = *static_cast<Call*>(call);
  if (CompiledPass* pass = mine.user ? mine.user->compiled() : nullptr) ask(*pass, mine);
}

sq_status output(sq_call* call, sq_str name, sq_str key, sq_value* out) noexcept {
  Call& mine = *static_cast<Call*>(call);
  *out = {};
  const sq_param* const* outputs = mine.operation->op->outputs;
  for (std::uint32_t i = 0; outputs && outputs[i] && mine.session; ++i) {
    if (to_view(name) != outputs[i]->name) continue;
    return mine.owner->read_output(mine, i, key, *out) ? SQ_OK : SQ_E_STATE;
  }
  return SQ_E_INVALID;
}

const sq_users_api kUsers = {
    sizeof(sq_users_api), 0,
    [](sq_user* user) noexcept { return own(user).shard_handle(); },
    [](sq_user* user) noexcept { return own(user).info(); },
    [](sq_user* user, sq_str op, const sq_pair* params, std::uint64_t n, sq_opref** out, std::uint64_t* fixed, sq_error* error) noexcept {
      return own(user).bind(op, params, n, out, fixed, error);
    },
    [](sq_user* user, sq_opref* op, const sq_value* args, std::uint32_t n, const sq_call_events* events, void* owner) noexcept {
      return own(user).call(*op, args, n, events, owner);
    },
    output,
    [](sq_call* call, std::uint32_t kind, sq_str why) noexcept {
      ask(call, [&](CompiledPass& pass, Call& mine) { pass.judge(mine, kind, to_view(why)); });
    },
    [](sq_call* call) noexcept { ask(call, [](CompiledPass& pass, Call& mine) { pass.cancel(mine); }); },
    [](sq_call* call) noexcept { ask(call, [](CompiledPass& pass, Call& mine) { pass.release(mine); }); },
    [](sq_user* user, std::uint64_t ns, CompiledPass::WaitEnd fn, void* context) noexcept { return own(user).wait(ns, fn, context); },
    [](sq_user* user) noexcept { return own(user).random(); },
    [](sq_user* user) noexcept -> std::uint32_t { return own(user).is_stopping(); },
    [](sq_user* user, sq_str name, sq_value* out) noexcept { return own(user).get(to_view(name), *out); },
    [](sq_user* user, sq_str name, const sq_value* value) noexcept { return own(user).set(to_view(name), *value); },
    [](sq_user* user, sq_str name, sq_str type) noexcept { return own(user).group_begin(to_view(name), to_view(type)); },
    [](sq_user* user, std::uint32_t outcome) noexcept { return own(user).group_end(outcome); },
    [](sq_user* user, sq_str name, double value) noexcept { return own(user).metric(to_view(name), value); },
    [](sq_user* user, sq_str name, std::uint64_t begin_ns, std::uint64_t end_ns, std::uint32_t outcome, std::uint32_t kind) noexcept {
      return own(user).sample(to_view(name), begin_ns, end_ns, outcome, kind);
    },
};

const sq_records_api kRecords = {
    sizeof(sq_records_api), 0,
    [](sq_user* user, sq_str dataset) noexcept -> std::uint32_t { return own(user).any_free(to_view(dataset)); },
    [](sq_user* user, sq_str dataset, const sq_pair* where, std::uint64_t n, std::uint64_t timeout_ns, CompiledPass::RecordEnd fn,
       void* context, sq_error* error) noexcept {
      return own(user).acquire(to_view(dataset), where, n, timeout_ns, fn, context, error);
    },
    [](const sq_record* record, sq_str column, sq_str* out) noexcept -> sq_status {
      const auto place = record->data->column(to_view(column));
      if (!place || !record->is_held) return SQ_E_INVALID;
      *out = to_str(record->data->field(record->record, *place));
      return SQ_OK;
    },
    [](sq_user* user, sq_record* record) noexcept { own(user).hand_back(*record); },
};

}  // namespace

const sq_users_api* users_api() { return &kUsers; }
const sq_records_api* records_api() { return &kRecords; }

}  // namespace squall
