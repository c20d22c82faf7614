// Records from a CSV or JSON Lines file or an access log, by number: immutable and shared by all shards, in memory or, of
// large files, left where they are.
// And which record a user gets, as a pure function of seed and indexes, so that picking needs no shared
// state. What needs a home (exclusive records, `unique` and `sequential` counters in closed loops) is the
// engine's: here is only the order in which records are handed out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "scenario/record_reader.hpp"
#include "scenario/record_table.hpp"

namespace squall {

enum class Pick : std::uint8_t { random, sequential, shuffled, unique, per_user, exclusive };
enum class OnEnd : std::uint8_t { wrap, stop_task, fail };

class StreamedRecords;

class Dataset {
 public:
  using Format = DataFormat;
  using Where = DataFilter;
  using LeftOut = LeftOutLines;

  struct ReadOptions {
    Format format = Format::csv;
    Where where;
    bool is_streamed = false;              // records stay in the file; else they are held in memory
    std::size_t block_bytes = 1u << 20;    // of the one pass over the file
    std::uint64_t piece_bytes = 0;         // streamed: least size of a piece; 0: by the size of the file
  };
  /// Reads the file once, front to back. CSV is RFC 4180 with a header row; a byte order mark and CRLF are accepted. An empty
  /// set of records is not an error here (the loader decides). An access log may hold lines that are none
  /// (`left_out`), as long as they are no more than a tenth; more is an error, at the first of them.
  static std::variant<Dataset, DataError> read(const std::string& path, const ReadOptions& options);
  /// The same of a text, in memory.
  static std::variant<Dataset, DataError> parse(std::string_view bytes, Format format, const Where& where = {});

  /// Each row has a text for every column.
  static Dataset of_rows(std::vector<std::string> columns, const std::vector<std::vector<std::string>>& rows);

  std::string name, file;              // file: as the scenario names it
  Pick pick = Pick::sequential;
  OnEnd on_end = OnEnd::wrap;

  std::size_t size() const { return size_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::uint32_t> column(std::string_view name) const;

  /// Records in the file are read by a DatasetReader, which reads those in memory, too.
  bool is_streamed() const { return streamed_ != nullptr; }
  const StreamedRecords* streamed() const { return streamed_.get(); }
  /// Valid as long as the dataset. REQUIRES: it is in memory.
  RecordView record(std::size_t record) const {
    SQUALL_ASSERT(!is_streamed());
    return table_.record(record);
  }
  std::string_view field(std::size_t record, std::uint32_t column) const { return this->record(record)[column]; }

  /// Lines of an access log that are no request and so no record.
  const LeftOut& left_out() const { return left_out_; }
  /// One sentence on them, with the first one's place; "" when there are none.
  std::string left_out_text() const;
  /// Of the file's bytes (xxhash64); agents compare it with the controller's.
  std::uint64_t hash() const { return hash_; }
  std::size_t memory_bytes() const;

 private:
  void take(RecordReader& reader);

  std::vector<std::string> columns_;
  std::size_t size_ = 0;
  RecordTable table_;                                   // in memory
  std::shared_ptr<const StreamedRecords> streamed_;     // or in the file
  std::uint64_t hash_ = 0;
  LeftOut left_out_;
};

/// Who asks for which turn.
struct PickAt {
  std::uint64_t seed = 0;
  std::uint32_t dataset = 0;     // index in the scenario: two datasets draw apart
  std::uint32_t population = 0;
  std::uint64_t user = 0;        // index in its population, over all agents
  std::uint64_t turn = 0;        // random: iteration (closed, fleet) or arrival (open)
  std::uint64_t position = 0;    // sequential, shuffled, unique: place in the run's one line, from 0:
                                 // the arrival's index, or what the dataset's home counts
};

/// Which record; nullopt: the data has ended (`on_end` other than wrap, or no records at all).
/// random: hash of (seed, dataset, population, user, turn) — users of open load pass user 0.
/// sequential: position. shuffled: position through a permutation, a new one each pass. unique: as
/// sequential, but never wraps. per_user: user. exclusive: position, as the order of the first round.
std::optional<std::size_t> pick_record(Pick pick, OnEnd on_end, std::size_t records, const PickAt& at);

/// Place `index` of a seeded permutation of 0 … count-1, without a table (a cycle-walking Feistel network).
std::uint64_t permuted(std::uint64_t index, std::uint64_t count, std::uint64_t key);

}  // namespace squall
