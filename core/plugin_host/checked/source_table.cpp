// squall.source/1, checked.
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/rules.hpp"

namespace squall::checked {
namespace {

std::uint64_t size(sq_source* source) noexcept {
  return must(source, "source.size() without a source") ? host.sources->size(source) : 0;
}

sq_status next(sq_source* source, std::uint64_t max, sq_chunk* out) noexcept {
  const bool is_sound = must(source, "source.next() without a source") && must(out, "source.next() without room for its chunk");
  return is_sound ? host.sources->next(source, max, out) : SQ_E_INVALID;
}

sq_status rewind(sq_source* source) noexcept {
  return must(source, "source.rewind() without a source") ? host.sources->rewind(source) : SQ_E_INVALID;
}

}  // namespace

constinit const sq_source_api kSources{sizeof(sq_source_api), 0, size, next, rewind};

}  // namespace squall::checked
