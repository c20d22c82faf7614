#include "plugin_host/checked/host_tables.hpp"

namespace squall::checked {
namespace {

template <typename Table>
const void* put_between(const Table*& real, const void* table, const Table& checking) {
  real = static_cast<const Table*>(table);
  return &checking;
}

}  // namespace

const void* host_table(std::string_view id, const void* table) {
  if (id == SQ_CALLS_V1) return put_between(host.calls, table, kCalls);
  if (id == SQ_LOOP_V1) return put_between(host.loop, table, kLoop);
  if (id == SQ_FDWATCH_V1) return put_between(host.watches, table, kWatches);
  if (id == SQ_STREAM_V1) return put_between(host.streams, table, kStreams);
  if (id == SQ_DATAGRAM_V1) return put_between(host.datagrams, table, kDatagrams);
  if (id == SQ_TARGET_V1) return put_between(host.targets, table, kTargets);
  if (id == SQ_SOURCE_V1) return put_between(host.sources, table, kSources);
  if (id == SQ_SAMPLES_V1) return put_between(host.samples, table, kSamples);
  if (id == SQ_USERS_V1) return put_between(host.users, table, kUsers);
  if (id == SQ_RECORDS_V1) return put_between(host.records, table, kRecords);
  return table;
}

}  // namespace squall::checked
