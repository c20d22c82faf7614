// What a user's templates can see: its variables, its records, generators' states; and what follows when
// there is no record.
#include "engine/population.hpp"
#include "engine/shard.hpp"
#include "engine/user.hpp"

namespace squall {
namespace {

constexpr std::uint8_t kIterationLife = 1, kUserLife = 2;   // of a variable; 0: it has no value

}  // namespace

std::int64_t User::unix_ns() const { return population_.shard().unix_ns(); }

Value* User::locals() {
  if (!locals_) {
    const std::uint32_t count = population_.plan().spec->locals;
    locals_ = std::make_unique<Value[]>(count);
    local_life_ = std::make_unique<std::uint8_t[]>(count);
  }
  return locals_.get();
}

const Value* User::local(std::uint32_t slot) const {
  return local_life_ && local_life_[slot] ? &locals_[slot] : nullptr;
}

const Value* User::setup(std::uint32_t slot) const { return &population_.shard().setup_values()[slot]; }

/// At the end of setup: what it kept, for everyone.
void User::hand_on_setup() {
  const auto& locals = population_.shard().plan().scenario().setup_locals;
  for (std::uint32_t slot = 0; slot < locals.size(); ++slot) {
    if (const Value* value = local(locals[slot])) population_.shard().setup_values()[slot] = *value;
  }
}

void User::keep(std::uint32_t slot, Value value, bool for_user) {
  locals()[slot] = std::move(value);
  local_life_[slot] = for_user ? kUserLife : kIterationLife;
}

void User::forget(std::uint32_t slot) {
  local_life_[slot] = 0;
  locals_[slot] = {};
}

void User::clear_iteration() {
  hand_back_all(/*for_user_too=*/false);
  if (local_life_) {
    for (std::uint32_t i = 0; i < population_.plan().spec->locals; ++i) {
      if (local_life_[i] == kIterationLife) forget(i);
    }
  }
  if (picks_) picks_.reset();
  ended_data_ = kNone;
}

std::optional<std::string_view> User::field(std::uint32_t dataset, std::uint32_t column) {
  Shard& shard = population_.shard();
  const Dataset& data = *shard.plan().scenario().datasets[dataset];
  for (const auto& [fixed, record] : population_.plan().spec->fixed_records) {
    if (fixed == dataset) return data.field(record, column);
  }
  const PopulationPlan& plan = population_.plan();
  std::optional<std::size_t> arrives;
  if (plan.trace && plan.spec->load.trace->dataset == dataset) {   // an arrival brings its record
    if (arrival_index >= plan.trace->count()) return std::nullopt;
    arrives = plan.trace->record(arrival_index);
    if (!data.is_streamed()) return data.field(*arrives, column);
  }
  // What on_start picked is held for the user's life.
  const bool is_held = user_picks_ && user_picks_[dataset].next > 0;
  auto& picks = is_held || part_ == Part::on_start || part_ == Part::connect ? user_picks_ : picks_;
  if (!picks) picks = std::make_unique<PickedRecord[]>(shard.plan().scenario().datasets.size());
  PickedRecord& picked = picks[dataset];
  if (picked.next == 0) {
    const auto record = arrives ? arrives : next_in_line(dataset);
    if (!record) return std::nullopt;
    picked.next = *record + 1;
  }
  if (!data.is_streamed()) return data.field(picked.next - 1, column);
  if (!picked.cells) {
    const auto read = shard.read_record(dataset, picked.next - 1);
    using Cells = Result<RecordCopy>;
    picked.cells = std::make_unique<Cells>(read ? Cells(RecordCopy(*read, data.columns().size())) : Cells(read.error()));
  }
  if (!*picked.cells) return std::nullopt;
  return (*picked.cells)->view()[column];
}

std::string_view User::field_error(std::uint32_t dataset) const {
  for (const auto* picks : {&user_picks_, &picks_}) {
    if (!*picks || (*picks)[dataset].next == 0) continue;
    const auto& cells = (*picks)[dataset].cells;
    return !cells || *cells ? std::string_view() : std::string_view(cells->error().text);
  }
  return {};
}

/// The record that it is this user's turn to have; none: the data has ended.
std::optional<std::size_t> User::next_in_line(std::uint32_t dataset) {
  Shard& shard = population_.shard();
  const Dataset& data = *shard.plan().scenario().datasets[dataset];
  PickAt at;
  at.seed = seed;
  at.dataset = dataset;
  at.population = population;
  at.user = open && data.pick != Pick::per_user ? 0 : user_index;
  at.turn = open ? arrival_index : iteration;
  at.position = data.pick == Pick::random || data.pick == Pick::per_user ? 0 : shard.next_position(dataset);
  const auto record = pick_record(data.pick, data.on_end, data.size(), at);
  if (!record && data.on_end == OnEnd::stop_task) ended_data_ = dataset;
  return record;
}

bool User::has_no_data_left() const { return ended_data_ != kNone && part_ == Part::task; }

// The other users of the task go on until they ask for a record themselves: what they have begun is whole.
void User::end_for_want_of_data() {
  const Dataset& data = *population_.shard().plan().scenario().datasets[ended_data_];
  settle_due();
  if (data.pick == Pick::per_user) {   // the others have theirs
    stop_after_part_ = true;
    population_.user_stopped(*this);
  } else {
    population_.data_is_used(task_, data);
  }
  leave(End::out_of_data, ErrorClass::none);
}

Value& User::state(std::uint32_t slot) {
  if (!states_) states_ = std::make_unique<Value[]>(population_.plan().spec->states);
  return states_[slot];
}

ArrivalSeries* User::series(std::uint32_t slot) { return population_.series(slot); }

}  // namespace squall
