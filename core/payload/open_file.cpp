#include "payload/open_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace squall {

Result<std::shared_ptr<const OpenFile>> OpenFile::open(const std::string& path) {
  // Not blocking: a FIFO named by mistake must not hang the loader.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return Error{"cannot read '" + path + "': " + std::strerror(errno)};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{"'" + path + "' is not a regular file"};
  }
  return std::shared_ptr<const OpenFile>(
      new OpenFile(descriptor, static_cast<std::uint64_t>(status.st_size), path));
}

OpenFile::~OpenFile() { ::close(descriptor_); }

Result<std::vector<std::shared_ptr<const OpenFile>>> open_files(const std::string& path) {
  constexpr std::size_t kMaxFiles = 1000;
  std::vector<std::string> paths;
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) {
    for (const auto& entry : std::filesystem::directory_iterator(path, failure)) {
      if (entry.is_regular_file(failure)) paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    if (paths.empty()) return Error{"the folder '" + path + "' has no files"};
    if (paths.size() > kMaxFiles) {
      return Error{"the folder '" + path + "' has " + std::to_string(paths.size()) +
                   " files (at most 1000)"};
    }
  } else {
    paths.push_back(path);
  }
  std::vector<std::shared_ptr<const OpenFile>> files;
  for (const std::string& one : paths) {
    auto file = OpenFile::open(one);
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  return files;
}

}  // namespace squall
