// Listens to a broker as a subscriber and counts what arrives, by the second level of the topic
// (city/M2/… is class M2). It has a thread of its own, since libmosquitto waits for its socket
// itself, and keeps trying while the broker is away. It publishes nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "counters.hpp"

struct mosquitto;
struct mosquitto_message;

namespace squall::city {

class MqttSubscriber {
 public:
  struct Options {
    std::string host;
    int port = 1883;
    std::string topic = "city/#";
    int qos = 1;
  };

  /// Who else looks at each message, on the subscriber's own thread. `name` is its class.
  using OnMessage = std::function<void(std::string_view name, std::string_view payload)>;

  MqttSubscriber(Options options, OnMessage on_message);
  ~MqttSubscriber();
  MqttSubscriber(const MqttSubscriber&) = delete;
  MqttSubscriber& operator=(const MqttSubscriber&) = delete;

  void start();
  /// True once the broker has acknowledged the subscription. Waits at most `milliseconds`.
  bool wait_until_subscribed(int milliseconds);
  void stop();
  MqttCounters counters();
  void reset();

 private:
  void run();
  void on_connected(int reason);
  void on_message(const mosquitto_message& message);

  const Options options_;
  const OnMessage on_message_;
  mosquitto* client_ = nullptr;
  std::atomic<bool> is_stopping_{false};
  std::mutex mutex_;  // guards counters_
  std::condition_variable subscribed_;
  MqttCounters counters_;
  std::thread thread_;
};

}  // namespace squall::city
