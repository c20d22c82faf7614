// A mosquitto broker of the test's own on a reserved loopback port, and an independent subscriber
// (libmosquitto with its own thread) that says what really arrived.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <mosquitto.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace mqtt_test {

/// A port that was free a moment ago: mosquitto cannot be given port 0.
inline int reserve_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(listener);
  return ntohs(address.sin_port);
}

inline bool accepts(int port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool open = ::connect(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return open;
}

class Broker {
 public:
  /// `more`: further lines of its configuration.
  explicit Broker(const std::string& more = "", bool is_open_to_all = true)
      : more_(more), is_open_to_all_(is_open_to_all) {
    char pattern[] = "/tmp/squall-mqtt-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    for (int attempt = 0; attempt < 5 && !pid_; ++attempt) {
      port = reserve_port();
      start();
    }
    EXPECT_NE(pid_, 0) << "mosquitto does not start";
  }
  ~Broker() {
    stop(SIGTERM);
    std::filesystem::remove_all(folder_);
  }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  int port = 0;
  std::string url(const char* scheme = "mqtt") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port);
  }
  const std::string& folder() const { return folder_; }

  void start() {
    std::ofstream(folder_ + "/conf") << "allow_anonymous "
                                     << (is_open_to_all_ ? "true" : "false") << "\nmax_queued_messages 0\n"
                                     << "max_inflight_messages 0\nsys_interval 1\nuser root\n"
                                     << "persistence false\nset_tcp_nodelay true\n"
                                     << "log_dest file " << folder_ << "/log\n"
                                     << "listener " << port << " 127.0.0.1\n"
                                     << more_;
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string conf = folder_ + "/conf";
      ::execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf.c_str(), nullptr);
      ::_exit(127);
    }
    while (!accepts(port)) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;  // the port was taken meanwhile
        return;
      }
      ::poll(nullptr, 0, 5);
    }
  }
  void stop(int signal = SIGKILL) {
    if (!pid_) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void signal(int number) { ::kill(pid_, number); }

 private:
  std::string folder_, more_;
  bool is_open_to_all_ = true;
  pid_t pid_ = 0;
};

/// Subscribes before its constructor returns; counts on a thread of its own.
class Witness {
 public:
  Witness(const Broker& broker, const std::string& filter, int qos = 2) {
    mosquitto_lib_init();
    client_ = mosquitto_new(nullptr, true, this);
    mosquitto_connect_callback_set(client_, [](mosquitto* client, void* self, int) {
      mosquitto_subscribe(client, nullptr, static_cast<Witness*>(self)->filter_.c_str(),
                          static_cast<Witness*>(self)->qos_);
    });
    mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
      static_cast<Witness*>(self)->change([](Witness& one) { one.subscribed_ = true; });
    });
    mosquitto_message_callback_set(
        client_, [](mosquitto*, void* self, const mosquitto_message* message) {
          const std::string payload(static_cast<const char*>(message->payload),
                                    static_cast<size_t>(message->payloadlen));
          static_cast<Witness*>(self)->change([&](Witness& one) {
            ++one.payloads_[payload];
            ++one.received_;
          });
        });
    filter_ = filter;
    qos_ = qos;
    EXPECT_EQ(mosquitto_connect(client_, "127.0.0.1", broker.port, 60), MOSQ_ERR_SUCCESS);
    mosquitto_loop_start(client_);
    EXPECT_TRUE(wait([&] { return subscribed_; }));
  }
  ~Witness() {
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, true);
    mosquitto_destroy(client_);
  }
  /// True when `count` messages have come; then looks whether one more does.
  bool saw_exactly(size_t count) {
    return wait([&] { return received_ >= count; }) &&
           !wait([&] { return received_ > count; }, 100);
  }
  std::map<std::string, int> payloads() {
    std::lock_guard lock(mutex_);
    return payloads_;
  }
  size_t received() {
    std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  template <class What>
  void change(What what) {
    std::lock_guard lock(mutex_);
    what(*this);
    changed_.notify_all();
  }
  template <class Condition>
  bool wait(Condition condition, int limit_ms = 10'000) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(limit_ms), condition);
  }
  mosquitto* client_ = nullptr;
  std::string filter_;
  int qos_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> payloads_;
  size_t received_ = 0;
  bool subscribed_ = false;
};

}  // namespace mqtt_test
