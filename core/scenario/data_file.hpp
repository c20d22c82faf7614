// A data file on the disk, held open: a file that takes its name later does not come in its place, and what changes in it
// is noticed. It is read by offset and never mapped: a file that is cut off is an error then, and no SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "result.hpp"

struct XXH64_state_s;

namespace squall {

/// xxhash64 of bytes that come in parts.
class FileHash {
 public:
  FileHash();
  void reset();
  void add(std::string_view bytes);
  std::uint64_t digest() const;
  static std::uint64_t of(std::string_view bytes);

 private:
  struct Free { void operator()(XXH64_state_s* state) const; };
  std::unique_ptr<XXH64_state_s, Free> state_;
};

/// Thread: reading by any, once it is open.
class DataFile {
 public:
  static Result<DataFile> open(const std::string& path);
  DataFile(DataFile&& other) noexcept;
  DataFile& operator=(DataFile&&) = delete;
  ~DataFile();

  /// As it was when it was opened.
  std::uint64_t bytes() const { return bytes_; }
  /// Up to `bytes`, less only at the end of the file. Errors: why it cannot be read.
  Result<std::size_t> read(char* into, std::size_t bytes, std::uint64_t offset) const;
  /// "" or how it differs from the file that was opened, for "FILE … since it was read".
  std::string change() const;
  /// From now on it is read here and there: the kernel reads no more than it is asked for.
  void expect_jumps() const;
  /// These bytes are wanted soon.
  void ask_for(std::uint64_t offset, std::uint64_t bytes) const;

 private:
  DataFile(int fd, std::uint64_t bytes, std::int64_t changed_ns) : fd_(fd), bytes_(bytes), changed_ns_(changed_ns) {}

  int fd_;
  std::uint64_t bytes_;
  std::int64_t changed_ns_;   // its mtime
};

}  // namespace squall
