#include "scenario/record_index.hpp"

namespace squall {
namespace {

/// Lengths before the values: no two lists of values make one key.
void add_to_key(std::string& key, std::string_view value) {
  key += std::to_string(value.size());
  key += ':';
  key += value;
}

}  // namespace

RecordIndex::RecordIndex(const Dataset& data, std::span<const std::uint32_t> columns) {
  std::string key;
  for (std::uint32_t record = 0; record < data.size(); ++record) {
    key.clear();
    for (const std::uint32_t column : columns) add_to_key(key, data.field(record, column));
    records_[key].push_back(record);
  }
}

std::span<const std::uint32_t> RecordIndex::find(std::span<const std::string> values) const {
  std::string key;
  for (const std::string& value : values) add_to_key(key, value);
  const auto found = records_.find(key);
  return found == records_.end() ? std::span<const std::uint32_t>() : std::span(found->second);
}

}  // namespace squall
