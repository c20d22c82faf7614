// squall.records/1, checked.
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/users.hpp"

namespace squall::checked {
namespace {

using RecordEnd = void (*)(void* context, sq_status, sq_record*) noexcept;

std::uint32_t any_free(sq_user* user, sq_str dataset) noexcept {
  const auto own = users().find(user, "records.any_free");
  return own && must(is_view(dataset), "records.any_free(): a name of NULL with a length") ? host.records->any_free(own->real, dataset) : 0;
}

sq_status acquire(sq_user* user, sq_str dataset, const sq_pair* where, std::uint64_t n, std::uint64_t timeout_ns, RecordEnd fn,
                  void* context, sq_error* error) noexcept {
  const auto own = users().find(user, "records.acquire");
  if (!own || !must(is_view(dataset), "records.acquire(): a name of NULL with a length") ||
      !must(is_view(where, n), "records.acquire(): NULL for its columns") || !must(fn, "records.acquire() without a function")) {
    return SQ_E_INVALID;
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    const bool is_text = where[i].value.type == SQ_T_STR && is_view(where[i].key) && is_view(where[i].value.u.str);
    if (!must(is_text, "records.acquire(): the value of a column is no text")) return SQ_E_INVALID;
  }
  return host.records->acquire(own->real, dataset, where, n, timeout_ns, fn, context, error);
}

sq_status field(const sq_record* record, sq_str column, sq_str* out) noexcept {
  if (!must(record, "records.field() without a record") || !must(is_view(column), "records.field(): a name of NULL with a length") ||
      !must(out, "records.field() without room for its text")) {
    return SQ_E_INVALID;
  }
  return host.records->field(record, column, out);
}

void release(sq_user* user, sq_record* record) noexcept {
  const auto own = users().find(user, "records.release");
  if (own && must(record, "records.release() without a record")) host.records->release(own->real, record);
}

}  // namespace

constinit const sq_records_api kRecords{sizeof(sq_records_api), 0, any_free, acquire, field, release};

}  // namespace squall::checked
