// Records on disk that the target did not take: a folder of segment files, first in first out, that
// outlives the run.
//
//   segment-000000000007:  "squall-spool 1 KIND\n", then for each record
//                          length, CRC-32 of the bytes, items (32 bits each, little-endian), bytes
//
// A file is only appended to, and goes when the target has all of it.  A crash may tear the last
// record: the file counts up to there.  Not synced: it is made to outlive a process, not the power.
// One process has the folder at a time.  Blocking; one thread.
#pragma once
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire.hpp"

namespace squall::sink {

class Spool {
 public:
  struct Segment {
    std::vector<Record> records;
    uint64_t lost_items = 0;  // they were written and cannot be read any more
    bool is_earlier = false;  // it was there when the spool was opened
  };

  /// Makes the folder when there is none.  `kind` says whose records these are: a folder with
  /// others is refused.  Throws plugin::Refusal.
  Spool(std::string folder, std::string kind, uint64_t limit_bytes, uint64_t segment_bytes);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  /// How many of them it has taken; fewer than all: problem() says why.
  size_t append(std::span<const Record> records);
  bool is_empty() const { return files_.empty(); }
  /// Of the records that earlier runs have left, as found.
  uint64_t earlier_items() const { return earlier_items_; }

  /// The oldest segment, which stays until it is removed.
  std::optional<Segment> front();
  void remove_front();
  /// Leaves only these in it.  False: it is as it was.
  bool replace_front(std::span<const Record> records);

  const std::string& folder() const { return folder_; }
  const std::string& problem() const { return problem_; }

 private:
  struct File {
    uint64_t number = 0, bytes = 0, items = 0;
    bool is_earlier = false;
  };
  std::string path(uint64_t number) const;
  std::string contents(uint64_t number);
  bool begin_file();
  void end_file();
  bool fail(const std::string& what, int error);

  std::string folder_, header_, problem_;
  uint64_t limit_bytes_, segment_bytes_;
  uint64_t bytes_ = 0, earlier_items_ = 0, next_number_ = 1;
  std::deque<File> files_;  // oldest first
  int lock_ = -1, fd_ = -1;  // fd_: files_.back() is being appended to
};

}  // namespace squall::sink
