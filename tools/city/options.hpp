// The command line of `city`. Parses and explains it; opens nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mqtt_subscriber.hpp"

namespace squall::city {

/// Where a port listens. Port 0: a free one.
struct Address {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
};

struct Options {
  // Nothing: the port is off.
  std::optional<Address> http = Address{}, https = Address{}, tcp = Address{},
                         tcp_prefix = Address{}, dump = Address{}, udp = Address{},
                         udp_echo = Address{};
  Address control;
  std::optional<MqttSubscriber::Options> mqtt;
  std::string ready_file, journal, tls_directory, tls_client_ca;
  unsigned threads = 1;
  bool has_dump_checksums = false;
  bool wants_help = false;
};

/// Throws std::invalid_argument with one line that names the option and the value.
Options parse_options(int argc, char** argv);

extern const char kHelp[];

}  // namespace squall::city
