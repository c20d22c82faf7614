// Rows from a CSV or JSON Lines file or an access log: read once, immutable, shared by all shards, one buffer and one index.
// And which record a user gets, as a pure function of seed and indexes, so that picking needs no shared
// state. What needs a home (exclusive records, `unique` and `sequential` counters in closed loops) is the
// engine's: here is only the order in which records are handed out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "result.hpp"

namespace squall {

enum class Pick : std::uint8_t { random, sequential, shuffled, unique, per_user, exclusive };
enum class OnEnd : std::uint8_t { wrap, stop_task, fail };

/// A mistake in the data, with its place in the data file (from 1; column in bytes).
struct DataError {
  std::string text;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class Dataset {
 public:
  enum class Format : std::uint8_t { csv, json_lines, combined };
  /// Columns, and the values of which a record must have one in them.
  using Where = std::vector<std::pair<std::string, std::vector<std::string>>>;

  /// Takes the file's bytes over. RFC 4180 with header row; BOM and CRLF are accepted. An empty set of
  /// records is not an error here (the loader decides). An access log may hold lines that are none (`left_out`), as
  /// long as they are no more than a tenth; more is an error, at the first of them.
  static std::variant<Dataset, DataError> parse(std::string bytes, Format format, const Where& where = {});

  /// Each row has a text for every column.
  static Dataset of_rows(std::vector<std::string> columns, const std::vector<std::vector<std::string>>& rows);

  std::string name, file;              // file: as the scenario names it
  Pick pick = Pick::sequential;
  OnEnd on_end = OnEnd::wrap;

  std::size_t size() const { return rows_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::optional<std::uint32_t> column(std::string_view name) const;
  /// Valid as long as the dataset.
  std::string_view field(std::size_t record, std::uint32_t column) const {
    const std::size_t cell = record * columns_.size() + column;
    return std::string_view(buffer_).substr(ends_[cell], ends_[cell + 1] - ends_[cell]);
  }
  /// Lines of an access log that are no request and so no record.
  struct LeftOut {
    std::uint64_t lines = 0, of = 0;   // of so many that are not empty
    DataError first;
  };
  const LeftOut& left_out() const { return left_out_; }
  /// One sentence on them, with the first one's place; "" when there are none.
  std::string left_out_text() const;
  /// Of the file's bytes (xxhash64); agents compare it with the controller's.
  std::uint64_t hash() const { return hash_; }
  std::size_t memory_bytes() const { return buffer_.capacity() + ends_.capacity() * sizeof(std::uint64_t); }

 private:
  friend class CellWriter;
  std::vector<std::string> columns_;
  std::string buffer_;               // all cells one after the other, unquoted
  std::vector<std::uint64_t> ends_;  // begin of each cell, and one end
  std::size_t rows_ = 0;
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
