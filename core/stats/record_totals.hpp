// What became of the exclusive records of one dataset in a run.
#pragma once

#include <cstdint>
#include <string>

#include "stats/sparse_histogram.hpp"

namespace squall {

struct RecordTotals {
  std::string dataset;
  std::uint64_t records = 0;
  std::uint64_t acquired = 0, handed_back = 0;   // the difference is held
  std::uint64_t held_most = 0;                   // at a time
  std::uint64_t found_none = 0;                  // steps that did not want to wait for one
  std::uint64_t in_vain = 0;                     // waited, and the run ended first
  std::uint64_t in_vain_longest_ns = 0;
  std::uint64_t least_used = 0, most_used = 0;   // times that a record was held
  SparseHistogram waited;                        // for a record, or for one to be free, by those whose turn came
};

}  // namespace squall
