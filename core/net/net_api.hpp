// The C tables of abi.h that this room fills.  They find their shard through sq_shard::net and
// check their arguments; everything else happens in the classes.
#pragma once

#include <squall/abi.h>

#include <cstdint>

namespace squall {

class TargetTable;

const sq_stream_api* stream_api();
const sq_fdwatch_api* fdwatch_api();
const sq_dgram_api* datagram_api();
const sq_target_api* target_api();

/// The table for an extension id ("squall.stream/1" …) when it is one of this room's, else null.
const void* net_extension(const char* id, std::uint32_t min_size);

/// sq_target_api::match has no argument that leads to an allow-list, so it asks that of the process: the engine sets it before plugins run and clears it (null) after. [main]
void set_process_targets(const TargetTable*);

}  // namespace squall
