#include "scenario/streamed_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace squall {
namespace {

constexpr std::uint64_t kAheadBytes = 256u << 10;

}  // namespace

StreamedRecords::StreamedRecords(DataFile file, PieceIndex index, DataFormat format, DataFilter where,
                                 std::vector<std::string> columns)
    : file_(std::move(file)), index_(std::move(index)), format_(format), where_(std::move(where)), columns_(std::move(columns)) {
  file_.expect_jumps();
}

// The size and the time of the last change are looked at behind the read, so that a change before it is seen. The hash sees
// what they do not: a change that hides its time, one in the same tick of the kernel's clock, one during the read.
std::optional<std::string> StreamedRecords::read_piece(std::size_t piece, std::string& bytes, RecordTable& into) const {
  bytes.resize(index_.bytes(piece));
  const auto got = file_.read(bytes.data(), bytes.size(), index_[piece].offset);
  if (!got) return got.error().text;
  std::string change = file_.change();
  if (change.empty() && (*got != bytes.size() || FileHash::of(bytes) != index_[piece].hash)) change = "has changed";
  if (!change.empty()) return fmt::format("{} since it was read", change);

  const auto reader = RecordReader::make(format_, where_);
  reader->begin_piece_of(columns_);
  const RecordReader::Taken taken = reader->read(bytes, /*is_last=*/true);
  SQUALL_ASSERT(!taken.error);   // these bytes were read before, by the same reader
  SQUALL_ASSERT(reader->records() == index_.records(piece));
  into = std::move(reader->table());
  return std::nullopt;
}

void StreamedRecords::ask_for(std::size_t piece) const {
  if (piece < index_.size()) file_.ask_for(index_[piece].offset, std::max(index_.bytes(piece), kAheadBytes));
}

}  // namespace squall
