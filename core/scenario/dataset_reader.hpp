// One thread's way to the records of a dataset, wherever they are. Of streamed ones it remembers the pieces that it read
// last: records in order, or near to each other, cost one read and one parse a piece.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "result.hpp"
#include "scenario/dataset.hpp"
#include "scenario/record_table.hpp"

namespace squall {

class DatasetReader {
 public:
  static constexpr std::size_t kMostBytes = 4u << 20;   // of pieces; one alone may be larger

  /// The dataset outlives it.
  explicit DatasetReader(const Dataset& data, std::size_t most_bytes = kMostBytes) : data_(data), most_bytes_(most_bytes) {}

  /// Valid until the next call. Of a streamed dataset it may block on the disk. Errors: one line with the dataset's name.
  /// REQUIRES: there is such a record.
  Result<RecordView> read(std::uint64_t record);
  std::size_t memory_bytes() const;

 private:
  struct Piece {
    std::size_t number = 0;
    std::uint64_t last_use = 0;
    RecordTable records;
  };
  Result<const Piece*> piece(std::size_t number);
  void forget_oldest();

  const Dataset& data_;
  std::size_t most_bytes_;
  std::vector<Piece> pieces_;
  std::uint64_t uses_ = 0;
  std::size_t next_ = 0;       // the piece behind the one that was read last
  std::string bytes_;
};

}  // namespace squall
