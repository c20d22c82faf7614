#include "options.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <stdexcept>
#include <string_view>

namespace squall::city {

const char kHelp[] =
    R"(city: a target server that counts what it gets, and stalls, delays and fails when told to

Usage: city [options]

Ports (default 127.0.0.1:0, a free one; ADDR:PORT, a bare PORT on 127.0.0.1, or "off"):
  --http A         HTTP/1.1
  --https A        the same over TLS, with a certificate made at start
  --tcp A          echo of messages that end with a newline
  --tcp-prefix A   echo of messages behind a length (u32, big endian)
  --dump A         bulk sink: reads and discards, closes when the peer has ended its stream
  --udp A          datagram sink
  --udp-echo A     datagram echo
  --control A      counters and misbehaviour (cannot be off)

MQTT:
  --mqtt-broker HOST:PORT   count what is published there, as a subscriber
  --mqtt-topic FILTER       default city/#; the second level of a topic is its class
  --mqtt-qos 0|1|2          default 1

TLS:
  --tls-dir DIR             where ca.pem and the rest are written; default: a temporary one, removed at the end
  --tls-client-ca FILE|own  demand client certificates signed by this CA (own: the city's)

Other:
  --dump-checksum    XXH64 of each dump stream (costs a copy and about 0.1 CPU s/GB)
  --journal FILE     append one JSON line per answered HTTP request, with CLOCK_MONOTONIC stamps
  --ready-file FILE  write the ready line there too, whole or not at all
  --threads N        threads for HTTP and as many for dumps, default 1
  --help

When all ports are open (and the broker has acknowledged the subscription) one JSON line on stdout names
them: {"http":40123,…,"control":40130,"ca":"/tmp/…/ca.pem"}. SIGINT and SIGTERM end the city; its last
line is {"counters":…} and the exit code 0.

Control port:  GET /counters   POST /reset   GET /behaviour   POST /calm
  POST /stall  {"every_s":10,"for_s":1,"at_s":0,"times":0}     freeze the data ports; {} ends it
  POST /delay  {"ms":20,"slow_ms":100,"slow_rate":0.01,"tls_ms":0}
  POST /errors {"rate":0.05,"status":503}
  POST /close  {"after":7,"announce":true}                     end connections after so many answers
  POST /cms    {"visible_s":2,"visible_sigma":0,"errors":0.1,"never":0.05,"missing":0.02,"seed":1}   jobs and pages
  GET /cms     GET /cms/journal                                what jobs there were, and when
  POST /tx     {"visible_s":0.2,"visible_sigma":0,"drop":0.01,"double":0.01,"double_s":0.1,"seed":1}   transactions
  GET /tx      GET /tx/journal                                 what messages and files there were, and when
)";

namespace {

std::invalid_argument bad(std::string_view option, std::string_view value, std::string_view need) {
  return std::invalid_argument(fmt::format("--{} '{}': {}", option, value, need));
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "host:port", "[v6]:port" or "port".
Address parse_host_port(std::string_view option, std::string_view value) {
  Address address;
  const auto colon = value.rfind(':');
  if (colon != std::string_view::npos) {
    auto host = value.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    address.host = host;
  }
  const auto port =
      parse_number<std::uint16_t>(value.substr(colon == std::string_view::npos ? 0 : colon + 1));
  if (!port || address.host.empty()) throw bad(option, value, "needs ADDR:PORT");
  address.port = *port;
  return address;
}

Address parse_address(std::string_view option, std::string_view value) {
  auto address = parse_host_port(option, value);
  if (address.host == "localhost") address.host = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(address.host, error);
  if (error) throw bad(option, value, "needs a numeric address");
  return address;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  const std::pair<std::string_view, std::optional<Address>*> ports[] = {
      {"http", &options.http},        {"https", &options.https},
      {"tcp", &options.tcp},          {"tcp-prefix", &options.tcp_prefix},
      {"dump", &options.dump},        {"udp", &options.udp},
      {"udp-echo", &options.udp_echo}};
  const std::pair<std::string_view, std::string*> texts[] = {
      {"ready-file", &options.ready_file},
      {"journal", &options.journal},
      {"tls-dir", &options.tls_directory},
      {"tls-client-ca", &options.tls_client_ca}};
  std::optional<std::string> topic;
  std::optional<int> qos;

  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (name == "-h" || name == "--help") {
      options.wants_help = true;
      return options;
    }
    if (!name.starts_with("--"))
      throw std::invalid_argument(fmt::format("unexpected argument '{}'", name));
    name.remove_prefix(2);
    if (name == "dump-checksum") {
      options.has_dump_checksums = true;
      continue;
    }
    std::string_view value;
    if (const auto equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      throw std::invalid_argument(fmt::format("--{} needs a value, or is unknown", name));
    }

    bool is_known = false;
    for (const auto& [port, target] : ports) {
      if (name != port) continue;
      is_known = true;
      if (value == "off") {
        target->reset();
      } else {
        *target = parse_address(name, value);
      }
    }
    for (const auto& [text, target] : texts) {
      if (name != text) continue;
      is_known = true;
      *target = value;
    }
    if (is_known) continue;
    if (name == "control") {
      options.control = parse_address(name, value);
    } else if (name == "mqtt-broker") {
      const auto broker = parse_host_port(name, value);
      options.mqtt.emplace();
      options.mqtt->host = broker.host;
      options.mqtt->port = broker.port;
    } else if (name == "mqtt-topic") {
      topic = value;
    } else if (name == "mqtt-qos") {
      qos = parse_number<int>(value);
      if (!qos || *qos < 0 || *qos > 2) throw bad(name, value, "needs 0, 1 or 2");
    } else if (name == "threads") {
      const auto threads = parse_number<unsigned>(value);
      if (!threads || *threads < 1 || *threads > 256)
        throw bad(name, value, "needs a number from 1 to 256");
      options.threads = *threads;
    } else {
      throw std::invalid_argument(fmt::format("unknown option --{} (see --help)", name));
    }
  }
  if (options.mqtt && topic) options.mqtt->topic = *topic;
  if (options.mqtt && qos) options.mqtt->qos = *qos;
  return options;
}

}  // namespace squall::city
