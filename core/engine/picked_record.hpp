// The record that a user holds of a dataset. Of a streamed one the user has its cells: who read them may forget them.
#pragma once

#include <cstdint>
#include <memory>

#include "result.hpp"
#include "scenario/record_table.hpp"

namespace squall {

struct PickedRecord {
  std::uint64_t next = 0;                       // its number + 1; 0: none yet
  std::unique_ptr<Result<RecordCopy>> cells;    // of a streamed dataset, or why they cannot be read
};

}  // namespace squall
