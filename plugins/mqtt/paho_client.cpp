// A client on paho-mqtt-cpp, which insists on threads of its own: two for the whole process, however
// many clients there are, behind one lock. They note what happened and when, post it to the shard,
// and touch nothing else. Everything that the shard does not know any more finds its bridge empty.
//
// Its ceiling, measured on two cores with a broker beside it, one QoS 1 message in flight a client:
// 2,600 messages/s with 200 clients, 1,350 with 1,000, at 40-80 us CPU each; libmosquitto made 6,900
// at 10. Its other limits (1.3.12): a connect takes up to a second, because its receiving thread sleeps that long
// before it looks at a new socket; a PUBACK's reason below 128 is not told; a failed connect has no
// cause. Not here: TCP_NODELAY and a source address (the library offers neither), and with TLS the library
// dials the name, because it would verify the address instead; the host has resolved and allowed it
// before, but the library resolves it once more.
#include <mqtt/async_client.h>

#include <functional>
#include <memory>
#include <mutex>
#include <squall/plugin.hpp>

#include "client.hpp"
#include "packet_size.hpp"
#include "property_names.hpp"
#include "reason.hpp"
#include "shard.hpp"
#include "tls_contexts.hpp"

namespace squall::mqtt {
namespace {

class PahoClient;

// Destroying the library's last client stops its threads, which takes 100 ms and more, in the middle
// of a run. One that is never used keeps them.
std::mutex keeper_mutex;
std::unique_ptr<::mqtt::async_client> keeper;

void keep_threads_running() {
  std::lock_guard lock(keeper_mutex);
  if (!keeper) keeper = std::make_unique<::mqtt::async_client>("tcp://127.0.0.1:1", "keeper");
}

/// Between paho's threads and the shard. `client` belongs to the shard's thread alone.
struct Bridge {
  sq_shard* shard;
  PahoClient* client;
};

struct Event {
  enum class What : uint8_t { connected, failed, answered, message, closed };

  sq_post post{};
  std::shared_ptr<Bridge> bridge;
  What what;
  Answer answer;
  Connected connected;
  ::mqtt::const_message_ptr message;
  int32_t status = 0;  // the library's, where there is no reason
};

class PahoClient final : public Client, ::mqtt::iaction_listener {
 public:
  PahoClient(Shard& shard, const ClientSetup& setup, ClientEvents& events);
  ~PahoClient() override { bridge_->client = nullptr; }

  Submitted publish(const Publication& publication) override;
  Submitted subscribe(std::span<const std::string> filters, int qos) override;
  // Destroying a connected client sends DISCONNECT.
  uint64_t disconnect() override { return packet_size(0); }

 private:
  // On the library's threads.
  void on_success(const ::mqtt::token& token) override;
  void on_failure(const ::mqtt::token& token) override;
  void send_to_shard(Event::What what, const std::function<void(Event&)>& fill);

  // On the shard's thread.
  static void arrived(void* event) SQ_NOEXCEPT;
  void handle(const Event& event);
  Failure failure_of(const Event& event) const;
  Submitted refused(int status) const;
  uint32_t next_key();

