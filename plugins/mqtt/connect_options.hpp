// What a session connects with, owned: a reconnect uses it long after the call that gave it.
// Also the instance's defaults, from which an implicit connect is made. Reads values, opens nothing.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <squall/plugin.hpp>
#include <string>

namespace squall::mqtt {

struct Will {
  std::string topic, payload;
  int qos = 0;
  bool retain = false;
  bool operator==(const Will&) const = default;
};

struct ConnectOptions {
  bool is_v5 = false;
  bool is_paho = false;
  bool clean = true;
  uint16_t keep_alive_s = 60;
  std::string client_id;  // empty: the link makes one up
  std::optional<std::string> user, password;
  std::optional<Will> will;

  bool operator==(const ConnectOptions&) const = default;
  /// Bytes of the CONNECT packet.
  uint64_t packet_bytes(std::string_view actual_client_id) const;
};

/// `version`, `client`, `keep_alive` of the plugin's options. Errors: Refusal.
ConnectOptions default_options(std::span<const sq_pair> instance_options);
/// The defaults with what a connect step gives; `args` as in start(). Errors: Refusal.
ConnectOptions options_of(const ConnectOptions& defaults, const plugin::Args& bindings,
                          const sq_value* args);

}  // namespace squall::mqtt
