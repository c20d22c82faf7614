#include "file_sink.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <squall/plugin.hpp>

namespace squall::jsonl {

FileSink::FileSink(const std::string& path) : path_(path) {
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) throw plugin::invalid("cannot write " + path + ": " + ::strerrordesc_np(errno));
  if (!path.ends_with(".gz")) return;
  auto deflater = std::make_unique<z_stream_s>();
  *deflater = {};
  // 15 + 16: a gzip header.  Level 1: a fast run has hundreds of thousands of lines a second.
  if (::deflateInit2(deflater.get(), 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    ::close(fd_);
    throw std::bad_alloc();
  }
  deflater_ = deflater.release();
}

FileSink::~FileSink() {
  if (deflater_) {
    ::deflateEnd(deflater_);
    delete deflater_;
  }
  if (fd_ >= 0) ::close(fd_);
}

bool FileSink::write(std::string_view bytes) {
  if (!problem_.empty()) return false;
  if (!(deflater_ ? compress(bytes, false) : put(bytes))) return false;
  whole_ = written_;
  return true;
}

bool FileSink::compress(std::string_view bytes, bool is_last) {
  constexpr size_t kStep = 256 << 10;
  compressed_.resize(kStep);
  deflater_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  size_t rest = bytes.size();
  do {
    const size_t part = std::min<size_t>(rest, UINT32_MAX / 2);
    if (deflater_->avail_in == 0) {
      deflater_->avail_in = static_cast<uInt>(part);
      rest -= part;
    }
    deflater_->next_out = reinterpret_cast<Bytef*>(compressed_.data());
    deflater_->avail_out = kStep;
    ::deflate(deflater_, rest > 0 ? Z_NO_FLUSH : is_last ? Z_FINISH : Z_SYNC_FLUSH);
    if (!put({compressed_.data(), kStep - deflater_->avail_out})) return false;
  } while (deflater_->avail_in > 0 || deflater_->avail_out == 0 || rest > 0);
  return true;
}

bool FileSink::put(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      fail(errno);
      return false;
    }
    written_ += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void FileSink::fail(int error) {
  problem_ = "cannot write " + path_ + ": " + ::strerrordesc_np(error);
  // Not every file can be cut (a pipe, /dev/full); then the reader sees that the end line is
  // missing.
  if (::ftruncate(fd_, static_cast<off_t>(whole_)) == 0) ::lseek(fd_, 0, SEEK_END);
}

bool FileSink::close() {
  if (problem_.empty() && deflater_) compress({}, true);
  if (::close(std::exchange(fd_, -1)) != 0 && problem_.empty())
    problem_ = "cannot close " + path_ + ": " + ::strerrordesc_np(errno);
  return problem_.empty();
}

}  // namespace squall::jsonl
