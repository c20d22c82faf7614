#include "city.hpp"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

namespace squall::city {
namespace {

std::string make_temporary_directory() {
  std::string path = (std::filesystem::temp_directory_path() / "city-tls-XXXXXX").string();
  if (!mkdtemp(path.data()))
    throw std::system_error(errno, std::generic_category(), "cannot make " + path);
  return path;
}

template <class Endpoint>
Endpoint to_endpoint(const Address& address) {
  return Endpoint(asio::ip::make_address(address.host), address.port);
}

TlsIdentity make_identity(const Options& options) {
  std::vector<std::string> names;
  if (options.https && options.https->host != "127.0.0.1") names.push_back(options.https->host);
  const auto directory = options.tls_directory.empty()
                             ? make_temporary_directory()
                             : std::filesystem::absolute(options.tls_directory).string();
  return make_tls_identity(directory, names);
}

}  // namespace

Worker& City::add_worker(std::vector<std::unique_ptr<Worker>>& group) {
  return *group.emplace_back(std::make_unique<Worker>());
}

City::City(const Options& options)
    : owns_tls_directory_(options.tls_directory.empty()),
      identity_(make_identity(options)),
      tls_context_(make_tls_context(identity_, options.tls_client_ca == "own"
                                                   ? identity_.ca.string()
                                                   : options.tls_client_ca)) {
  using Tcp = asio::ip::tcp::endpoint;
  using Udp = asio::ip::udp::endpoint;

  for (unsigned i = 0; i < options.threads; ++i) add_worker(http_workers_);
  http_ = std::make_unique<HttpServer>(http_workers_, tls_context_, options.journal);
  if (options.http) ports_.http = http_->listen_plain(to_endpoint<Tcp>(*options.http));
  if (options.https) ports_.https = http_->listen_tls(to_endpoint<Tcp>(*options.https));

  for (unsigned i = 0; i < options.threads; ++i) add_worker(dump_workers_);
  dump_ = std::make_unique<DumpSink>(dump_workers_, options.has_dump_checksums);
  if (options.dump) ports_.dump = dump_->listen(to_endpoint<Tcp>(*options.dump));

  auto& tcp_worker = add_worker(message_workers_);
  tcp_ = std::make_unique<TcpEcho>(tcp_worker, TcpEcho::Framing::kNewline);
  tcp_prefix_ = std::make_unique<TcpEcho>(tcp_worker, TcpEcho::Framing::kPrefix, [this](std::string_view message) {
    transactions().take_file(message, monotonic_ns());
  });
  if (options.tcp) ports_.tcp = tcp_->listen(to_endpoint<Tcp>(*options.tcp));
  if (options.tcp_prefix)
    ports_.tcp_prefix = tcp_prefix_->listen(to_endpoint<Tcp>(*options.tcp_prefix));

  auto& udp_worker = add_worker(message_workers_);
  udp_ = std::make_unique<UdpPort>(udp_worker, UdpPort::Kind::kSink);
  udp_echo_ = std::make_unique<UdpPort>(udp_worker, UdpPort::Kind::kEcho);
  if (options.udp) ports_.udp = udp_->listen(to_endpoint<Udp>(*options.udp));
  if (options.udp_echo) ports_.udp_echo = udp_echo_->listen(to_endpoint<Udp>(*options.udp_echo));

  if (!options.mqtt) return;
  mqtt_ = std::make_unique<MqttSubscriber>(*options.mqtt, [this](std::string_view name, std::string_view payload) {
    if (name == "tx") transactions().take_message(payload, monotonic_ns());
  });
}

City::~City() {
  stop();
  if (!owns_tls_directory_) return;
  std::error_code ignored;
  std::filesystem::remove_all(identity_.directory, ignored);
}

void City::start() {
  for (auto* group : {&http_workers_, &dump_workers_, &message_workers_}) {
    for (auto& worker : *group) worker->start();
  }
  if (mqtt_) mqtt_->start();
}

void City::stop() {
  if (mqtt_) mqtt_->stop();
  for (auto* group : {&http_workers_, &dump_workers_, &message_workers_}) {
    for (auto& worker : *group) worker->stop();
  }
}

bool City::is_ready() { return !mqtt_ || mqtt_->counters().is_subscribed; }

Counters City::counters() {
  Counters all;
  http_->add_to(all.http, all.https);
  all.tcp = tcp_->counters();
  all.tcp_prefix = tcp_prefix_->counters();
  all.dump = dump_->counters();
  all.udp = udp_->counters();
  all.udp_echo = udp_echo_->counters();
  if (mqtt_) all.mqtt = mqtt_->counters();
  return all;
}

void City::reset() {
  http_->reset();
  tcp_->reset();
  tcp_prefix_->reset();
  dump_->reset();
  udp_->reset();
  udp_echo_->reset();
  if (mqtt_) mqtt_->reset();
}

void City::apply(const Behaviour& behaviour) {
  behaviour_ = behaviour;
  for (auto* group : {&http_workers_, &dump_workers_, &message_workers_}) {
    for (auto& worker : *group) worker->apply(behaviour);
  }
}

}  // namespace squall::city
