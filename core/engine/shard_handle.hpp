// What a plugin's sq_shard* points to: a shard with users, or the io shard that outputs run on.
#pragma once

#include <cstdint>

#include "net/handles.hpp"

namespace squall {

class Loop;
class Shard;

struct ShardHandle : ::sq_shard {
  Loop* loop = nullptr;
  Shard* shard = nullptr;      // nullptr on the io shard
  std::uint32_t number = 0;
};

}  // namespace squall
