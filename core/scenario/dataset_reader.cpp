#include "scenario/dataset_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "scenario/streamed_records.hpp"

namespace squall {

Result<RecordView> DatasetReader::read(std::uint64_t record) {
  if (!data_.is_streamed()) return data_.record(record);
  const PieceIndex& index = data_.streamed()->pieces();
  const std::size_t number = index.find(record);
  const auto found = piece(number);
  if (!found) return found.error();
  return (*found)->records.record(record - index[number].first_record);
}

Result<const DatasetReader::Piece*> DatasetReader::piece(std::size_t number) {
  auto found = std::ranges::find(pieces_, number, &Piece::number);
  if (found == pieces_.end()) {
    const StreamedRecords& file = *data_.streamed();
    Piece made{number, 0, {}};
    if (const auto error = file.read_piece(number, bytes_, made.records))
      return Error{fmt::format("data '{}': {} {}", data_.name, data_.file, *error)};
    if (number == next_) file.ask_for(number + 1);
    next_ = number + 1;
    if (bytes_.capacity() > most_bytes_) std::string().swap(bytes_);   // a row of many MiB was in it
    pieces_.push_back(std::move(made));
    forget_oldest();
    found = pieces_.end() - 1;
  }
  found->last_use = ++uses_;
  return &*found;
}

/// But never the newest, which stands last.
void DatasetReader::forget_oldest() {
  std::size_t bytes = memory_bytes();
  while (pieces_.size() > 1 && bytes > most_bytes_) {
    const auto oldest = std::ranges::min_element(pieces_.begin(), pieces_.end() - 1, {}, &Piece::last_use);
    bytes -= oldest->records.memory_bytes();
    pieces_.erase(oldest);
  }
}

std::size_t DatasetReader::memory_bytes() const {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces_) bytes += piece.records.memory_bytes();
  return bytes;
}

}  // namespace squall
