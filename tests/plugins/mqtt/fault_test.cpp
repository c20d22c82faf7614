// What goes wrong: refusals, brokers that die, lie or say nothing, take-over, keep-alive, TLS. Each
// has a class of its own, fails what was in flight once, and leaves nothing behind.
#include <dirent.h>

#include <atomic>
#include <thread>

#include "fixture.hpp"

namespace {

using mqtt_test::Broker;
using mqtt_test::Library;
using mqtt_test::Plugin;
using mqtt_test::Witness;
using fake::Call;
using squall::plugin::text_value;
constexpr Library kMosquitto{"mosquitto", "3.1.1"}, kMosquitto5{"mosquitto", "5"};

/// A server that says `answer` to whatever a client sends first, and then goes, or stays silent.
class Script {
 public:
  explicit Script(std::string answer, bool stays = false) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer, stays] {
      for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0;) {
        ++accepted;
        char bytes[512];
        const bool spoke = ::recv(peer, bytes, sizeof bytes, 0) > 0;
        if (spoke && ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) >= 0 && stays)
          while (::recv(peer, bytes, sizeof bytes, 0) > 0) {
          }
        ::close(peer);
      }
    });
  }
  ~Script() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url(const char* scheme = "mqtt") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(port_);
  }
  std::atomic<int> accepted{0};

 private:
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

size_t open_descriptors() {
  size_t count = 0;
  DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder)) ++count;
  ::closedir(folder);
  return count;
}

class MqttFault : public testing::TestWithParam<Library> {};

TEST_P(MqttFault, NobodyListensIsAConnectFailure) {
  const int port = mqtt_test::reserve_port();
  Plugin plugin(GetParam(), "mqtt://127.0.0.1:" + std::to_string(port));
  fake::Session user(plugin.mqtt, 1);
  Call& call = user.start(plugin.connect());
  ASSERT_TRUE(plugin.finish(call));
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CONNECT});
  EXPECT_EQ(call.detail_text(), plugin.is_paho() ? "paho does not connect" : "refused");
}

TEST_P(MqttFault, ARefusedConnectSaysWhy) {
  Broker broker("", false);
  Plugin plugin(GetParam(), broker.url());
  fake::Session user(plugin.mqtt, 1);
  Call& call = user.start(plugin.mqtt.prepare(
      "connect", plugin.to_broker("connect").text("user", "me").text("password", "wrong")));
  ASSERT_TRUE(plugin.finish(call));
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CONNECT});
  EXPECT_EQ(call.code, 0x87);
  EXPECT_EQ(call.detail_text(), "not authorized");
  EXPECT_EQ(call.number("reason"), 0x87);
}

TEST_P(MqttFault, AnImplicitConnectThatFailsFailsThoseThatWaited) {
  Broker broker("", false);
  Plugin plugin(GetParam(), broker.url());
  fake::Session user(plugin.mqtt, 1);
  Call& one = user.start(plugin.publish("a", "x", 0));
  Call& two = user.start(plugin.subscribe("a"));
  ASSERT_TRUE(plugin.finish({&one, &two}));
  EXPECT_EQ(one.kind, uint32_t{SQ_K_CONNECT});
  EXPECT_EQ(two.code, 0x87);
  EXPECT_EQ(plugin.count("mqtt.connect", "mqtt.connect"), 1u);
}

TEST_P(MqttFault, AnAddressThatRefusesIsFollowedByTheNext) {
  Broker broker;   // on 127.0.0.1 alone
  Plugin plugin(GetParam(), broker.url());
  plugin.host.mutable_target(plugin.target)->resolves_to = "127.0.0.9 127.0.0.1";
  fake::Session user(plugin.mqtt, 1);
  Call& call = user.start(plugin.connect());
  ASSERT_TRUE(plugin.finish(call));
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << call.detail_text();
  EXPECT_EQ(plugin.target->noted[SQ_CN_OPENED], 1u);
  EXPECT_EQ(plugin.target->noted[SQ_CN_FAILED], 0u);
}

