// The host's tables as a plugin gets them that is checked: the same functions, which look at what they are given, lend
// what they hand out, and then ask the host's own. Nothing of it is in the way when plugins are not checked.
#pragma once

#include <squall/abi.h>

#include <string_view>

namespace squall::checked {

/// The checking table for `id`, which asks `table`; where there is none, `table`. [main], before a plugin is loaded
const void* host_table(std::string_view id, const void* table);

/// The host's own. Set by host_table().
struct HostTables {
  const sq_calls_api* calls = nullptr;
  const sq_loop_api* loop = nullptr;
  const sq_fdwatch_api* watches = nullptr;
  const sq_stream_api* streams = nullptr;
  const sq_dgram_api* datagrams = nullptr;
  const sq_target_api* targets = nullptr;
  const sq_source_api* sources = nullptr;
  const sq_samples_api* samples = nullptr;
  const sq_users_api* users = nullptr;
  const sq_records_api* records = nullptr;
};
inline constinit HostTables host{};

// A file each.
extern const sq_calls_api kCalls;
extern const sq_loop_api kLoop;
extern const sq_fdwatch_api kWatches;
extern const sq_stream_api kStreams;
extern const sq_dgram_api kDatagrams;
extern const sq_target_api kTargets;
extern const sq_source_api kSources;
extern const sq_samples_api kSamples;
extern const sq_users_api kUsers;
extern const sq_records_api kRecords;

}  // namespace squall::checked
