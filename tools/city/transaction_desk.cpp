#include "transaction_desk.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "desk_journal.hpp"
#include "draws.hpp"

namespace squall::city {
namespace {

enum Purpose : std::uint64_t { kFate, kDelay, kDelay2, kSecond };

std::optional<std::string> id_of(std::string_view payload) {
  const auto content = nlohmann::json::parse(payload, nullptr, false);
  if (!content.is_object()) return std::nullopt;
  const auto id = content.find("id");
  if (id == content.end() || !id->is_string() || id->get_ref<const std::string&>().empty()) return std::nullopt;
  return id->get<std::string>();
}

}  // namespace

void TransactionDesk::take_message(std::string_view payload, std::int64_t now_ns) {
  const auto id = id_of(payload);
  const std::lock_guard lock(mutex_);
  if (!id) {
    ++unnamed_;
    return;
  }
  Transaction& transaction = transactions_[*id];
  const auto draw = [&, turn = transaction.messages++](std::uint64_t purpose) {
    const std::uint64_t words[] = {XXH64(id->data(), id->size(), behaviour_.seed), turn, purpose};
    return to_unit(XXH64(words, sizeof words, behaviour_.seed));
  };
  journal_.push_back({now_ns, "published", *id, payload.size()});
  const double fate = draw(kFate);
  if (fate < behaviour_.drop_rate) {
    journal_.push_back({now_ns, "dropped", *id});
    return;
  }
  const double factor = std::exp(behaviour_.visible_sigma * to_normal(draw(kDelay), draw(kDelay2)));
  const std::int64_t visible_ns = now_ns + std::llround(static_cast<double>(behaviour_.visible_after_ns) * factor);
  transaction.visible_ns.push_back(visible_ns);
  journal_.push_back({visible_ns, "visible", *id});
  if (fate >= behaviour_.drop_rate + behaviour_.double_rate) return;
  const double within = static_cast<double>(behaviour_.double_within_ns);
  const std::int64_t second_ns = visible_ns + static_cast<std::int64_t>(within * draw(kSecond));
  transaction.visible_ns.push_back(second_ns);
  journal_.push_back({second_ns, "doubled", *id});
}

void TransactionDesk::take_file(std::string_view message, std::int64_t now_ns) {
  constexpr std::string_view kMark = "tx ";
  const auto end = message.find('\n');
  if (!message.starts_with(kMark) || end == std::string_view::npos) return;
  const auto id = message.substr(kMark.size(), end - kMark.size());
  const std::lock_guard lock(mutex_);
  const bool is_visible = seen_locked(id, now_ns) > 0;
  journal_.push_back({now_ns, is_visible ? "file" : "early_file", std::string(id), message.size() - end - 1});
}

std::uint64_t TransactionDesk::seen(std::string_view id, std::int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  return seen_locked(id, now_ns);
}

std::uint64_t TransactionDesk::seen_locked(std::string_view id, std::int64_t now_ns) const {
  const auto found = transactions_.find(id);
  if (found == transactions_.end()) return 0;
  return static_cast<std::uint64_t>(
      std::ranges::count_if(found->second.visible_ns, [&](std::int64_t at) { return at <= now_ns; }));
}

TransactionDesk::Counts TransactionDesk::counts(std::int64_t now_ns) const {
  const std::lock_guard lock(mutex_);
  Counts counts;
  counts.unnamed = unnamed_;
  for (const Event& event : journal_) {
    if (event.at_ns > now_ns) continue;
    const std::string_view what = event.what;
    if (what == "published") ++counts.published;
    if (what == "dropped") ++counts.dropped;
    if (what == "doubled") ++counts.doubled;
    if (what == "visible") ++counts.visible;
    if (what == "early_file") ++counts.early_files;
    if (what == "file" || what == "early_file") {
      ++counts.files;
      counts.file_bytes += event.bytes;
    }
  }
  return counts;
}

std::vector<TransactionDesk::Event> TransactionDesk::journal(std::int64_t now_ns) const {
  std::unique_lock lock(mutex_);
  std::vector<Event> events = journal_;
  lock.unlock();   // sorting need not hold up the workers
  return happened_by(now_ns, std::move(events));
}

void TransactionDesk::behave(const TransactionBehaviour& behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = behaviour;
}

void TransactionDesk::reset() {
  const std::lock_guard lock(mutex_);
  transactions_.clear();
  journal_.clear();
  unnamed_ = 0;
}

}  // namespace squall::city
