// The whole city: its workers, its ports and its counters behind a handful of verbs. The control
// port and main drive it; neither knows how a port works.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "behaviour.hpp"
#include "counters.hpp"
#include "dump_sink.hpp"
#include "http_server.hpp"
#include "mqtt_subscriber.hpp"
#include "options.hpp"
#include "tcp_echo.hpp"
#include "tls_identity.hpp"
#include "udp_port.hpp"
#include "worker.hpp"

namespace squall::city {

/// What the ready line says. 0: the port is off.
struct Ports {
  std::uint16_t http = 0, https = 0, tcp = 0, tcp_prefix = 0, dump = 0, udp = 0, udp_echo = 0;
};

class City {
 public:
  /// Opens all ports. Throws what opening throws.
  explicit City(const Options& options);
  ~City();
  City(const City&) = delete;
  City& operator=(const City&) = delete;

  void start();
  /// Ends all threads. counters() still works.
  void stop();

  const Ports& ports() const { return ports_; }
  const TlsIdentity& identity() const { return identity_; }
  bool is_ready();

  Counters counters();
  void reset();
  /// Every worker behaves so when this returns. Thread: the main one, as for all of these.
  void apply(const Behaviour& behaviour);
  const Behaviour& behaviour() const { return behaviour_; }
  CmsDesk& cms() { return http_->cms(); }
  TransactionDesk& transactions() { return http_->transactions(); }

 private:
  Worker& add_worker(std::vector<std::unique_ptr<Worker>>& group);

  // The order matters: connections live in their worker's loop and refer to the ports' counters, so
  // the loops go first; the UDP sockets belong to a loop and go before it.
  Behaviour behaviour_;
  Ports ports_;
  bool owns_tls_directory_ = false;
  TlsIdentity identity_;
  asio::ssl::context tls_context_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<DumpSink> dump_;
  std::unique_ptr<TcpEcho> tcp_, tcp_prefix_;
  std::vector<std::unique_ptr<Worker>> http_workers_, dump_workers_, message_workers_;
  std::unique_ptr<UdpPort> udp_, udp_echo_;
  std::unique_ptr<MqttSubscriber> mqtt_;
};

}  // namespace squall::city
