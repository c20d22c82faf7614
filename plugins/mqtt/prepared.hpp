// One step of a scenario, compiled once: its bindings, and what of them can be checked or copied
// before the run. Immutable, shared by all shards.
#pragma once
#include <memory>
#include <squall/plugin.hpp>

#include "connect_options.hpp"
#include "shard.hpp"

namespace squall::mqtt {

struct Prepared {
  /// Errors: Refusal, with what is wrong and in which parameter.
  Prepared(Instance& instance, uint32_t operation, std::span<const sq_binding> bindings,
           const sq_wants& wants);

  Instance& instance;
  const uint32_t operation;
  const plugin::Args args;
  std::shared_ptr<const ConnectOptions> connect;  // when no call may change them
  std::vector<std::string> filters;               // of a subscribe whose filters are all fixed
};

}  // namespace squall::mqtt
