// The names that `properties:` of a publish gives to MQTT 5's own properties. Any other name is a
// user property.
#pragma once
#include <string_view>

namespace squall::mqtt {

enum class Property {
  payload_format,
  message_expiry,
  content_type,
  response_topic,
  correlation_data,
  topic_alias,
  user
};

constexpr Property property_of(std::string_view name) {
  if (name == "payload_format") return Property::payload_format;
  if (name == "message_expiry") return Property::message_expiry;
  if (name == "content_type") return Property::content_type;
  if (name == "response_topic") return Property::response_topic;
  if (name == "correlation_data") return Property::correlation_data;
  if (name == "topic_alias") return Property::topic_alias;
  return Property::user;
}

}  // namespace squall::mqtt
