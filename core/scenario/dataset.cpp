#include "scenario/dataset.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "payload/random_stream.hpp"
#include "scenario/data_file.hpp"
#include "scenario/record_scan.hpp"
#include "scenario/streamed_records.hpp"

namespace squall {

std::variant<Dataset, DataError> Dataset::read(const std::string& path, const ReadOptions& options) {
  auto file = DataFile::open(path);
  if (!file) return DataError{file.error().text, 0, 0};
  const auto reader = RecordReader::make(options.format, options.where);
  PieceIndex index(options.piece_bytes > 0 ? options.piece_bytes : PieceIndex::bytes_for(file->bytes()));
  if (options.is_streamed) reader->only_index(index);
  else reader->table().reserve_text(file->bytes());
  Dataset data;
  auto error = scan_records(*file, *reader, options.format != Format::combined, options.block_bytes, data.hash_);
  if (const std::string change = file->change(); !change.empty()) return DataError{change + " while it was read", 0, 0};
  if (error) return *error;
  data.take(*reader);
  if (options.is_streamed) {
    index.finish(file->bytes(), data.size_);
    data.streamed_ = std::make_shared<const StreamedRecords>(std::move(*file), std::move(index), options.format, options.where,
                                                             data.columns_);
  }
  return data;
}

std::variant<Dataset, DataError> Dataset::parse(std::string_view bytes, Format format, const Where& where) {
  const auto reader = RecordReader::make(format, where);
  reader->table().reserve_text(bytes.size());
  Dataset data;
  if (auto error = scan_records(bytes, *reader, format != Format::combined, data.hash_)) return *error;
  data.take(*reader);
  return data;
}

void Dataset::take(RecordReader& reader) {
  columns_ = reader.columns();
  size_ = reader.records();
  left_out_ = reader.left_out();
  table_ = std::move(reader.table());
  table_.shrink_to_fit();
}

Dataset Dataset::of_rows(std::vector<std::string> columns, const std::vector<std::vector<std::string>>& rows) {
  Dataset data;
  data.columns_ = std::move(columns);
  data.table_.set_columns(data.columns_.size());
  for (const auto& row : rows) {
    for (const std::string& cell : row) {
      data.table_.append(cell);
      data.table_.end_cell();
    }
    data.table_.end_row();
  }
  data.size_ = rows.size();
  return data;
}

std::size_t Dataset::memory_bytes() const { return streamed_ ? streamed_->memory_bytes() : table_.memory_bytes(); }

std::string Dataset::left_out_text() const {
  if (left_out_.lines == 0) return {};
  return fmt::format("dataset '{}': {} of {} lines are no requests and are left out; the first is {}:{}:{}: {}", name,
                     left_out_.lines, left_out_.of, file, left_out_.first.line, left_out_.first.column, left_out_.first.text);
}

std::optional<std::uint32_t> Dataset::column(std::string_view name) const {
  const auto found = std::ranges::find(columns_, name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - columns_.begin());
}

std::uint64_t permuted(std::uint64_t index, std::uint64_t count, std::uint64_t key) {
  if (count < 2) return 0;
  // Four Feistel rounds permute 2^(2·half) numbers, at most four times `count`; walking the cycle until it
  // is back inside keeps it a permutation of `count`.
  const unsigned half = (static_cast<unsigned>(std::bit_width(count - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  do {
    std::uint64_t left = index >> half, right = index & mask;
    for (std::uint64_t round = 0; round < 4; ++round) {
      const std::uint64_t next = left ^ (mix_words({key, round, right}) & mask);
      left = right;
      right = next;
    }
    index = (left << half) | right;
  } while (index >= count);
  return index;
}

std::optional<std::size_t> pick_record(Pick pick, OnEnd on_end, std::size_t records, const PickAt& at) {
  if (records == 0) return std::nullopt;
  const std::uint64_t key = mix_words({at.seed, at.dataset});
  const auto in_line = [&](std::uint64_t place) -> std::optional<std::size_t> {
    if (place >= records && on_end != OnEnd::wrap) return std::nullopt;
    return place % records;
  };
  switch (pick) {
    case Pick::random: {
      const std::uint64_t draw = mix_words({key, at.population, at.user, at.turn});
      return static_cast<std::size_t>((static_cast<unsigned __int128>(draw) * records) >> 64);
    }
    case Pick::shuffled: {
      const auto place = in_line(at.position);
      if (!place) return std::nullopt;
      return permuted(*place, records, mix_words({key, at.position / records}));
    }
    case Pick::unique:
      if (at.position >= records) return std::nullopt;
      return at.position;
    case Pick::per_user: return in_line(at.user);
    case Pick::sequential:
    case Pick::exclusive: return in_line(at.position);
  }
  return std::nullopt;
}

}  // namespace squall
