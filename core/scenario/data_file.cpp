#include "scenario/data_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace squall {
namespace {

std::int64_t mtime_ns(const struct stat& is) { return is.st_mtim.tv_sec * std::int64_t{1'000'000'000} + is.st_mtim.tv_nsec; }

Error of_errno() { return Error{fmt::format("cannot be read: {}", std::strerror(errno))}; }

}  // namespace

FileHash::FileHash() : state_(XXH64_createState()) { reset(); }
void FileHash::reset() { XXH64_reset(state_.get(), 0); }
void FileHash::add(std::string_view bytes) { XXH64_update(state_.get(), bytes.data(), bytes.size()); }
std::uint64_t FileHash::digest() const { return XXH64_digest(state_.get()); }
std::uint64_t FileHash::of(std::string_view bytes) { return XXH64(bytes.data(), bytes.size(), 0); }
void FileHash::Free::operator()(XXH64_state_s* state) const { XXH64_freeState(state); }

Result<DataFile> DataFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return of_errno();
  struct stat is {};
  if (::fstat(fd, &is) != 0) {
    const Error error = of_errno();
    ::close(fd);
    return error;
  }
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return DataFile(fd, static_cast<std::uint64_t>(is.st_size), mtime_ns(is));
}

DataFile::DataFile(DataFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_), changed_ns_(other.changed_ns_) {}

DataFile::~DataFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::size_t> DataFile::read(char* into, std::size_t bytes, std::uint64_t offset) const {
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t now = ::pread(fd_, into + got, bytes - got, static_cast<off_t>(offset + got));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return of_errno();
    if (now == 0) break;
    got += static_cast<std::size_t>(now);
  }
  return got;
}

std::string DataFile::change() const {
  struct stat is {};
  if (::fstat(fd_, &is) != 0) return of_errno().text;
  const auto bytes = static_cast<std::uint64_t>(is.st_size);
  if (bytes < bytes_) return fmt::format("was cut off, to {} of {} bytes,", bytes, bytes_);
  if (bytes != bytes_ || mtime_ns(is) != changed_ns_) return "has changed";
  return {};
}

void DataFile::expect_jumps() const { ::posix_fadvise(fd_, 0, 0, POSIX_FADV_RANDOM); }

void DataFile::ask_for(std::uint64_t offset, std::uint64_t bytes) const {
  ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_WILLNEED);
}

}  // namespace squall
