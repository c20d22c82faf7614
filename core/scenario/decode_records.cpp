// Steps that come to hold a record: acquire, an exclusive one, and take, any other.
#include <fmt/format.h>

#include <algorithm>

#include "scenario/decoder.hpp"

namespace squall {
namespace {

constexpr std::string_view kEmpty[] = {"wait", "interrupt", "skip"};

}  // namespace

std::vector<std::pair<std::uint32_t, Template>> Decoder::decode_where(const Node& where, const Dataset& data,
                                                                       const StepPlace& place) {
  std::vector<std::pair<std::uint32_t, Template>> columns;
  if (!where.is_map() || where.keys.empty()) error(where, "'where' is a map of columns and values", "write `where: { site: A }`");
  for (std::size_t i = 0; i < where.keys.size(); ++i) {
    const Node& name = where.keys[i];
    if (const auto column = data.column(name.text)) columns.emplace_back(*column, text_template(where.items[i], place.scope, in_quotes(name.text)));
    else if (!data.columns().empty()) error(name, fmt::format("'{}' has no column '{}'", data.name, name.text), suggestion("column", name.text, data.columns()));
  }
  return columns;
}

/// What varies is known when the step begins; what does not, now.
void Decoder::check_that_some_fit(const Node& where, const Dataset& data, const std::vector<std::pair<std::uint32_t, Template>>& wanted) {
  if (data.size() == 0 || data.is_streamed() || wanted.empty() || !std::ranges::all_of(wanted, [](const auto& one) { return one.second.is_constant(); })) return;
  for (std::size_t record = 0; record < data.size(); ++record) {
    if (std::ranges::all_of(wanted, [&](const auto& one) { return data.field(record, one.first) == one.second.constant().to_text(); })) return;
  }
  error(where, fmt::format("no record of '{}' has these values", data.name));
}

void Decoder::decode_acquire(const Node& key, const Node& value, const StepPlace& place, bool keep_user, Step& out) {
  AcquireStep acquire;
  acquire.keep_user = keep_user;
  const MapReader map(*this, value, kAcquireKeys, "in 'acquire'");
  const Node* from = value.is_map() ? map["from"] : &value;
  if (from == nullptr || !from->is_scalar()) {
    error(key, "'acquire' needs the dataset it takes from", "write `acquire: { from: accounts, as: a }`");
  } else {
    acquire.dataset = find_dataset(*from);
  }
  if (from && from->is_scalar() && acquire.dataset != kNone) {
    const Dataset& data = *scenario_.datasets[acquire.dataset];
    if (data.pick != Pick::exclusive)
      error(*from, fmt::format("records of '{}' are not exclusive, so none can be acquired", from->text), "write `pick: exclusive` in the dataset");
    const Node* as = map["as"];
    acquire.slot = slot_of(as ? as->text : from->text, acquire.dataset);
    if (const Node* where = map["where"]) {
      acquire.where = decode_where(*where, data, place);
      check_that_some_fit(*where, data, acquire.where);
    }
  }
  if (const Node* empty = map["when_empty"]) {
    acquire.when_empty = static_cast<AcquireStep::Empty>(word(*empty, "'when_empty'", kEmpty));
    if (acquire.when_empty == AcquireStep::Empty::skip && place.lives_with_user)
      error(*empty, "'skip' takes another task, and in on_start there is none", "wait, or interrupt");
  }
  out.what = std::move(acquire);
}

void Decoder::decode_take(const Node& key, const Node& value, const StepPlace& place, bool keep_user, Step& out) {
  TakeStep take;
  take.keep_user = keep_user;
  out.what = take;
  const MapReader map(*this, value, kTakeKeys, "in 'take'");
  const Node *from = map["from"], *as = map["as"];
  if (from == nullptr || as == nullptr || !from->is_scalar() || !as->is_scalar()) {
    return error(key, "'take' needs the dataset it takes from, and a name for the record", "write `take: { from: users, as: friend }`");
  }
  take.dataset = find_dataset(*from);
  if (take.dataset == kNone) return;
  const Dataset& data = *scenario_.datasets[take.dataset];
  if (reader_) reader_->reads.insert(take.dataset);
  if (data.pick == Pick::exclusive) return error(*from, fmt::format("records of '{}' are exclusive", data.name), "write `acquire` instead of `take`");
  if (data.pick == Pick::per_user) return error(*from, fmt::format("a user has one record of '{}', and no further one", data.name), fmt::format("write ${{{}.COLUMN}}", data.name));
  if (as->text == data.name) return error(*as, fmt::format("'{}' is the dataset: its record is the one that the iteration picked", data.name), "choose another name");
  take.slot = slot_of(as->text, take.dataset);
  if (const Node* where = map["where"]) {
    if (data.pick != Pick::random) error(*where, fmt::format("'where' draws among those that fit, and '{}' has another order", data.name), "write `pick: random` in the dataset");
    if (data.is_streamed())
      return error(*where, fmt::format("'where' looks for records in memory, and those of '{}' are streamed", data.name), "write `stream: false` in the dataset, or give the dataset itself a `where`");
    std::vector<std::uint32_t> columns;
    auto wanted_columns = decode_where(*where, data, place);
    check_that_some_fit(*where, data, wanted_columns);
    for (auto& [column, wanted] : wanted_columns) {
      columns.push_back(column);
      take.wanted.push_back(std::move(wanted));
    }
    if (!columns.empty()) take.index = std::make_shared<RecordIndex>(data, columns);
  }
  out.what = std::move(take);
}

}  // namespace squall
