#include "message_body.hpp"

#include <unistd.h>

#include <cerrno>

namespace squall::mqtt {
namespace {

constexpr uint64_t kPayloadMax = 268'435'455 - 65'540;  // what a remaining length can hold

Failure append_file(std::string& scratch, const sq_chunk& chunk) {
  uint64_t at = 0;
  const size_t begin = scratch.size();
  scratch.resize(begin + chunk.len);
  while (at < chunk.len) {
    const ssize_t got = ::pread(chunk.fd, scratch.data() + begin + at, chunk.len - at,
                                static_cast<off_t>(chunk.offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {SQ_K_LOCAL_RESOURCE, 0, errno_text(errno), false};
    if (got == 0) return {SQ_K_LOCAL_RESOURCE, 0, "the payload's file has become shorter", false};
    at += static_cast<uint64_t>(got);
  }
  return {};
}

Failure read_source(sq_source* source, std::string& scratch, std::string_view& out) {
  const uint64_t size = plugin::host.source->size(source);
  scratch.clear();
  for (;;) {
    sq_chunk chunk{};
    chunk.fd = -1;
    if (plugin::host.source->next(source, kPayloadMax, &chunk) != SQ_OK)
      return {SQ_K_LOCAL_RESOURCE, 0, "the payload cannot be read", false};
    const uint64_t length = chunk.fd < 0 ? chunk.mem.len : chunk.len;
    if (length == 0) break;
    if (scratch.size() + length > kPayloadMax)
      return {SQ_K_LIMIT, 0, "the payload is longer than MQTT allows", false};
    if (chunk.fd >= 0) {
      if (const Failure failure = append_file(scratch, chunk)) return failure;
      continue;
    }
    if (length == size) {
      out = plugin::view(chunk.mem);
      return {};
    }
    scratch.append(plugin::view(chunk.mem));
  }
  out = scratch;
  return {};
}

}  // namespace

Failure read_body(const plugin::Bound& payload, const sq_value* args, std::string& scratch,
                  std::string_view& out) {
  const sq_value& value = payload.of(args);
  if (sq_source* const source = plugin::as_source(value)) {
    // One source that every call reads: each begins at its beginning.
    if (payload.is_static() && plugin::host.source->rewind(source) != SQ_OK)
      return {SQ_K_LOCAL_RESOURCE, 0, "the payload cannot be read again", false};
    return read_source(source, scratch, out);
  }
  if (value.type == SQ_T_STR || value.type == SQ_T_BYTES) {
    out = plugin::as_text(value);
  } else {  // a bare number or bool, as the user wrote it
    scratch.clear();
    plugin::append_text(scratch, value);
    out = scratch;
  }
  if (out.size() > kPayloadMax)
    return {SQ_K_LIMIT, 0, "the payload is longer than MQTT allows", false};
  return {};
}

}  // namespace squall::mqtt
