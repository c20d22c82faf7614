// The http plugin: HTTP/1.1 over the host's streams.  This file is its table and its one export.
#include <squall/plugin.hpp>

#include "assets.hpp"
#include "operations.hpp"
#include "session.hpp"

namespace squall::http {
namespace {

constexpr sq_protocol kProtocol =
    plugin::protocol<Instance, Prepared, Shard, Session>("http", kOperations, kOptions);

void begin() {
  if (!plugin::host.stream || !plugin::host.target)
    throw plugin::Refusal(SQ_E_UNSUPPORTED, "host lacks squall.stream/1 or squall.target/1");
  begin_html();
}

}  // namespace
}  // namespace squall::http

SQUALL_PROTOCOL_PLUGIN_WITH("org.squall.http", SQUALL_VERSION, "HTTP/1.1 client", "Apache-2.0", 0,
                            ::squall::http::kProtocol, ::squall::http::begin,
                            ::squall::plugin::nothing)
