#include "mosquitto_properties.hpp"

#include <mqtt_protocol.h>

#include <cstdlib>
#include <squall/plugin.hpp>
#include <string>

#include "packet_size.hpp"
#include "property_names.hpp"

namespace squall::mqtt {
namespace {

/// A number that was given as a number, a duration (seconds), or a text such as a template yields.
uint32_t number_of(const sq_value& value) {
  if (value.type == SQ_T_DURATION) return static_cast<uint32_t>(value.u.i64 / 1'000'000'000);
  if (value.type == SQ_T_STR)
    return static_cast<uint32_t>(
        std::strtoul(std::string(plugin::as_text(value)).c_str(), nullptr, 10));
  return static_cast<uint32_t>(plugin::as_int(value));
}

int add(mosquitto_property** list, const std::string& name, const sq_value& value) {
  std::string text;
  plugin::append_text(text, value);
  switch (property_of(name)) {
    case Property::payload_format:
      return mosquitto_property_add_byte(list, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR,
                                         static_cast<uint8_t>(number_of(value)));
    case Property::message_expiry:
      return mosquitto_property_add_int32(list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                          number_of(value));
    case Property::topic_alias:
      return mosquitto_property_add_int16(list, MQTT_PROP_TOPIC_ALIAS,
                                          static_cast<uint16_t>(number_of(value)));
    case Property::content_type:
      return mosquitto_property_add_string(list, MQTT_PROP_CONTENT_TYPE, text.c_str());
    case Property::response_topic:
      return mosquitto_property_add_string(list, MQTT_PROP_RESPONSE_TOPIC, text.c_str());
    case Property::correlation_data:
      if (text.size() > 65535) return MOSQ_ERR_INVAL;
      return mosquitto_property_add_binary(list, MQTT_PROP_CORRELATION_DATA, text.data(),
                                           static_cast<uint16_t>(text.size()));
    case Property::user: break;
  }
  return mosquitto_property_add_string_pair(list, MQTT_PROP_USER_PROPERTY, name.c_str(),
                                            text.c_str());
}

uint64_t text_bytes(char* text) {
  const uint64_t size = text ? 2 + std::char_traits<char>::length(text) : 2;
  std::free(text);
  return size;
}

/// The value of the property that `one` points at, by the type that its identifier implies.
uint64_t value_bytes(const mosquitto_property* one, int identifier) {
  const char* const name = mosquitto_property_identifier_to_string(identifier);
  int type = 0, same = 0;
  if (!name || mosquitto_string_to_property_info(name, &same, &type) != MOSQ_ERR_SUCCESS) return 0;
  switch (type) {
    case MQTT_PROP_TYPE_BYTE: return 1;
    case MQTT_PROP_TYPE_INT16: return 2;
    case MQTT_PROP_TYPE_INT32: return 4;
    case MQTT_PROP_TYPE_VARINT: {
      uint32_t value = 0;
      mosquitto_property_read_varint(one, identifier, &value, false);
      return variable_integer_size(value);
    }
    case MQTT_PROP_TYPE_BINARY: {
      void* data = nullptr;
      uint16_t size = 0;
      mosquitto_property_read_binary(one, identifier, &data, &size, false);
      std::free(data);
      return 2u + size;
    }
    case MQTT_PROP_TYPE_STRING: {
      char* text = nullptr;
      mosquitto_property_read_string(one, identifier, &text, false);
      return text_bytes(text);
    }
    case MQTT_PROP_TYPE_STRING_PAIR: {
      char *key = nullptr, *text = nullptr;
      mosquitto_property_read_string_pair(one, identifier, &key, &text, false);
      return text_bytes(key) + text_bytes(text);
    }
    default: return 0;
  }
}

}  // namespace

MosquittoProperties::MosquittoProperties(std::span<const sq_pair> given) {
  for (const sq_pair& pair : given)
    if (add(&list_, std::string(plugin::view(pair.key)), pair.value) != MOSQ_ERR_SUCCESS)
      is_valid_ = false;
}

uint64_t property_bytes(const mosquitto_property* list) {
  uint64_t bytes = 0;
  for (; list; list = mosquitto_property_next(list)) {
    const int identifier = mosquitto_property_identifier(list);
    bytes += 1 + value_bytes(list, identifier);  // every identifier so far takes one byte
  }
  return bytes;
}

}  // namespace squall::mqtt
