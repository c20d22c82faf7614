#include "content.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <squall/plugin.hpp>

namespace squall::tcp {
namespace {

constexpr uint64_t kArenaBytes =
    4 << 20;  // larger than a core's own cache would be slower, not truer
constexpr uint64_t kArenaFileBytes = 4 << 20;

/// One step of the splitmix64 sequence.
uint64_t next_random(uint64_t& state) {
  uint64_t bits = state += 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

plugin::Refusal file_error(const std::string& path, const char* what) {
  return plugin::invalid("file " + path + ": " + what);
}

}  // namespace

/// Each 8 bytes hold their own number, little-endian: a hole or a swap shows in a hex dump.
std::shared_ptr<const Arena> Arena::pattern() {
  return std::make_shared<Arena>(kArenaBytes, [](char* bytes, uint64_t size) {
    for (uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i / 8 >> 8 * (i % 8));
  });
}

std::shared_ptr<const Arena> Arena::random(uint64_t seed) {
  return std::make_shared<Arena>(kArenaBytes, [seed](char* bytes, uint64_t size) {
    uint64_t state = seed;
    for (uint64_t i = 0; i < size; i += 8) {
      const uint64_t word = next_random(state);
      std::memcpy(bytes + i, &word, 8);
    }
  });
}

Content::Content(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw file_error(path, ::strerrordesc_np(errno));
  struct stat status {};
  const char* problem = nullptr;
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
    problem = "not a regular file";
  else if (status.st_size == 0)
    problem = "is empty";
  if (!problem && static_cast<uint64_t>(status.st_size) <= kArenaFileBytes) {
    // A small file repeated is an arena: no call to the kernel for each of its copies.
    arena_ = std::make_shared<Arena>(
        static_cast<uint64_t>(status.st_size), [&](char* bytes, uint64_t size) {
          for (uint64_t at = 0; at < size && !problem;) {
            const ssize_t n = ::pread(file, bytes + at, size - at, static_cast<off_t>(at));
            if (n <= 0)
              problem = "cannot be read";
            else
              at += static_cast<uint64_t>(n);
          }
        });
  }
  if (problem || arena_) ::close(file);
  if (problem) throw file_error(path, problem);
  if (arena_) return;
  file_ = file;
  file_size_ = static_cast<uint64_t>(status.st_size);
}

Content::~Content() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace squall::tcp
