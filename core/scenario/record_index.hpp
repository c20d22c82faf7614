// Records by what stands in some of their columns: found at once, however large the dataset is. Immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "scenario/dataset.hpp"

namespace squall {

class RecordIndex {
 public:
  /// `columns`: of the dataset, at least one.
  RecordIndex(const Dataset& data, std::span<const std::uint32_t> columns);
  /// Records that have these values in the columns, in the file's order; empty: there is none.
  std::span<const std::uint32_t> find(std::span<const std::string> values) const;

 private:
  std::unordered_map<std::string, std::vector<std::uint32_t>> records_;
};

}  // namespace squall
