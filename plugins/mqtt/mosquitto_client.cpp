// A client on libmosquitto with an external loop: the shard watches its socket, and this file calls
// the library when it is ready. The library dials the literal address that the host resolved and
// allowed, without blocking (connect_bind_async sets O_NONBLOCK before connect(), and getaddrinfo on
// a literal asks nobody). Thousands of these share one thread and one house-keeping timer.
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <squall/plugin.hpp>

#include "client.hpp"
#include "mosquitto_properties.hpp"
#include "packet_size.hpp"
#include "reason.hpp"
#include "shard.hpp"
#include "wake_pair.hpp"

namespace squall::mqtt {
namespace {

// Packets read per readiness: a subscriber at full rate should not pay an epoll_wait for each, and
// should not starve the other clients either.
constexpr int kPacketsPerTurn = 32;
// The library would hold back what exceeds 20 unacknowledged messages: a session that many users
// share would measure that queue. Brokers of version 5 still set their own receive maximum.
constexpr int kInFlightMax = 65535;
// A call has its own deadline; this ends the attempts of a subscriber that comes back by itself.
constexpr uint64_t kStageLimitNs = 30'000'000'000;

class MosquittoClient final : public Client, public Housekept {
 public:
  MosquittoClient(Shard& shard, const ClientSetup& setup, ClientEvents& events);
  ~MosquittoClient() override;

  Submitted publish(const Publication& publication) override;
  Submitted subscribe(std::span<const std::string> filters, int qos) override;
  uint64_t disconnect() override;
  void keep_house() override;

 private:
  enum class Stage : uint8_t { tcp, tls, connack, open };

  void configure(const ClientSetup& setup);
  void dial(const ClientSetup& setup);
  void destroy();
  // Readiness. Each returns false when the client has ended: nothing may be touched any more.
  static void on_ready(void* self, int descriptor, uint32_t events) SQ_NOEXCEPT;
  bool finish_tcp();
  bool drive_tls();
  void read_and_write(uint32_t events);
  void clear_errors() const;
  bool settle(int status);
  bool end(const Failure& failure);
  void watch_for_what_is_wanted();
  Failure failure_of(int status, int error_number) const;
  Submitted refused(int status, int error_number) const;

  // Callbacks of the library; they run inside its calls, so they only note and pass on.
  static void on_connect(mosquitto*, void* self, int, int, const mosquitto_property*);
  static void on_disconnect(mosquitto*, void* self, int, const mosquitto_property*);
  static void on_publish(mosquitto*, void* self, int, int, const mosquitto_property*);
  static void on_subscribe(mosquitto*, void* self, int, int, const int*, const mosquitto_property*);
  static void on_message(mosquitto*, void* self, const mosquitto_message*,
                         const mosquitto_property*);

