// What became of a sink's items, to the last one.
#pragma once
#include <cstdint>
#include <string>

namespace squall::sink {

struct Tally {
  uint64_t accepted = 0, delivered = 0, rejected = 0, spooled = 0, dropped = 0;
  uint64_t waiting = 0;  // in memory, on their way; none once the sink has finished

  bool adds_up() const {
    return accepted == delivered + rejected + spooled + dropped + waiting;
  }
};

/// A copy, taken at one moment: both tallies add up in each.
struct Account {
  Tally own;           // of this run
  Tally earlier;       // of what earlier runs had left in the spool
  uint64_t again = 0;  // items that were sent once more
  std::string loss;    // why the first item was rejected or dropped
  std::string trouble;  // why the target took nothing, the last time
};

/// "1000 items = 993 delivered + 7 rejected + 0 spooled + 0 dropped".
std::string to_text(const Tally& tally);

}  // namespace squall::sink
