// MQTT 3.1.1 and 5 for squall, through libmosquitto or paho-mqtt-cpp. This file is the plugin's
// face: the table the host calls and its one export.
#include <mosquitto.h>

#include <squall/plugin.hpp>

#include "client.hpp"
#include "operations.hpp"
#include "prepared.hpp"
#include "session.hpp"
#include "shard.hpp"

namespace squall::mqtt {
namespace {

constexpr sq_protocol kProtocol =
    plugin::protocol<Instance, Prepared, Shard, Session>("mqtt", kOperations, kInstanceOptions);

void on_init() {
  if (!plugin::host.fdwatch || !plugin::host.target || !plugin::host.source)
    throw plugin::Refusal(SQ_E_UNSUPPORTED,
                          "mqtt needs squall.fdwatch/1, squall.target/1 and squall.source/1");
  // Its counterpart is left out: it would take OpenSSL's configuration away from the whole process.
  mosquitto_lib_init();
}

}  // namespace
}  // namespace squall::mqtt

SQUALL_PROTOCOL_PLUGIN_WITH("org.squall.mqtt", "0.1.0", "MQTT 3.1.1 and 5 clients", "Apache-2.0",
                            SQ_PLUGIN_OWN_THREADS, squall::mqtt::kProtocol, squall::mqtt::on_init,
                            squall::mqtt::stop_paho)
