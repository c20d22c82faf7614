// How many bytes a control packet takes on the wire (fixed header and remaining length, MQTT 5.0
// section 2 and 3): no client library tells, and a call's bytes must add up to the broker's.
#pragma once
#include <cstdint>

namespace squall::mqtt {

constexpr uint64_t variable_integer_size(uint64_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}
constexpr uint64_t packet_size(uint64_t remaining) {
  return 1 + variable_integer_size(remaining) + remaining;
}
/// The property block of a version 5 packet: its length, then the properties.
constexpr uint64_t properties_size(bool is_v5, uint64_t properties) {
  return is_v5 ? variable_integer_size(properties) + properties : 0;
}
constexpr uint64_t publish_size(bool is_v5, uint64_t topic, uint64_t payload, int qos,
                                uint64_t properties) {
  return packet_size(2 + topic + (qos > 0 ? 2 : 0) + properties_size(is_v5, properties) + payload);
}
/// PUBACK, PUBREC, PUBREL, PUBCOMP: version 5 leaves a reason of 0 and no properties out.
constexpr uint64_t ack_size(bool is_v5, int32_t reason, uint64_t properties) {
  if (!is_v5 || (reason == 0 && properties == 0)) return 4;
  return packet_size(3 + (properties ? properties_size(true, properties) : 0));
}
/// `filters`: the bytes of all filters; each also takes a length and an options byte.
constexpr uint64_t subscribe_size(bool is_v5, uint64_t count, uint64_t filters) {
  return packet_size(2 + properties_size(is_v5, 0) + count * 3 + filters);
}
constexpr uint64_t suback_size(bool is_v5, uint64_t count, uint64_t properties) {
  return packet_size(2 + properties_size(is_v5, properties) + count);
}
constexpr uint64_t connack_size(bool is_v5, uint64_t properties) {
  return packet_size(2 + properties_size(is_v5, properties));
}

}  // namespace squall::mqtt
