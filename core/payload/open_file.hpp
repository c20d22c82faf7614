// A file that bodies are ranges of: opened once at load time, read by sendfile or pread from any
// shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "result.hpp"

namespace squall {

class OpenFile {
 public:
  /// Errors: cannot be opened, not a regular file.
  static Result<std::shared_ptr<const OpenFile>> open(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  /// As it was when it was opened; a file that shrinks during the run gives a read error, not
  /// rubbish.
  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  OpenFile(int descriptor, std::uint64_t size, std::string path)
      : descriptor_(descriptor), size_(size), path_(std::move(path)) {}
  int descriptor_;
  std::uint64_t size_;
  std::string path_;
};

/// The file, or all regular files of a folder sorted by name (at most 1,000, for descriptors are
/// few).
Result<std::vector<std::shared_ptr<const OpenFile>>> open_files(const std::string& path);

}  // namespace squall