  ClientEvents& events_;
  const bool is_v5_;
  bool is_open_ = false;
  uint32_t last_key_ = 0;
  uint64_t began_ns_;
  std::shared_ptr<Bridge> bridge_;
  // Last: it is destroyed first, and when that has returned none of its callbacks runs any more.
  std::unique_ptr<::mqtt::async_client> client_;
};

constexpr uintptr_t kConnectContext = 0;  // keys begin at 1

std::string uri_of(const ClientSetup& setup, bool is_tls) {
  const sq_target_info& info = *plugin::host.target->info(setup.target);
  std::string host(is_tls ? plugin::view(info.host) : setup.address);
  if (host.find(':') != std::string::npos && host.front() != '[') host = '[' + host + ']';
  return (is_tls ? "ssl://" : "tcp://") + host + ':' + std::to_string(info.port);
}

::mqtt::ssl_options tls_options(const ClientSetup& setup) {
  const sq_tls_info& info = tls_info(setup.target, setup.session);
  ::mqtt::ssl_options tls;
  const bool verify = !(info.flags & SQ_TLS_INSECURE);
  tls.set_enable_server_cert_auth(verify);
  tls.set_verify(verify);
  if (info.ca.len) tls.set_trust_store(std::string(plugin::view(info.ca)));
  if (info.cert.len) {
    tls.set_key_store(std::string(plugin::view(info.cert)));
    tls.set_private_key(std::string(plugin::view(info.key)));
  }
  return tls;
}

::mqtt::connect_options connect_options_of(const ClientSetup& setup, bool is_tls) {
  const ConnectOptions& wanted = *setup.options;
  ::mqtt::connect_options options;
  options.set_mqtt_version(wanted.is_v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
  if (wanted.is_v5) options.set_clean_start(wanted.clean);
  else options.set_clean_session(wanted.clean);
  options.set_keep_alive_interval(wanted.keep_alive_s);
  options.set_automatic_reconnect(false);
  options.set_max_inflight(65535);
  if (wanted.user) options.set_user_name(*wanted.user);
  if (wanted.password) options.set_password(*wanted.password);
  if (wanted.will)
    options.set_will(::mqtt::will_options(wanted.will->topic, wanted.will->payload,
                                          wanted.will->qos, wanted.will->retain));
  if (is_tls) options.set_ssl(tls_options(setup));
  return options;
}

PahoClient::PahoClient(Shard& shard, const ClientSetup& setup, ClientEvents& events)
    : events_(events),
      is_v5_(setup.options->is_v5),
      began_ns_(shard.now_ns()),
      bridge_(std::make_shared<Bridge>(Bridge{shard.handle(), this})) {
  keep_threads_running();
  const bool is_tls = plugin::host.target->info(setup.target)->flags & SQ_TG_TLS;
  try {
    ::mqtt::create_options created(is_v5_ ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
    created.set_max_buffered_messages(65535);  // of those its thread has not sent yet
    client_ = std::make_unique<::mqtt::async_client>(uri_of(setup, is_tls), *setup.client_id,
                                                     created);
    client_->set_message_callback([this](::mqtt::const_message_ptr message) {
      send_to_shard(Event::What::message, [&](Event& event) { event.message = message; });
    });
    client_->set_connection_lost_handler([this](const std::string&) {
      send_to_shard(Event::What::closed, [](Event&) {});
    });
    if (is_v5_)
      client_->set_disconnected_handler([this](const ::mqtt::properties&, ::mqtt::ReasonCode code) {
        send_to_shard(Event::What::closed,
                      [&](Event& event) { event.answer.reason = static_cast<int32_t>(code); });
      });
    client_->connect(connect_options_of(setup, is_tls), reinterpret_cast<void*>(kConnectContext),
                     *this);
  } catch (const ::mqtt::exception& problem) {
    bridge_->client = nullptr;
    client_.reset();
    if (problem.get_return_code() == MQTTASYNC_BAD_UTF8_STRING)
      throw Failure{SQ_K_PROTOCOL, 0x85, reason_text(0x85), true};
    throw Failure{SQ_K_CONNECT, 0, "paho does not connect", true};
  }
}

// ---- on the library's threads ------------------------------------------------------------------

void PahoClient::send_to_shard(Event::What what, const std::function<void(Event&)>& fill) {
  auto event = std::make_unique<Event>();
  event->bridge = bridge_;
  event->what = what;
  event->answer.at_ns = plugin::host.loop->now_ns(bridge_->shard);
  try {
    fill(*event);
  } catch (const std::exception&) {  // an answer that the library cannot read itself
    event->answer.reason = 0x80;
  }
  event->post.fn = arrived;
  event->post.ctx = event.get();
  // Refused once the shard stops: then nobody is left to tell.
  if (plugin::host.loop->post(bridge_->shard, &event->post) == SQ_OK) event.release();
}

void PahoClient::on_success(const ::mqtt::token& token) {
  const auto key = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(token.get_user_context()));
  if (key == kConnectContext) {
    send_to_shard(Event::What::connected, [&](Event& event) {
      const ::mqtt::connect_response response = token.get_connect_response();
      event.connected.session_present = response.is_session_present();
      const auto properties =
          static_cast<uint64_t>(response.get_properties().c_struct().length);
      event.connected.bytes_in = connack_size(is_v5_, properties);
    });
    return;
  }
  send_to_shard(Event::What::answered, [&](Event& event) {
    event.answer.key = key;
    if (token.get_type() == ::mqtt::token::Type::SUBSCRIBE) {
      const auto granted = token.get_subscribe_response().get_reason_codes();
      for (const auto code : granted)
        event.answer.reason = std::max(event.answer.reason, static_cast<int32_t>(code));
      event.answer.bytes = suback_size(is_v5_, std::max<size_t>(granted.size(), 1), 0);
    } else {
      event.answer.reason = is_v5_ ? static_cast<int32_t>(token.get_reason_code()) : 0;
      event.answer.bytes = ack_size(is_v5_, event.answer.reason, 0);
    }
  });
}

void PahoClient::on_failure(const ::mqtt::token& token) {
  const auto key = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(token.get_user_context()));
  const int status = token.get_return_code();
  const auto reason = static_cast<int32_t>(token.get_reason_code());
  const bool is_connect = key == kConnectContext;
  const bool is_subscribe = token.get_type() == ::mqtt::token::Type::SUBSCRIBE;
  int32_t answered = 0;
  if (is_v5_ && reason >= 0x80 && reason <= 0xFF) answered = reason;
  if (is_v5_ && is_connect && status >= 0x80 && status <= 0xFF) answered = status;
  if (!is_v5_ && is_connect && status >= 1 && status <= 5) answered = reason_of_return_code(status);
  if (!is_v5_ && is_subscribe && status == 0x80) answered = 0x80;
  const bool is_answer = !is_connect && answered != 0;
  send_to_shard(is_answer ? Event::What::answered : Event::What::failed, [&](Event& event) {
    event.answer.key = key;
    event.answer.reason = answered;
    event.answer.bytes = is_subscribe ? suback_size(is_v5_, 1, 0) : ack_size(is_v5_, answered, 0);
    event.status = status;
  });
}

// ---- on the shard's thread ---------------------------------------------------------------------

void PahoClient::arrived(void* context) noexcept {
  const std::unique_ptr<Event> event(static_cast<Event*>(context));
  if (PahoClient* const client = event->bridge->client) client->handle(*event);
}

void PahoClient::handle(const Event& event) {
  switch (event.what) {
    case Event::What::connected: {
      is_open_ = true;
      Connected connected = event.connected;
      if (event.answer.at_ns > began_ns_) connected.connack_ns = event.answer.at_ns - began_ns_;
      return events_.on_connected(connected);  // last: it may destroy this
    }
    case Event::What::answered: return events_.on_answered(event.answer);
    case Event::What::message: {
      Arrival arrival;
      arrival.topic = event.message->get_topic();
      arrival.payload = event.message->get_payload_ref().to_string();
      arrival.retained = event.message->is_retained();
      arrival.at_ns = event.answer.at_ns;
      arrival.bytes = publish_size(
          is_v5_, arrival.topic.size(), arrival.payload.size(), event.message->get_qos(),
          static_cast<uint64_t>(event.message->get_properties().c_struct().length));
      return events_.on_message(arrival);
    }
    case Event::What::failed:
    case Event::What::closed: {
      const Failure failure = failure_of(event);
      return events_.on_closed(failure);  // last: it destroys this
    }
  }
}

Failure PahoClient::failure_of(const Event& event) const {
  const int32_t reason = event.answer.reason;
  if (is_open_)
    return {SQ_K_CLOSED, reason, reason >= 0x80 ? reason_text(reason) : "eof", true};
  if (reason >= 0x80) return refused_failure(reason);
  switch (event.status) {
    case MQTTASYNC_BAD_PROTOCOL: return {SQ_K_PROTOCOL, 0, "malformed CONNACK", true};
    case MQTTASYNC_OPERATION_INCOMPLETE: return {SQ_K_CLOSED, 0, "eof", true};
    default: return {SQ_K_CONNECT, 0, "paho does not connect", true};  // it does not say why
  }
}

Submitted PahoClient::refused(int status) const {
  switch (status) {
    case MQTTASYNC_DISCONNECTED: return {.failure = {SQ_K_CLOSED, 0, "eof", true}};
    case MQTTASYNC_NO_MORE_MSGIDS:
    case MQTTASYNC_MAX_MESSAGES_INFLIGHT:
      return {.failure = {SQ_K_LIMIT, 0, "no packet identifier is free", false}};
    case MQTTASYNC_BAD_UTF8_STRING:
      return {.failure = {SQ_K_PROTOCOL, 0x90, reason_text(0x90), false}};
    default: return {.failure = {SQ_K_SEND, 0, "paho does not send", false}};
  }
}

uint32_t PahoClient::next_key() {
  if (++last_key_ == kConnectContext) ++last_key_;
  return last_key_;
}

::mqtt::property make_property(std::string_view name, const sq_value& value) {
  using Code = ::mqtt::property::code;
  std::string text;
  plugin::append_text(text, value);
  const auto number = static_cast<int32_t>(
      value.type == SQ_T_DURATION ? value.u.i64 / 1'000'000'000
      : value.type == SQ_T_STR    ? std::strtol(text.c_str(), nullptr, 10)
                                  : plugin::as_int(value));
  switch (property_of(name)) {
    case Property::payload_format: return {Code::PAYLOAD_FORMAT_INDICATOR, number};
    case Property::message_expiry: return {Code::MESSAGE_EXPIRY_INTERVAL, number};
    case Property::topic_alias: return {Code::TOPIC_ALIAS, number};
    case Property::content_type: return {Code::CONTENT_TYPE, text};
    case Property::response_topic: return {Code::RESPONSE_TOPIC, text};
    case Property::correlation_data: return {Code::CORRELATION_DATA, text};
    case Property::user: break;
  }
  return {Code::USER_PROPERTY, std::string(name), text};
}

Submitted PahoClient::publish(const Publication& publication) {
  if (!publication.properties.empty() && !is_v5_)
    return {.failure = {SQ_K_PROTOCOL, 0, "properties need MQTT 5", false}};
  const uint32_t key = next_key();
  uint64_t properties_bytes = 0;
  try {
    const auto message =
        ::mqtt::message::create(std::string(publication.topic), publication.payload.data(),
                                publication.payload.size(), publication.qos, publication.retain);
    if (!publication.properties.empty()) {
      ::mqtt::properties properties;
      for (const sq_pair& pair : publication.properties)
        properties.add(make_property(plugin::view(pair.key), pair.value));
      properties_bytes = static_cast<uint64_t>(properties.c_struct().length);
      message->set_properties(std::move(properties));
    }
    client_->publish(message, reinterpret_cast<void*>(uintptr_t{key}), *this);
  } catch (const ::mqtt::exception& problem) {
    return refused(problem.get_return_code());
  }
  return {.failure = {},
          .key = key,
          .is_done = false,
          .bytes_out = publish_size(is_v5_, publication.topic.size(), publication.payload.size(),
                                    publication.qos, properties_bytes)};
}

Submitted PahoClient::subscribe(std::span<const std::string> filters, int qos) {
  const uint32_t key = next_key();
  void* const context = reinterpret_cast<void*>(uintptr_t{key});
  uint64_t bytes = 0;
  auto names = std::make_shared<::mqtt::string_collection>();
  for (const std::string& filter : filters) {
    bytes += filter.size();
    names->push_back(filter);
  }
  try {
    if (filters.size() == 1) client_->subscribe(filters[0], qos, context, *this);
    else
      client_->subscribe(names, ::mqtt::iasync_client::qos_collection(filters.size(), qos), context,
                         *this);
  } catch (const ::mqtt::exception& problem) {
    return refused(problem.get_return_code());
  }
  return {.failure = {},
          .key = key,
          .is_done = false,
          .bytes_out = subscribe_size(is_v5_, filters.size(), bytes)};
}

}  // namespace

std::unique_ptr<Client> make_paho_client(Shard& shard, const ClientSetup& setup,
                                         ClientEvents& events) {
  return std::make_unique<PahoClient>(shard, setup, events);
}

void stop_paho() {
  std::lock_guard lock(keeper_mutex);
  keeper.reset();
}

}  // namespace squall::mqtt
