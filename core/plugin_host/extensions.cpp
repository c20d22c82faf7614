#include "plugin_host/extensions.hpp"

#include <algorithm>
#include <cstdint>

namespace squall {
namespace {

constexpr std::uint64_t kLogBytesMax = 64u << 10;   // of one line

}  // namespace

Extensions::Extensions(Log log) : root_{}, log_(std::move(log)) {
  root_.abi.struct_size = sizeof(sq_host);
  root_.abi.abi_major = SQ_ABI_MAJOR;
  root_.abi.abi_minor = SQ_ABI_MINOR;
  root_.abi.name = "squall";
  root_.abi.version = SQUALL_VERSION;
  root_.abi.get_extension = &Extensions::get;
  root_.abi.log = &Extensions::write_log;
  root_.self = this;
}

void Extensions::offer(std::string_view id, const void* table, std::uint32_t size) {
  entries_.push_back({std::string(id), table, size});
}

const void* Extensions::get(const sq_host* host, const char* id, std::uint32_t min_size) noexcept {
  const Extensions* self = reinterpret_cast<const Root*>(host)->self;
  for (const Entry& entry : self->entries_) {
    if (entry.id == id) return entry.size >= min_size ? entry.table : nullptr;
  }
  return nullptr;
}

void Extensions::write_log(const sq_host* host, std::uint32_t level, sq_str text) noexcept {
  const Extensions* self = reinterpret_cast<const Root*>(host)->self;
  try {
    std::string_view line("a plugin logs a text of NULL with a length");
    if (text.ptr || text.len == 0) line = {text.ptr, std::min<std::uint64_t>(text.len, kLogBytesMax)};
    if (self->log_) self->log_(level, line);
  } catch (...) {
    // A log line that cannot be written must not end a run.
  }
}

}  // namespace squall
