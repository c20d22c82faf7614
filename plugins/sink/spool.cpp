#include "spool.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <squall/plugin.hpp>

namespace squall::sink {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "segment-";
constexpr size_t kDigits = 12, kHeadBytes = 12;

void append_u32(std::string& out, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t u32_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

uint32_t crc_of(std::string_view bytes) {
  const auto* first = reinterpret_cast<const Bytef*>(bytes.data());
  return static_cast<uint32_t>(::crc32_z(0, first, bytes.size()));
}

std::string framed(const Record& record) {
  std::string out;
  out.reserve(kHeadBytes + record.bytes.size());
  append_u32(out, static_cast<uint32_t>(record.bytes.size()));
  append_u32(out, crc_of(record.bytes));
  append_u32(out, record.items);
  return out.append(record.bytes);
}

/// Up to the first record that is not whole.
std::vector<Record> records_in(std::string_view bytes) {
  std::vector<Record> records;
  while (bytes.size() >= kHeadBytes) {
    const uint32_t length = u32_at(bytes, 0);
    if (bytes.size() - kHeadBytes < length) break;
    const std::string_view body = bytes.substr(kHeadBytes, length);
    if (crc_of(body) != u32_at(bytes, 4)) break;
    records.push_back({std::string(body), u32_at(bytes, 8)});
    bytes.remove_prefix(kHeadBytes + length);
  }
  return records;
}

uint64_t items_of(std::span<const Record> records) {
  uint64_t items = 0;
  for (const Record& record : records) items += record.items;
  return items;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

/// The number in segment-NUMBER; 0: it is called otherwise.
uint64_t number_in(const std::string& name) {
  if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + kDigits) return 0;
  uint64_t number = 0;
  const char* const end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

}  // namespace

Spool::Spool(std::string folder, std::string kind, uint64_t limit_bytes, uint64_t segment_bytes)
    : folder_(std::move(folder)),
      header_("squall-spool 1 " + kind + "\n"),
      limit_bytes_(limit_bytes),
      segment_bytes_(segment_bytes) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw plugin::invalid("spool: cannot make " + folder_ + ": " + error.message());
  const std::string lock = folder_ + "/lock";
  lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0)
    throw plugin::invalid("spool: cannot write " + lock + ": " + ::strerrordesc_np(errno));
  try {
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
      throw plugin::invalid("spool: " + folder_ +
                            " is another run's at the moment: give each a folder of its own");
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const uint64_t number = number_in(entry.path().filename().string());
      if (number != 0) files_.push_back({number, 0, 0, true});
    }
    std::ranges::sort(files_, {}, &File::number);
    for (File& file : files_) {
      const std::string bytes = contents(file.number);
      // A file that a crash left without its whole first line has no record either.
      if (!bytes.starts_with(header_) && !header_.starts_with(bytes))
        throw plugin::invalid("spool: " + path(file.number) + " is of another output: `" +
                              header_.substr(0, header_.size() - 1) +
                              "` would be its first line. Give each output a folder of its own");
      file.bytes = bytes.size();
      const size_t begin = std::min(bytes.size(), header_.size());
      file.items = items_of(records_in(std::string_view(bytes).substr(begin)));
      bytes_ += file.bytes;
      earlier_items_ += file.items;
      next_number_ = file.number + 1;
    }
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

Spool::~Spool() {
  end_file();
  ::close(lock_);
}

std::string Spool::path(uint64_t number) const {
  const std::string digits = std::to_string(number);
  return folder_ + "/" + std::string(kPrefix) +
         std::string(kDigits - std::min(digits.size(), kDigits), '0') + digits;
}

std::string Spool::contents(uint64_t number) {
  std::ifstream in(path(number), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool Spool::fail(const std::string& what, int error) {
  problem_ = "spool: cannot " + what + ": " + ::strerrordesc_np(error);
  return false;
}

bool Spool::begin_file() {
  const std::string name = path(next_number_);
  fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return fail("write " + name, errno);
  if (!write_all(fd_, header_)) {
    fail("write " + name, errno);
    ::unlink(name.c_str());
    end_file();
    return false;
  }
  files_.push_back({next_number_++, header_.size(), 0, false});
  bytes_ += header_.size();
  return true;
}

void Spool::end_file() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

size_t Spool::append(std::span<const Record> records) {
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string bytes = framed(records[i]);
    const uint64_t needed = bytes.size() + (fd_ < 0 ? header_.size() : 0);
    if (bytes_ + needed > limit_bytes_) {
      problem_ = "spool: " + folder_ + " is full (spool_limit)";
      return i;
    }
    if (fd_ >= 0 && files_.back().bytes + bytes.size() > segment_bytes_) end_file();
    if (fd_ < 0 && !begin_file()) return i;
    File& file = files_.back();
    if (!write_all(fd_, bytes)) {
      fail("write " + path(file.number), errno);
      // Back to the last whole record; should that fail, readers stop there by the checksum.
      if (::ftruncate(fd_, static_cast<off_t>(file.bytes)) != 0) end_file();
      return i;
    }
    file.bytes += bytes.size();
    file.items += records[i].items;
    bytes_ += bytes.size();
  }
  return records.size();
}

std::optional<Spool::Segment> Spool::front() {
  if (files_.empty()) return std::nullopt;
  if (files_.size() == 1) end_file();  // what comes now begins another
  const File& file = files_.front();
  Segment segment;
  segment.is_earlier = file.is_earlier;
  const std::string bytes = contents(file.number);
  if (bytes.starts_with(header_))
    segment.records = records_in(std::string_view(bytes).substr(header_.size()));
  const uint64_t found = items_of(segment.records);
  if (found < file.items) {
    segment.lost_items = file.items - found;
    problem_ = "spool: " + path(file.number) + " is damaged";
  }
  return segment;
}

void Spool::remove_front() {
  const File file = files_.front();
  files_.pop_front();
  bytes_ -= file.bytes;
  const std::string name = path(file.number);
  if (::unlink(name.c_str()) != 0 && errno != ENOENT) fail("remove " + name, errno);
}

bool Spool::replace_front(std::span<const Record> records) {
  File& file = files_.front();
  const std::string name = path(file.number), fresh = folder_ + "/fresh";
  std::string bytes = header_;
  for (const Record& record : records) bytes += framed(record);
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail("write " + fresh, errno);
  const bool is_written = write_all(fd, bytes);
  const int error = errno;
  ::close(fd);
  if (!is_written || ::rename(fresh.c_str(), name.c_str()) != 0) {
    fail("write " + name, is_written ? errno : error);
    ::unlink(fresh.c_str());
    return false;
  }
  bytes_ = bytes_ - file.bytes + bytes.size();
  file.bytes = bytes.size();
  file.items = items_of(records);
  return true;
}

}  // namespace squall::sink
