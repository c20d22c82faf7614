#include "connect_options.hpp"

#include "operations.hpp"
#include "packet_size.hpp"
#include "topic.hpp"

namespace squall::mqtt {
namespace {

using plugin::as_bool, plugin::as_int, plugin::as_text, plugin::invalid;
constexpr int64_t kSecond = 1'000'000'000;

bool read_version(const sq_value& value) {
  std::string text;
  plugin::append_text(text, value);
  if (text == "5") return true;
  if (text == "3.1.1") return false;
  throw invalid("version must be 3.1.1 or 5, not \"" + text + "\"");
}

bool read_client(const sq_value& value) {
  const std::string_view text = as_text(value);
  if (text == "paho") return true;
  if (text == "mosquitto") return false;
  throw invalid("client must be mosquitto or paho, not \"" + std::string(text) + "\"");
}

uint16_t read_keep_alive(const sq_value& value) {
  const int64_t ns = as_int(value);
  // Five seconds is libmosquitto's least, and one rule for both clients is easier to remember.
  if (ns == 0) return 0;
  if (ns % kSecond != 0 || ns < 5 * kSecond || ns > 65535 * kSecond)
    throw invalid("keep_alive must be whole seconds from 5s to 65535s, or 0s for none");
  return static_cast<uint16_t>(ns / kSecond);
}

Will read_will(const sq_value& value) {
  Will will;
  for (const sq_pair& pair : plugin::as_map(value)) {
    const std::string_view key = plugin::view(pair.key);
    if (key == "topic") will.topic = as_text(pair.value);
    else if (key == "payload") plugin::append_text(will.payload, pair.value);
    else if (key == "qos") will.qos = static_cast<int>(as_int(pair.value, -1));
    else if (key == "retain") will.retain = as_bool(pair.value);
    else throw invalid("will knows topic, payload, qos, retain, not \"" + std::string(key) + "\"");
  }
  if (!is_topic_name(will.topic)) throw invalid("will needs a topic without wildcards");
  if (will.qos < 0 || will.qos > 2) throw invalid("will: qos must be 0, 1 or 2");
  return will;
}

std::optional<std::string> read_text(const plugin::Bound& bound, const sq_value* args) {
  if (!bound.given) return std::nullopt;
  std::string text;
  plugin::append_text(text, bound.of(args));
  return text;
}

}  // namespace

uint64_t ConnectOptions::packet_bytes(std::string_view actual_client_id) const {
  uint64_t remaining = 10 + properties_size(is_v5, 0) + 2 + actual_client_id.size();
  if (will)
    remaining += properties_size(is_v5, 0) + 2 + will->topic.size() + 2 + will->payload.size();
  if (user) remaining += 2 + user->size();
  if (password) remaining += 2 + password->size();
  return packet_size(remaining);
}

ConnectOptions default_options(std::span<const sq_pair> instance_options) {
  ConnectOptions options;
  if (const sq_value* value = plugin::find(instance_options, "version"))
    options.is_v5 = read_version(*value);
  if (const sq_value* value = plugin::find(instance_options, "client"))
    options.is_paho = read_client(*value);
  if (const sq_value* value = plugin::find(instance_options, "keep_alive"))
    options.keep_alive_s = read_keep_alive(*value);
  return options;
}

ConnectOptions options_of(const ConnectOptions& defaults, const plugin::Args& bindings,
                          const sq_value* args) {
  using P = ConnectParam;
  ConnectOptions options = defaults;
  if (bindings[P::kVersion].given) options.is_v5 = read_version(bindings[P::kVersion].of(args));
  if (bindings[P::kClient].given) options.is_paho = read_client(bindings[P::kClient].of(args));
  if (bindings[P::kKeepAlive].given)
    options.keep_alive_s = read_keep_alive(bindings[P::kKeepAlive].of(args));
  if (bindings[P::kClean].given) options.clean = as_bool(bindings[P::kClean].of(args), true);
  if (bindings[P::kWill].given) options.will = read_will(bindings[P::kWill].of(args));
  options.client_id = read_text(bindings[P::kClientId], args).value_or("");
  options.user = read_text(bindings[P::kUser], args);
  options.password = read_text(bindings[P::kPassword], args);
  if (options.client_id.find('\0') != std::string::npos || options.client_id.size() > 65535)
    throw invalid("client_id must be at most 65535 bytes without NUL");
  if (options.password && !options.user && !options.is_v5)
    throw invalid("MQTT 3.1.1 takes a password only with a user");
  return options;
}

}  // namespace squall::mqtt
