// The C tables that the engine offers to plugins: calls, loop, source, samples (the sockets' tables are
// net's). One line per table in offer_host_tables(); what they do happens in Shard, Loop and Body.
#pragma once

#include <squall/abi.h>

#include <string>
#include <vector>

#include "plugin_host/extensions.hpp"

// What a plugin answers when something asynchronous of it has ended.
struct sq_done {
  void (*done)(sq_done*, sq_status, sq_str detail) = nullptr;
  void (*written)(sq_done*, const sq_delivery*) = nullptr;
};

namespace squall {

/// Puts the engine's and net's tables into the host. `is_checked`: behind tables that look at what plugins give them;
/// a rule that one breaks is a fault of the shard that it runs on, or, outside of shards, a line of the log. [main]
void offer_host_tables(Extensions& extensions, bool is_checked = false);

/// What plugins want to record outside calls, in the order of their handles. [any]
struct DeliveryName {
  std::string operation, name;
};
std::vector<DeliveryName> delivery_names();

}  // namespace squall