  Shard& shard_;
  ClientEvents& events_;
  mosquitto* client_ = nullptr;
  plugin::Watch watch_;
  uint64_t stage_began_ns_ = 0;
  Connected connected_;
  Failure disconnected_;  // what on_disconnect noted
  int submitting_ = 0;    // packet identifier of the publish that is inside the library
  int32_t connack_ = -1;  // reason, once there is one
  uint32_t watched_ = 0;
  Stage stage_ = Stage::tcp;
  const ClientCertificate* certificate_ = nullptr;  // only while it dials
  bool is_tls_ = false, is_v5_ = false;
  bool submitted_is_done_ = false;
  bool has_subscribed_ = false;
};

MosquittoClient::MosquittoClient(Shard& shard, const ClientSetup& setup, ClientEvents& events)
    : shard_(shard), events_(events), is_v5_(setup.options->is_v5) {
  client_ = mosquitto_new(setup.client_id->c_str(), setup.options->clean, this);
  if (!client_) {
    if (errno == EINVAL) throw Failure{SQ_K_PROTOCOL, 0x85, reason_text(0x85), true};
    throw Failure{SQ_K_LOCAL_RESOURCE, 0, "ENOMEM", true};
  }
  close_wake_pair(client_);
  try {
    configure(setup);
    dial(setup);
  } catch (...) {
    destroy();
    throw;
  }
  shard_.keep(*this);
}

MosquittoClient::~MosquittoClient() {
  shard_.forget(*this);
  destroy();
}

void MosquittoClient::destroy() {
  watch_.reset();
  if (client_) mosquitto_disconnect_v5_callback_set(client_, nullptr);
  mosquitto_destroy(client_);
  client_ = nullptr;
}

void MosquittoClient::configure(const ClientSetup& setup) {
  const ConnectOptions& options = *setup.options;
  mosquitto_int_option(client_, MOSQ_OPT_PROTOCOL_VERSION,
                       options.is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
  mosquitto_int_option(client_, MOSQ_OPT_TCP_NODELAY, 1);
  mosquitto_int_option(client_, MOSQ_OPT_SEND_MAXIMUM, kInFlightMax);
  mosquitto_int_option(client_, MOSQ_OPT_RECEIVE_MAXIMUM, kInFlightMax);
  mosquitto_connect_v5_callback_set(client_, on_connect);
  mosquitto_disconnect_v5_callback_set(client_, on_disconnect);
  mosquitto_publish_v5_callback_set(client_, on_publish);
  mosquitto_subscribe_v5_callback_set(client_, on_subscribe);
  mosquitto_message_v5_callback_set(client_, on_message);

  int status = MOSQ_ERR_SUCCESS;
  if (options.user || options.password)
    status = mosquitto_username_pw_set(client_, options.user ? options.user->c_str() : nullptr,
                                       options.password ? options.password->c_str() : nullptr);
  if (status == MOSQ_ERR_SUCCESS && options.will)
    status = mosquitto_will_set(client_, options.will->topic.c_str(),
                                static_cast<int>(options.will->payload.size()),
                                options.will->payload.data(), options.will->qos,
                                options.will->retain);
  if (status != MOSQ_ERR_SUCCESS)
    throw Failure{SQ_K_PROTOCOL, 0, "user, password or will is not valid", true};

  is_tls_ = plugin::host.target->info(setup.target)->flags & SQ_TG_TLS;
  if (!is_tls_) return;
  mosquitto_int_option(client_, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
  const TlsContexts::Identity identity = shard_.tls_contexts().get(setup.target, setup.session);
  certificate_ = identity.certificate;
  mosquitto_void_option(client_, MOSQ_OPT_SSL_CTX, identity.context);
}

void MosquittoClient::dial(const ClientSetup& setup) {
  const std::string address(setup.address);
  const std::string local(
      plugin::view(plugin::host.target->local_address(setup.target, setup.session)));
  const auto port = static_cast<int>(plugin::host.target->info(setup.target)->port);
  stage_began_ns_ = shard_.now_ns();
  take_verify_failure();
  const ShownCertificate shown(std::exchange(certificate_, nullptr));
  clear_errors();
  const int status =
      mosquitto_connect_bind_async(client_, address.c_str(), port, setup.options->keep_alive_s,
                                   local.empty() ? nullptr : local.c_str());
  const int error_number = errno;
  const int descriptor = mosquitto_socket(client_);
  if (status == MOSQ_ERR_ERRNO) throw connect_failure(error_number);
  if (status != MOSQ_ERR_SUCCESS) throw failure_of(status, error_number);
  if (descriptor < 0) throw connect_failure(error_number);
  watched_ = SQ_FD_READ | SQ_FD_WRITE;
  watch_ = plugin::Watch(shard_.handle(), setup.target, descriptor, watched_, on_ready, this);
  if (!watch_) throw Failure{SQ_K_OFF_LIST, 0, "the host does not watch this connection", true};
}

// ---- readiness ---------------------------------------------------------------------------------

void MosquittoClient::on_ready(void* context, int, uint32_t events) noexcept {
  auto& self = *static_cast<MosquittoClient*>(context);
  if (self.stage_ == Stage::tcp && !self.finish_tcp()) return;
  if (self.stage_ == Stage::tls && !self.drive_tls()) return;
  if (self.stage_ != Stage::tls) self.read_and_write(events);
}

bool MosquittoClient::finish_tcp() {
  int error_number = 0;
  socklen_t size = sizeof error_number;
  getsockopt(mosquitto_socket(client_), SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (error_number != 0) return end(connect_failure(error_number));
  const uint64_t now = shard_.now_ns();
  connected_.connect_ns = now - stage_began_ns_;
  stage_began_ns_ = now;
  stage_ = is_tls_ ? Stage::tls : Stage::connack;
  return true;
}

bool MosquittoClient::drive_tls() {
  clear_errors();
  const int status = mosquitto_loop_read(client_, 1);  // goes on with the handshake, no more
  auto* const ssl = static_cast<SSL*>(mosquitto_ssl_get(client_));
  if (status != MOSQ_ERR_SUCCESS || !ssl || mosquitto_socket(client_) < 0) {
    const char* const refused = take_verify_failure();
    return end({SQ_K_TLS, 0, refused ? refused : "handshake failed", true});
  }
  if (!SSL_is_init_finished(ssl)) {
    // The library takes a peer that has gone for one that has not spoken yet.
    char byte;
    const ssize_t peeked =
        ::recv(mosquitto_socket(client_), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (peeked == 0) return end({SQ_K_TLS, 0, "eof", true});
    if (peeked < 0 && errno != EAGAIN) return end({SQ_K_TLS, 0, errno_text(errno), true});
    watch_for_what_is_wanted();
    return true;
  }
  const uint64_t now = shard_.now_ns();
  connected_.tls_ns = now - stage_began_ns_;
  stage_began_ns_ = now;
  stage_ = Stage::connack;
  return true;
}

void MosquittoClient::read_and_write(uint32_t events) {
  if (events & (SQ_FD_READ | SQ_FD_ERROR)) {
    const int turns = has_subscribed_ ? kPacketsPerTurn : 1;
    for (int turn = 0; turn < turns; ++turn) {
      clear_errors();
      const int status = mosquitto_loop_read(client_, 1);
      const bool is_drained = errno == EAGAIN;
      if (!settle(status)) return;
      if (is_drained) break;
    }
  }
  if (mosquitto_want_write(client_)) {
    clear_errors();
    if (!settle(mosquitto_loop_write(client_, 1))) return;
  }
  watch_for_what_is_wanted();
  if (stage_ != Stage::connack || connack_ != 0) return;
  stage_ = Stage::open;
  connected_.connack_ns = shard_.now_ns() - stage_began_ns_;
  const Connected connected = connected_;
  events_.on_connected(connected);  // last: it may destroy this
}

/// Before each call into the library, which takes what it finds there for its own: errno, and in TLS the
/// thread's queue of OpenSSL's errors, where another user of OpenSSL may have left some.
void MosquittoClient::clear_errors() const {
  errno = 0;
  if (is_tls_) ERR_clear_error();
}

/// After each call into the library: has it ended the connection?
bool MosquittoClient::settle(int status) {
  const int error_number = errno;
  if (connack_ > 0) return end(refused_failure(connack_));
  if (disconnected_) return end(disconnected_);
  if (status != MOSQ_ERR_SUCCESS || mosquitto_socket(client_) < 0)
    return end(failure_of(status, error_number));
  return true;
}

bool MosquittoClient::end(const Failure& failure) {
  watch_.reset();
  shard_.forget(*this);
  const Failure last = failure;
  events_.on_closed(last);  // last: it destroys this
  return false;
}

void MosquittoClient::watch_for_what_is_wanted() {
  if (!watch_) return;
  uint32_t wanted = SQ_FD_READ;
  if (stage_ == Stage::tls) {
    // want_write() of the library stays true through the whole handshake.
    if (SSL_want_write(static_cast<SSL*>(mosquitto_ssl_get(client_)))) wanted = SQ_FD_WRITE;
  } else if (mosquitto_want_write(client_)) {
    wanted |= SQ_FD_WRITE;
  }
  if (wanted != watched_) watch_.modify(watched_ = wanted);
}

void MosquittoClient::keep_house() {
  if (stage_ != Stage::open) {
    if (shard_.now_ns() - stage_began_ns_ > kStageLimitNs)
      end({SQ_K_CONNECT, 0, "timed out", true});
    return;
  }
  clear_errors();
  if (settle(mosquitto_loop_misc(client_))) watch_for_what_is_wanted();
}

Failure MosquittoClient::failure_of(int status, int error_number) const {
  switch (status) {
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN: return closed_failure(error_number);
    case MOSQ_ERR_KEEPALIVE: return {SQ_K_CLOSED, 0, "keep-alive", true};
    case MOSQ_ERR_NOMEM: return {SQ_K_LOCAL_RESOURCE, 0, "ENOMEM", true};
    case MOSQ_ERR_TLS: {
      const char* const refused = take_verify_failure();
      return {SQ_K_TLS, 0, refused ? refused : "handshake failed", true};
    }
    case MOSQ_ERR_ERRNO:
      if (error_number == EPROTO && is_tls_) return {SQ_K_CLOSED, 0, "tls", true};
      return closed_failure(error_number);
    case MOSQ_ERR_EAI: return {SQ_K_RESOLVE, 0, "not a literal address", true};
    case MOSQ_ERR_INVAL: return {SQ_K_PROTOCOL, 0, "not valid for this client", true};
    default:
      return {SQ_K_PROTOCOL, 0,
              stage_ == Stage::open ? "malformed packet" : "malformed CONNACK", true};
  }
}

// ---- requests ----------------------------------------------------------------------------------

/// A request that the library did not take: its fault, or the connection's.
Submitted MosquittoClient::refused(int status, int error_number) const {
  switch (status) {
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
      return {.failure = {SQ_K_PROTOCOL, 0x90, reason_text(0x90), false}};
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
      return {.failure = {SQ_K_LIMIT, 0x95, reason_text(0x95), false}};
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
      return {.failure = {SQ_K_PROTOCOL, 0x9B, reason_text(0x9B), false}};
    case MOSQ_ERR_NOT_SUPPORTED:
      return {.failure = {SQ_K_PROTOCOL, 0, "properties need MQTT 5", false}};
    case MOSQ_ERR_DUPLICATE_PROPERTY:
    case MOSQ_ERR_PROTOCOL:
      return {.failure = {SQ_K_PROTOCOL, 0, "properties are not valid", false}};
    case MOSQ_ERR_NOMEM: return {.failure = {SQ_K_LOCAL_RESOURCE, 0, "ENOMEM", false}};
    default: return {.failure = failure_of(status, error_number)};
  }
}

Submitted MosquittoClient::publish(const Publication& publication) {
  const MosquittoProperties properties(publication.properties);
  if (!properties.is_valid()) return refused(MOSQ_ERR_PROTOCOL, 0);
  submitting_ = 0;
  submitted_is_done_ = false;
  clear_errors();
  const int status = mosquitto_publish_v5(
      client_, &submitting_, publication.topic.data(), static_cast<int>(publication.payload.size()),
      publication.payload.data(), publication.qos, publication.retain, properties.list());
  const int error_number = errno;
  const int key = std::exchange(submitting_, 0);
  if (status != MOSQ_ERR_SUCCESS) return refused(status, error_number);
  watch_for_what_is_wanted();
  return {.failure = {},
          .key = static_cast<uint32_t>(key),
          .is_done = submitted_is_done_,
          .bytes_out =
              publish_size(is_v5_, publication.topic.size(), publication.payload.size(),
                           publication.qos, property_bytes(properties.list()))};
}

Submitted MosquittoClient::subscribe(std::span<const std::string> filters, int qos) {
  has_subscribed_ = true;
  std::vector<char*> names;
  uint64_t bytes = 0;
  for (const std::string& filter : filters) {
    names.push_back(const_cast<char*>(filter.c_str()));
    bytes += filter.size();
  }
  int key = 0;
  clear_errors();
  const int status = mosquitto_subscribe_multiple(
      client_, &key, static_cast<int>(names.size()), names.data(), qos, 0, nullptr);
  if (status != MOSQ_ERR_SUCCESS) return refused(status, errno);
  watch_for_what_is_wanted();
  return {.failure = {},
          .key = static_cast<uint32_t>(key),
          .is_done = false,
          .bytes_out = subscribe_size(is_v5_, names.size(), bytes)};
}

uint64_t MosquittoClient::disconnect() {
  mosquitto_disconnect_v5_callback_set(client_, nullptr);
  watch_.reset();  // the library closes the descriptor as soon as the packet is out
  mosquitto_disconnect(client_);
  return packet_size(0);
}

// ---- callbacks of the library ------------------------------------------------------------------

void MosquittoClient::on_connect(mosquitto*, void* context, int reason, int flags,
                                 const mosquitto_property* properties) {
  auto& self = *static_cast<MosquittoClient*>(context);
  self.connack_ = self.is_v5_ ? reason : reason_of_return_code(reason);
  self.connected_.session_present = flags & 1;
  self.connected_.bytes_in = connack_size(self.is_v5_, property_bytes(properties));
}

void MosquittoClient::on_disconnect(mosquitto*, void* context, int status,
                                    const mosquitto_property*) {
  const int error_number = errno;
  auto& self = *static_cast<MosquittoClient*>(context);
  if (self.disconnected_) return;  // the library may say it twice
  // One number, two meanings: the broker's reason (128 and more) or a status of the library.
  if (status >= 0x80) self.disconnected_ = {SQ_K_CLOSED, status, reason_text(status), true};
  else self.disconnected_ = self.failure_of(status, error_number);
}

void MosquittoClient::on_publish(mosquitto*, void* context, int key, int reason,
                                 const mosquitto_property* properties) {
  auto& self = *static_cast<MosquittoClient*>(context);
  if (key == self.submitting_) {  // QoS 0 that the kernel took at once
    self.submitted_is_done_ = true;
    return;
  }
  self.events_.on_answered({static_cast<uint32_t>(key), reason,
                            ack_size(self.is_v5_, reason, property_bytes(properties)), 0});
}

void MosquittoClient::on_subscribe(mosquitto*, void* context, int key, int count,
                                   const int* granted, const mosquitto_property* properties) {
  auto& self = *static_cast<MosquittoClient*>(context);
  int worst = 0;
  for (int i = 0; i < count; ++i) worst = std::max(worst, granted[i]);
  self.events_.on_answered({static_cast<uint32_t>(key), worst,
                            suback_size(self.is_v5_, static_cast<uint64_t>(count),
                                        property_bytes(properties)),
                            0});
}

void MosquittoClient::on_message(mosquitto*, void* context, const mosquitto_message* message,
                                 const mosquitto_property* properties) {
  auto& self = *static_cast<MosquittoClient*>(context);
  Arrival arrival;
  arrival.topic = message->topic;
  arrival.payload = {static_cast<const char*>(message->payload),
                     static_cast<size_t>(message->payloadlen)};
  arrival.retained = message->retain;
  arrival.bytes = publish_size(self.is_v5_, arrival.topic.size(), arrival.payload.size(),
                               message->qos, property_bytes(properties));
  self.events_.on_message(arrival);
}

}  // namespace

std::unique_ptr<Client> make_mosquitto_client(Shard& shard, const ClientSetup& setup,
                                              ClientEvents& events) {
  return std::make_unique<MosquittoClient>(shard, setup, events);
}

}  // namespace squall::mqtt
