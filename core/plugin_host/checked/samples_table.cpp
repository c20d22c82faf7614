// squall.samples/1, checked.
#include "plugin_host/checked/host_tables.hpp"
#include "plugin_host/checked/rules.hpp"

namespace squall::checked {
namespace {

sq_series* series(sq_str operation, sq_str name) noexcept {
  const bool is_sound = must(is_view(operation) && is_view(name), "samples.series(): a name of NULL with a length") &&
                        must(operation.len > 0 && name.len > 0, "samples.series() without a name");
  return is_sound ? host.samples->series(operation, name) : nullptr;
}

void record(sq_shard* shard, std::uint64_t session, sq_series* series, std::uint64_t due_ns, std::uint64_t end_ns,
            std::uint32_t outcome, std::uint32_t kind, std::uint64_t bytes) noexcept {
  if (must(shard, "samples.record() without a shard") && must(series, "samples.record() without a series", shard)) {
    host.samples->record(shard, session, series, due_ns, end_ns, outcome, kind, bytes);
  }
}

void count(sq_shard* shard, std::uint64_t session, sq_series* series, std::uint64_t n) noexcept {
  if (must(shard, "samples.count() without a shard") && must(series, "samples.count() without a series", shard)) {
    host.samples->count(shard, session, series, n);
  }
}

}  // namespace

constinit const sq_samples_api kSamples{sizeof(sq_samples_api), 0, series, record, count};

}  // namespace squall::checked