TEST_P(MqttFault, ConnectionsAreCountedForTheResult) {
  Broker broker;
  Plugin plugin(GetParam(), broker.url());
  const auto& noted = plugin.target->noted;
  const auto publish = plugin.publish("a", "x", 1);
  fake::Session implicit(plugin.mqtt, 1), explicit_one(plugin.mqtt, 2);
  ASSERT_TRUE(plugin.finish({&implicit.start(publish), &implicit.start(publish)}));
  EXPECT_EQ(noted[SQ_CN_OPENED], 1u);
  EXPECT_EQ(noted[SQ_CN_REUSED], 1u) << "the first opened it";
  ASSERT_TRUE(plugin.finish(explicit_one.start(plugin.connect())));
  ASSERT_TRUE(plugin.finish(explicit_one.start(publish)));
  ASSERT_TRUE(plugin.finish(explicit_one.start(publish)));
  EXPECT_EQ(noted[SQ_CN_OPENED], 2u);
  EXPECT_EQ(noted[SQ_CN_REUSED], 3u);
  ASSERT_TRUE(plugin.finish(explicit_one.start(
      plugin.mqtt.prepare("disconnect", plugin.to_broker("disconnect")))));
  EXPECT_EQ(noted[SQ_CN_CLOSED_BY_PEER], 0u);
  broker.stop();
  ASSERT_TRUE(plugin.until([&] { return noted[SQ_CN_CLOSED_BY_PEER] == 1; }));
  ASSERT_TRUE(plugin.finish(explicit_one.start(plugin.connect())));   // nobody is there
  EXPECT_EQ(noted[SQ_CN_FAILED], 1u);
  EXPECT_EQ(noted[SQ_CN_OPENED], 2u);
}

TEST_P(MqttFault, TheSameIdentifierTakesOver) {
  Broker broker;
  Plugin plugin(GetParam(), broker.url());
  const auto connect =
      plugin.mqtt.prepare("connect", plugin.to_broker("connect").text("client_id", "twin"));
  fake::Session first(plugin.mqtt, 1), second(plugin.mqtt, 2);
  ASSERT_TRUE(plugin.finish(first.start(connect)));
  ASSERT_TRUE(plugin.finish(first.start(plugin.subscribe("never"))));
  Call& waiting = first.start(plugin.mqtt.prepare("expect", plugin.to_broker("expect")));
  ASSERT_TRUE(plugin.finish({&second.start(connect), &waiting}));
  EXPECT_EQ(waiting.kind, uint32_t{SQ_K_CLOSED});  // mosquitto 2.0.11 hangs up without a reason
}

TEST_P(MqttFault, ABrokerThatSaysWhyItGoesIsQuoted) {
  if (std::string_view(GetParam().version) != "5") return;
  Script script(std::string("\x20\x03\x00\x00\x00\xe0\x01\x8e", 8));
  Plugin plugin(GetParam(), script.url());
  fake::Session user(plugin.mqtt, 1);
  Call& connected = user.start(plugin.connect());
  Call& waiting = user.start(plugin.mqtt.prepare("expect", plugin.to_broker("expect")));
  ASSERT_TRUE(plugin.finish({&connected, &waiting}));
  EXPECT_EQ(connected.outcome, uint32_t{SQ_OUT_OK}) << connected.detail_text();
  EXPECT_EQ(waiting.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(waiting.code, 0x8E);
  EXPECT_EQ(waiting.detail_text(), "session taken over");
}

TEST_P(MqttFault, AKilledBrokerFailsWhatIsInFlightAndTheNextUseReconnects) {
  Broker broker;
  Plugin plugin(GetParam(), broker.url());
  fake::Session user(plugin.mqtt, 1);
  ASSERT_TRUE(plugin.finish(user.start(plugin.publish("k", "before", 1))));
  broker.signal(SIGSTOP);  // so that answers stay away for sure
  std::vector<Call*> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(&user.start(plugin.publish("k", "lost", 1 + i % 2)));
  plugin.host.poll_once(0);
  broker.stop(SIGKILL);
  ASSERT_TRUE(plugin.finish(calls));
  for (const Call* call : calls) {
    EXPECT_EQ(call->outcome, uint32_t{SQ_OUT_FAILED});
    EXPECT_EQ(call->kind, uint32_t{SQ_K_CLOSED}) << call->detail_text();
  }
  broker.start();
  Witness witness(broker, "k");
  Call& after = user.start(plugin.publish("k", "after", 1));
  ASSERT_TRUE(plugin.finish(after));
  EXPECT_EQ(after.outcome, uint32_t{SQ_OUT_OK}) << after.detail_text();
  EXPECT_TRUE(witness.saw_exactly(1));  // nothing was sent twice
  EXPECT_EQ(plugin.count("mqtt.connect", "mqtt.connect"), 2u);
}

TEST_P(MqttFault, ASubscriberComesBackByItselfAndSubscribesAgain) {
  Broker broker;
  Plugin plugin(GetParam(), broker.url());
  fake::Session user(plugin.mqtt, 1), other(plugin.mqtt, 2);
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("s/#"))));
  broker.stop();
  broker.start();
  ASSERT_TRUE(
      plugin.until([&] { return plugin.count("mqtt.subscribe", "subscribed again") == 1; }));
  const auto expect = plugin.mqtt.prepare("expect", plugin.to_broker("expect"));
  Call& waiting = user.start(expect);
  // The broker may take the subscription after the message: send until it is there.
  while (!waiting.completed) {
    ASSERT_TRUE(plugin.finish(other.start(plugin.publish("s/x", "hello", 1))));
    plugin.host.poll_once(5);
  }
  EXPECT_EQ(waiting.text("payload"), "hello");
}

