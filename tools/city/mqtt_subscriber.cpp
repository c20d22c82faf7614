#include "mqtt_subscriber.hpp"

#include <fmt/format.h>
#include <mosquitto.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string_view>

namespace squall::city {
namespace {

std::string_view second_level(std::string_view topic) {
  const auto slash = topic.find('/');
  if (slash == std::string_view::npos) return "mqtt";
  topic.remove_prefix(slash + 1);
  return topic.substr(0, topic.find('/'));
}

}  // namespace

MqttSubscriber::MqttSubscriber(Options options, OnMessage on_message)
    : options_(std::move(options)), on_message_(std::move(on_message)) {
  mosquitto_lib_init();
  client_ = mosquitto_new(fmt::format("city-{}", getpid()).c_str(), true, this);
  if (!client_) throw std::runtime_error("cannot make an MQTT client");
  counters_.is_enabled = true;
  mosquitto_connect_callback_set(client_, [](mosquitto*, void* self, int reason) {
    static_cast<MqttSubscriber*>(self)->on_connected(reason);
  });
  mosquitto_disconnect_callback_set(client_, [](mosquitto*, void* self, int) {
    auto* subscriber = static_cast<MqttSubscriber*>(self);
    const std::lock_guard lock(subscriber->mutex_);
    subscriber->counters_.is_subscribed = false;
  });
  mosquitto_subscribe_callback_set(client_,
                                   [](mosquitto*, void* self, int, int, const int* granted) {
                                     auto* subscriber = static_cast<MqttSubscriber*>(self);
                                     const std::lock_guard lock(subscriber->mutex_);
                                     subscriber->counters_.is_subscribed = *granted < 128;
                                     subscriber->subscribed_.notify_all();
                                   });
  mosquitto_message_callback_set(client_,
                                 [](mosquitto*, void* self, const mosquitto_message* message) {
                                   static_cast<MqttSubscriber*>(self)->on_message(*message);
                                 });
}

MqttSubscriber::~MqttSubscriber() {
  stop();
  mosquitto_destroy(client_);
  mosquitto_lib_cleanup();
}

void MqttSubscriber::start() {
  thread_ = std::thread([this] { run(); });
}

void MqttSubscriber::stop() {
  is_stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

bool MqttSubscriber::wait_until_subscribed(int milliseconds) {
  std::unique_lock lock(mutex_);
  return subscribed_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                              [this] { return counters_.is_subscribed; });
}

void MqttSubscriber::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  constexpr auto kRetry = std::chrono::milliseconds(100);
  int state = mosquitto_connect(client_, options_.host.c_str(), options_.port, 60);
  while (!is_stopping_) {
    if (state == MOSQ_ERR_SUCCESS) {
      state = mosquitto_loop(client_, 50, 1);
      continue;
    }
    std::this_thread::sleep_for(kRetry);
    state = mosquitto_reconnect(client_);
  }
  mosquitto_disconnect(client_);
}

void MqttSubscriber::on_connected(int reason) {
  if (reason != 0) return;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.connects;
  }
  mosquitto_subscribe(client_, nullptr, options_.topic.c_str(), options_.qos);
}

void MqttSubscriber::on_message(const mosquitto_message& message) {
  const auto size = static_cast<std::uint64_t>(message.payloadlen);
  const auto name = second_level(message.topic);
  // Before it is counted: who waits for the count finds what it brought.
  on_message_(name, {static_cast<const char*>(message.payload), size});
  const std::lock_guard lock(mutex_);
  ++counters_.messages;
  counters_.bytes += size;
  if (message.retain) ++counters_.retained;
  if (message.qos >= 0 && message.qos <= 2) ++counters_.by_qos[message.qos];
  counters_.by_class.at(name) += Tally{1, size};
}

MqttCounters MqttSubscriber::counters() {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void MqttSubscriber::reset() {
  const std::lock_guard lock(mutex_);
  const bool is_subscribed = counters_.is_subscribed;
  counters_ = {};
  counters_.is_enabled = true;
  counters_.is_subscribed = is_subscribed;
}

}  // namespace squall::city
