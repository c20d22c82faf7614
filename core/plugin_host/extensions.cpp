#include "plugin_host/extensions.hpp"

namespace squall {

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
    if (self->log_) self->log_(level, std::string_view(text.ptr, text.len));
  } catch (...) {
    // A log line that cannot be written must not end a run.
  }
}

}  // namespace squall
