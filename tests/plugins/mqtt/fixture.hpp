// What the tests against a broker share: the fake host with the plugin, and short words for steps.
#pragma once
#include "../fake_host.hpp"
#include "broker.hpp"

namespace mqtt_test {

using fake::Call;
using squall::plugin::bytes_value;
using squall::plugin::text_value;

struct Library {
  const char *client, *version;
};
inline std::ostream& operator<<(std::ostream& out, const Library& one) {
  return out << one.client << " " << one.version;
}
inline std::string name_of(const testing::TestParamInfo<Library>& info) {
  return std::string(info.param.client) +
         (std::string_view(info.param.version) == "5" ? "V5" : "V311");
}

class Plugin {
 public:
  Plugin(const Library& library, const std::string& url)
      : library_(library), target(host.add_target("broker", url)) {}

 private:
  Library library_;

 public:
  fake::Host host;
  fake::Protocol mqtt{host, "mqtt", {{"client", text_value(library_.client)},
                                     {"version", text_value(library_.version)}}};
  const sq_target* target;

  bool is_v5() const { return std::string_view(library_.version) == "5"; }
  bool is_paho() const { return std::string_view(library_.client) == "paho"; }

  /// Lets real time pass for the plugin's timers too; false after ten seconds without an end.
  bool finish(const std::vector<Call*>& calls) {
    return until([&] {
      for (const Call* call : calls)
        if (!call->completed) return false;
      return true;
    });
  }
  bool finish(Call& call) { return finish(std::vector<Call*>{&call}); }
  bool until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      if (!host.poll_once(2)) host.advance(2'000'000);
    }
    return true;
  }
  fake::Bindings to_broker(std::string_view op) {
    fake::Bindings bindings = mqtt.bind(op);
    bindings.to(target);
    return bindings;
  }
  fake::Prepared publish(std::string_view topic, std::string_view payload, int qos,
                         bool trailer = false) {
    return mqtt.prepare("publish", to_broker("publish")
                                       .text("topic", topic)
                                       .bytes("payload", payload)
                                       .number("qos", qos)
                                       .truth("trailer", trailer));
  }
  fake::Prepared subscribe(std::string_view filter, int qos = 1) {
    return mqtt.prepare("subscribe",
                        to_broker("subscribe").text("topic", filter).number("qos", qos));
  }
  fake::Prepared connect() { return mqtt.prepare("connect", to_broker("connect")); }
  /// How often a series was counted, or recorded.
  uint64_t count(std::string_view operation, std::string_view name) const {
    uint64_t total = 0;
    for (const fake::Count& one : host.samples)
      if (one.series->operation == operation && one.series->name == name)
        total += one.n ? one.n : 1;
    return total;
  }
};

}  // namespace mqtt_test
