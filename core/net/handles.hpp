// The opaque handles of abi.h that this room owns.  The classes derive from them, so a handle turns
// into its object by static_cast and no table of handles is needed.
#pragma once

#include <squall/abi.h>

namespace squall {
class ShardNet;
}

struct sq_watch {};
struct sq_stream {};
struct sq_dgram {};
struct sq_target {};
/// What a plugin holds of a shard.  The engine's shard derives from it and sets `net`.
struct sq_shard {
  squall::ShardNet* net = nullptr;
};