TEST_P(MqttFault, ABrokerThatNeverAnswersIsLeftWhenTheCallIsCancelled) {
  Script script("", true);
  Plugin plugin(GetParam(), script.url());
  fake::Session user(plugin.mqtt, 1);
  Call& call = user.start(plugin.connect());
  ASSERT_TRUE(plugin.until([&] { return script.accepted == 1; }));
  call.deadline_ns = plugin.host.now_ns;
  user.cancel(call);
  plugin.host.run();
  ASSERT_TRUE(call.completed);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_TIMEOUT});
  EXPECT_EQ(plugin.host.watch_count(), 0u);
}

TEST_P(MqttFault, LyingBrokersAreProtocolFailuresOrClosed) {
  const bool is_v5 = std::string_view(GetParam().version) == "5";
  const struct {
    const char* name;
    std::string answer;
    std::vector<uint32_t> kinds;  // paho tells fewer apart
  } rows[] = {
      {"gone without a word", "", {SQ_K_CLOSED, SQ_K_CONNECT}},
      {"not MQTT", "HTTP/1.1 400 Bad Request\r\n\r\n", {SQ_K_PROTOCOL, SQ_K_CLOSED, SQ_K_CONNECT}},
      {"remaining length of five bytes",
       std::string("\x20\xff\xff\xff\xff\x01", 6),
       {SQ_K_PROTOCOL, SQ_K_CLOSED, SQ_K_CONNECT}},
      {"PUBLISH before CONNACK",
       std::string("\x30\x05\x00\x01\x61hi", 7),
       {SQ_K_PROTOCOL, SQ_K_CLOSED, SQ_K_CONNECT}},
      {"CONNACK with an unknown code",
       is_v5 ? std::string("\x20\x03\x00\x8f\x00", 5) : std::string("\x20\x02\x00\x63", 4),
       {SQ_K_CONNECT, SQ_K_PROTOCOL}},
      {"CONNACK cut short", std::string("\x20\x02\x00", 3), {SQ_K_CLOSED, SQ_K_CONNECT}},
      {"CONNACK of one byte",
       std::string("\x20\x01\x00", 3),
       {SQ_K_PROTOCOL, SQ_K_CLOSED, SQ_K_CONNECT}},
  };
  for (const auto& row : rows) {
    Script script(row.answer);
    Plugin plugin(GetParam(), script.url());
    fake::Session user(plugin.mqtt, 1);
    Call& call = user.start(plugin.connect());
    ASSERT_TRUE(plugin.finish(call)) << row.name;
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED}) << row.name;
    EXPECT_NE(std::find(row.kinds.begin(), row.kinds.end(), call.kind), row.kinds.end())
        << row.name << ": " << call.kind << " " << call.detail_text();
  }
}

INSTANTIATE_TEST_SUITE_P(Clients, MqttFault,
                         testing::Values(kMosquitto, kMosquitto5, Library{"paho", "5"}),
                         mqtt_test::name_of);

