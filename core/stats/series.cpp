#include "stats/series.hpp"

#include <algorithm>

namespace squall {
namespace {

// A key as one text for the map: parts that no name can run over into the next.
std::string text_of(const SeriesKey& key) {
  std::string text;
  const auto part = [&text](std::string_view value) {
    text += std::to_string(value.size());
    text += ':';
    text += value;
  };
  part(key.population);
  part(key.task);
  part(key.name);
  part(key.operation);
  part(key.type);
  for (const auto& [name, value] : key.tags) {
    part(name);
    part(value);
  }
  text += static_cast<char>('0' + static_cast<int>(key.model));
  text += static_cast<char>('0' + static_cast<int>(key.kind));
  text += key.background ? 'b' : 'f';
  return text;
}

}  // namespace

std::string_view load_model_name(LoadModel model) {
  switch (model) {
    case LoadModel::open:
      return "open";
    case LoadModel::closed:
      return "closed";
    case LoadModel::fleet:
      return "fleet";
  }
  return "";
}

std::string_view series_kind_name(SeriesKind kind) {
  switch (kind) {
    case SeriesKind::operation:
      return "operation";
    case SeriesKind::group:
      return "group";
    case SeriesKind::delivery:
      return "delivery";
  }
  return "";
}

std::uint32_t SeriesTable::intern(SeriesKey key) {
  std::sort(key.tags.begin(), key.tags.end());
  std::string text = text_of(key);
  const std::lock_guard lock(mutex_);
  if (const auto known = by_text_.find(text); known != by_text_.end()) return known->second;
  if (keys_.size() >= limit_) {
    ++overflowed_;
    // What stays apart are the parts that come from the scenario, of which there are few.
    key.name = "__other__";
    key.operation.clear();
    key.type.clear();
    key.tags.clear();
    text = text_of(key);
    if (const auto known = by_text_.find(text); known != by_text_.end()) return known->second;
  }
  const auto number = static_cast<std::uint32_t>(keys_.size());
  keys_.push_back(std::move(key));
  by_text_.emplace(std::move(text), number);
  return number;
}

std::uint32_t SeriesTable::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::uint32_t>(keys_.size());
}

const SeriesKey& SeriesTable::key(std::uint32_t series) const {
  const std::lock_guard lock(mutex_);
  return keys_[series];
}

std::uint64_t SeriesTable::overflowed() const {
  const std::lock_guard lock(mutex_);
  return overflowed_;
}

}  // namespace squall
