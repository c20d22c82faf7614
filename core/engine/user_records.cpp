// Exclusive records in a user's hands: taken, waited for, handed back. They never outlive what they were taken for:
// release, the end of the iteration however it ends, the end of the user.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/compiled_pass.hpp"
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"
#include "engine/user_observer.hpp"

namespace squall {

using Empty = AcquireStep::Empty;

User::Records& User::records() {
  if (!records_) records_ = std::make_unique<Records>();
  return *records_;
}

std::unique_ptr<RecordStore::Waiter> User::make_waiter(RecordStore& store) {
  auto waiter = std::make_unique<RecordStore::Waiter>();
  waiter->store = &store;
  waiter->loop = &population_.shard().loop();
  waiter->user = this;
  waiter->since_ns = population_.shard().loop().read_ns();
  waiter->run = [](Deferred& node) noexcept {
    auto& own = static_cast<RecordStore::Waiter&>(node);
    if (own.user && own.wants_record) return own.user->record_came();
    if (own.user) return own.user->record_is_free(own);
    const std::unique_ptr<RecordStore::Waiter> left(&own);   // its user did not wait any longer when its turn came
    if (own.wants_record) return own.store->give_back(own.record);
    own.store->was_told();
    own.store->pass_on();
  };
  return waiter;
}

void User::leave_line(std::unique_ptr<RecordStore::Waiter> waiter, bool in_vain) {
  if (!waiter || waiter->store->leave(*waiter, in_vain, population_.shard().loop().now_ns())) return;
  waiter->user = nullptr;
  waiter->is_own = true;   // on its way to the loop, which runs it even when it closes
  waiter.release();
}

bool User::leave_line_for_record() {
  if (!records_ || !records_->waiter) return false;
  leave_line(std::move(records_->waiter));
  return true;
}

User::Next User::acquire(const Instruction& code) {
  const auto& what = std::get<AcquireStep>(code.step->what);
  Shard& shard = population_.shard();
  settle_due();
  RecordStore::Filter filter;
  for (const auto& [column, wanted] : what.where) {
    auto value = wanted.evaluate(*this);
    if (!value) return fail_step(code, ErrorClass::check, value.error().text);
    filter.emplace_back(column, value->to_text());
  }
  RecordStore& store = shard.records(what.dataset);
  hand_back(what.slot);   // acquired once more under one name: the first record goes back
  const bool waits = what.when_empty == Empty::wait || part_ != Part::task || records().waits_instead;
  auto record = store.take(filter, nullptr);
  if (!record && !filter.empty() && !store.has_fitting(filter)) {
    return fail_step(code, ErrorClass::check, fmt::format("no record of '{}' is what `where` asks for", store.data().name));
  }
  if (!record && waits && !shard.is_draining()) {
    records().waiter = make_waiter(store);
    records().waiter->filter = std::move(filter);
    record = store.take(records().waiter->filter, records().waiter.get());   // one may have come back meanwhile
    if (!record) return Next::stop;
    records().waiter.reset();
  }
  if (record) {
    hold(what, *record);
    ++at_->pc;
    return Next::go_on;
  }
  if (waits) {
    leave(End::cut, ErrorClass::none);
    return Next::stop;
  }
  return what.when_empty == Empty::skip ? skip_iteration(code, store) : interrupt_for_want_of_record(store);
}

void User::hold(const AcquireStep& what, std::uint32_t record) {
  const bool for_user = what.keep_user || part_ == Part::on_start;
  records().held.push_back({what.dataset, what.slot, record, for_user});
  const Dataset& data = population_.shard().records(what.dataset).data();
  keep_record(data, what.slot, data.record(record), for_user);
  if (UserObserver* observer = population_.shard().observer()) observer->acquired(data, record);
}

void User::keep_record(const Dataset& data, std::uint32_t slot, RecordView record, bool for_user) {
  for (std::uint32_t column = 0; column < data.columns().size(); ++column) {
    keep(slot + column, Value{std::string(record[column])}, for_user);
  }
}

User::Next User::take_record(const Instruction& code) {
  const auto& what = std::get<TakeStep>(code.step->what);
  const Dataset& data = *population_.shard().plan().scenario().datasets[what.dataset];
  const auto any_of = [&](std::size_t count) {
    return static_cast<std::size_t>((static_cast<unsigned __int128>(random()) * count) >> 64);
  };
  std::optional<std::size_t> record;
  if (what.index) {
    std::vector<std::string> wanted;
    for (const Template& one : what.wanted) {
      auto value = one.evaluate(*this);
      if (!value) return fail_step(code, ErrorClass::check, value.error().text);
      wanted.push_back(value->to_text());
    }
    const auto fitting = what.index->find(wanted);
    if (fitting.empty()) {
      return fail_step(code, ErrorClass::check, fmt::format("no record of '{}' is what `where` asks for", data.name));
    }
    record = fitting[any_of(fitting.size())];
  } else if (data.pick == Pick::random) {
    record = any_of(data.size());
  } else {
    record = next_in_line(what.dataset);
  }
  if (!record) return fail_step(code, ErrorClass::check, fmt::format("take: no record of '{}' is left", data.name));
  const auto cells = population_.shard().read_record(what.dataset, *record);
  if (!cells) return fail_step(code, ErrorClass::check, fmt::format("take: {}", cells.error().text));
  keep_record(data, what.slot, *cells, what.keep_user || part_ == Part::on_start);
  ++at_->pc;
  return Next::go_on;
}

/// Nobody is late who waited for a record: due is when it came, the waiting is told apart.
void User::record_came() {
  Shard& shard = population_.shard();
  const std::unique_ptr<RecordStore::Waiter> waiter = std::move(records_->waiter);
  at_->due_ns = at_->ready_ns = shard.loop().read_ns();
  waiter->store->note_wait(at_->due_ns - waiter->since_ns);
  if (compiled_ && compiled_->runs()) return compiled_->record_came(waiter->record);
  hold(std::get<AcquireStep>(program_->code[at_->pc].step->what), waiter->record);
  ++at_->pc;
  run();
}

User::Next User::release_record(const Instruction& code) {
  const std::uint32_t slot = std::get<ReleaseStep>(code.step->what).slot;
  if (!hand_back(slot)) return fail_step(code, ErrorClass::check, "release: this record is not held");
  ++at_->pc;
  return Next::go_on;
}

bool User::hand_back(std::uint32_t slot) {
  if (!records_) return false;
  const auto held = std::ranges::find(records_->held, slot, &Held::slot);
  if (held == records_->held.end()) return false;
  hand_back(*held);
  records_->held.erase(held);
  return true;
}

void User::hand_back(const Held& held) {
  RecordStore& store = population_.shard().records(held.dataset);
  for (std::uint32_t column = 0; held.slot != kNone && column < store.data().columns().size(); ++column) forget(held.slot + column);
  store.give_back(held.record);
}

void User::hand_back_all(bool for_user_too) {
  if (!records_ || records_->held.empty()) return;
  std::erase_if(records_->held, [&](const Held& held) {
    if (held.for_user && !for_user_too) return false;
    hand_back(held);
    return true;
  });
}

// ---- no record is free ---------------------------------------------------------------------------------

/// The pass was none: another task instead, due when this one was. Without another, the user waits after all.
User::Next User::skip_iteration(const Instruction& code, RecordStore& store) {
  if (has_waited_ || !at_->frames.empty()) return interrupt_for_want_of_record(store);   // something was done already
  store.note_found_none();
  Records& own = records();
  own.skipped.push_back(task_);
  const std::uint32_t other = population_.choose_instead(*this, own.skipped);
  if (other == kNone) {
    own.waits_instead = true;
    return acquire(code);
  }
  if (UserObserver* observer = population_.shard().observer()) tell_end(*observer, End::interrupted);
  clear_iteration();
  --population_.counts().started;
  --turns_;
  part_ = Part::none;
  state_ = State::free;
  begin_iteration(other, at_->due_ns, at_->ready_ns, arrival_index);
  return Next::stop;
}

/// At once, when something was done before. Else a little later: in a closed loop the next pass would find none in
/// the same moment, and the next, for ever.
User::Next User::interrupt_for_want_of_record(RecordStore& store) {
  if (has_waited_) {
    store.note_found_none();
    leave(End::interrupted, ErrorClass::none);
    return Next::stop;
  }
  has_waited_ = true;
  return wait_until(population_.shard().loop().turn_ns() + kIdlePassNs);   // and looks once more
}

// ---- `needs`: no task may begin before a record is free ------------------------------------------------------

/// False: one is free by now.
bool User::wait_until_free(const std::vector<std::uint32_t>& datasets) {
  stop_watching(/*in_vain=*/false);
  for (const std::uint32_t dataset : datasets) {
    RecordStore& store = population_.shard().records(dataset);
    auto waiter = make_waiter(store);
    if (!store.watch(*waiter)) {
      stop_watching(/*in_vain=*/false);
      return false;
    }
    records().watching.push_back(std::move(waiter));
  }
  return true;
}

void User::stop_watching(bool in_vain) {
  if (!records_) return;
  auto watching = std::exchange(records_->watching, {});
  for (auto& waiter : watching) leave_line(std::move(waiter), in_vain);
}

void User::record_is_free(RecordStore::Waiter& told) {
  RecordStore& store = *told.store;
  store.note_wait(population_.shard().loop().read_ns() - told.since_ns);
  std::erase_if(records_->watching, [&](const auto& waiter) { return waiter.get() == &told; });
  stop_watching(/*in_vain=*/false);
  store.was_told();
  has_waited_ = true;   // from the loop: the next iteration may begin right here
  population_.user_free(*this);
  store.pass_on();
}

bool User::was_eligible(std::uint32_t entry) const {
  return !records_ || records_->eligible.empty() || records_->eligible[entry];
}

}  // namespace squall