TEST(MqttBroker, RefusesPublishAndSubscribeByReason) {
  char path[] = "/tmp/squall-mqtt-acl-XXXXXX";
  const int file = ::mkstemp(path);
  ASSERT_EQ(::write(file, "topic readwrite open/#\n", 23), 23);
  ::close(file);
  Broker broker("acl_file " + std::string(path) + "\n");
  {
    Plugin plugin(kMosquitto5, broker.url());
    fake::Session user(plugin.mqtt, 1);
    Call& call = user.start(plugin.publish("closed/x", "x", 1));
    ASSERT_TRUE(plugin.finish(call));
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});  // the host's default check says the rest
    EXPECT_EQ(call.code, 0x87);
    EXPECT_EQ(call.detail_text(), "not authorized");
    EXPECT_EQ(call.bytes_in, 5u);
  }
  ::unlink(path);
}

TEST(MqttBroker, AFrozenBrokerIsNoticedByKeepAlive) {
  Broker broker;
  Plugin plugin(kMosquitto, broker.url());
  fake::Session user(plugin.mqtt, 1);
  const auto connect = plugin.mqtt.prepare(
      "connect", plugin.to_broker("connect").duration("keep_alive", 5'000'000'000));
  ASSERT_TRUE(plugin.finish(user.start(connect)));
  Call& call = user.start(plugin.mqtt.prepare("expect", plugin.to_broker("expect")));
  broker.signal(SIGSTOP);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!call.completed && std::chrono::steady_clock::now() < end)
    if (!plugin.host.poll_once(60)) plugin.host.advance(62'500'000);
  broker.signal(SIGCONT);
  ASSERT_TRUE(call.completed);
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(call.detail_text(), "keep-alive");
}

TEST(MqttBroker, KeptAliveByPingsWhileIdle) {
  Broker broker;
  Plugin plugin(kMosquitto, broker.url());
  fake::Session user(plugin.mqtt, 1);
  const auto connect = plugin.mqtt.prepare(
      "connect", plugin.to_broker("connect").duration("keep_alive", 5'000'000'000));
  ASSERT_TRUE(plugin.finish(user.start(connect)));
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(8'500);
  while (std::chrono::steady_clock::now() < end)  // the broker would close after 7.5 s
    if (!plugin.host.poll_once(60)) plugin.host.advance(62'500'000);
  Call& call = user.start(connect);
  ASSERT_TRUE(plugin.finish(call));
  EXPECT_EQ(call.bytes_out, 0u);  // still the same connection
}

TEST(MqttBroker, ManyClientsComeBackSpreadOut) {
  constexpr int kClients = 300;
  const size_t before = open_descriptors();
  {
    Broker broker;
    Plugin plugin(kMosquitto, broker.url());
    std::list<fake::Session> users;
    std::vector<Call*> calls;
    const auto publish = plugin.publish("many", "x", 1);
    for (int i = 0; i < kClients; ++i)
      calls.push_back(&users.emplace_back(plugin.mqtt, i).start(publish));
    ASSERT_TRUE(plugin.finish(calls));
    // One descriptor a client: the library's wake-up pair is closed.
    EXPECT_LE(open_descriptors(), before + kClients + 8);
    broker.stop();
    ASSERT_TRUE(plugin.until([&] { return plugin.host.watch_count() == 0; }));
    broker.start();
    calls.clear();
    for (auto& user : users) calls.push_back(&user.start(publish));
    ASSERT_TRUE(plugin.finish(calls));
    std::set<uint64_t> milliseconds;
    int reconnects = 0;
    for (const fake::Count& one : plugin.host.samples) {
      if (one.series->operation != "mqtt.connect") continue;
      if (++reconnects > kClients) milliseconds.insert(one.due_ns / 1'000'000);
    }
    EXPECT_EQ(reconnects, 2 * kClients);
    EXPECT_GT(milliseconds.size(), 25u);  // of 50 steps of the clock in a 100 ms back-off
  }
  EXPECT_LE(open_descriptors(), before + 4);
}

// ---- TLS ---------------------------------------------------------------------------------------

class MqttTls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char pattern[] = "/tmp/squall-mqtt-tls-XXXXXX";
    folder = ::mkdtemp(pattern);
    const std::string command =
        "cd " + folder + " && (" +
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "
        "ca.key -out ca.pem -subj /CN=ca && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "
        "request.pem -subj /CN=broker && "
        "printf 'subjectAltName=DNS:broker.test,IP:127.0.0.1' > names && "
        "openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "
        "cert.pem -extfile names) > log 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0);
    broker = new Broker("cafile " + folder + "/ca.pem\ncertfile " + folder +
                        "/cert.pem\nkeyfile " + folder + "/key.pem\n");
  }
  static void TearDownTestSuite() {
    delete broker;
    std::filesystem::remove_all(folder);
  }
  /// Kind of a connect's failure with these TLS options; none when it works.
  static Call& connect(Plugin& plugin, fake::Session& user, const std::string& ca,
                       const std::string& name, uint32_t flags = 0) {
    static std::list<std::string> kept;
    sq_tls_info& tls = plugin.host.mutable_target(plugin.target)->tls;
    tls.ca = squall::plugin::str(kept.emplace_back(ca));
    tls.server_name = squall::plugin::str(kept.emplace_back(name));
    tls.flags = flags;
    Call& call = user.start(plugin.connect());
    EXPECT_TRUE(plugin.finish(call));
    return call;
  }
  static std::string folder;
  static Broker* broker;
};
std::string MqttTls::folder;
Broker* MqttTls::broker = nullptr;

TEST_F(MqttTls, VerifiesTheNameThatIsExpected) {
  const struct {
    const char *name, *server_name;
    bool with_ca;
    uint32_t flags;
    const char* detail;  // nullptr: it works
  } rows[] = {
      {"its name", "broker.test", true, 0, nullptr},
      {"its address", "", true, 0, nullptr},
      {"another name", "other.test", true, 0, "hostname mismatch"},
      {"an unknown authority", "broker.test", false, 0, "self-signed certificate in certificate chain"},
      {"not verified", "other.test", false, SQ_TLS_INSECURE, nullptr},
  };
  for (const auto& row : rows) {
    Plugin plugin(kMosquitto, broker->url("mqtts"));
    fake::Session user(plugin.mqtt, 1);
    Call& call =
        connect(plugin, user, row.with_ca ? folder + "/ca.pem" : "", row.server_name, row.flags);
    if (row.detail) {
      EXPECT_EQ(call.kind, uint32_t{SQ_K_TLS}) << row.name;
      EXPECT_EQ(call.detail_text(), row.detail) << row.name;
      continue;
    }
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << row.name << ": " << call.detail_text();
    Call& sent = user.start(plugin.publish("tls", std::string(200'000, 'x'), 1));
    ASSERT_TRUE(plugin.finish(sent)) << row.name;
    EXPECT_EQ(sent.outcome, uint32_t{SQ_OUT_OK}) << row.name;
  }
}

TEST_F(MqttTls, ReceivesWhatOpenSslHasBuffered) {
  Plugin plugin(kMosquitto5, broker->url("mqtts"));
  fake::Session user(plugin.mqtt, 1), other(plugin.mqtt, 2);
  EXPECT_EQ(connect(plugin, user, folder + "/ca.pem", "").outcome, uint32_t{SQ_OUT_OK});
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("t/#", 0))));
  std::vector<Call*> calls;
  const auto publish = plugin.publish("t/x", "small", 0, true);
  for (int i = 0; i < 2000; ++i) calls.push_back(&other.start(publish));
  ASSERT_TRUE(plugin.finish(calls));
  EXPECT_TRUE(plugin.until([&] { return plugin.count("mqtt.delivery", "received") == 2000; }));
  EXPECT_EQ(plugin.count("mqtt.delivery", "latency"), 2000u);
}

TEST_F(MqttTls, PlainAnswersAndHangUpsAreTlsFailures) {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", ""}) {
    Script script(answer);
    Plugin plugin(kMosquitto, script.url("mqtts"));
    fake::Session user(plugin.mqtt, 1);
    Call& call = connect(plugin, user, folder + "/ca.pem", "");
    EXPECT_EQ(call.kind, uint32_t{SQ_K_TLS}) << answer << ": " << call.detail_text();
  }
}

TEST_F(MqttTls, PahoVerifiesTheNameItDials) {
  for (const bool with_ca : {true, false}) {
    Plugin plugin({"paho", "5"}, broker->url("mqtts"));
    fake::Session user(plugin.mqtt, 1);
    Call& call = connect(plugin, user, with_ca ? folder + "/ca.pem" : "", "");
    EXPECT_EQ(call.outcome == SQ_OUT_OK, with_ca) << call.detail_text();
  }
}

}  // namespace
