// Connect, publish, subscribe, expect and disconnect against a real broker: both client libraries,
// both protocol versions, all three qualities of service.
#include "fixture.hpp"

namespace {

using fake::Call;
using mqtt_test::Broker;
using mqtt_test::Library;
using mqtt_test::Plugin;
using mqtt_test::Witness;
using squall::plugin::bytes_value;
using squall::plugin::duration_value;
using squall::plugin::int_value;
using squall::plugin::text_value;
constexpr int64_t kSecond = 1'000'000'000;

Broker& broker() {
  static Broker one;
  return one;
}

class MqttSession : public testing::TestWithParam<Library>, public Plugin {
 protected:
  MqttSession() : Plugin(GetParam(), broker().url()) {}
};

TEST_P(MqttSession, ConnectsAndDisconnects) {
  const auto connect = mqtt.prepare("connect", to_broker("connect"));
  const auto disconnect = mqtt.prepare("disconnect", to_broker("disconnect"));
  fake::Session user(mqtt, 1);
  Call& first = user.start(connect);
  ASSERT_TRUE(finish(first));
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_OK}) << first.detail_text();
  EXPECT_EQ(first.number("reason"), 0);
  EXPECT_EQ(first.number("session_present"), 0);
  EXPECT_GT(first.bytes_out, 12u);
  EXPECT_GE(first.bytes_in, 4u);
  EXPECT_LE(first.phases(), first.end_ns - first.start_ns);
  Call& again = user.start(connect);  // stays as it is
  ASSERT_TRUE(finish(again));
  EXPECT_EQ(again.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(again.bytes_out, 0u);
  Call& last = user.start(disconnect);
  ASSERT_TRUE(finish(last));
  EXPECT_EQ(last.bytes_out, 2u);
}

TEST_P(MqttSession, FirstPublishConnectsAndRecordsThatAsItsOwnSample) {
  fake::Session user(mqtt, 7);
  Call& call = user.start(publish("a", "x", 1));
  ASSERT_TRUE(finish(call));
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << call.detail_text();
  ASSERT_EQ(host.samples.size(), 1u);
  EXPECT_EQ(host.samples[0].series->operation, "mqtt.connect");
  EXPECT_EQ(host.samples[0].session, 7u);
  EXPECT_EQ(host.samples[0].outcome, uint32_t{SQ_OUT_OK});
}

TEST_P(MqttSession, AThousandMessagesOfEachQosArriveOnceEach) {
  for (int qos = 0; qos <= 2; ++qos) {
    Witness witness(broker(), "count/#");
    const auto publish = mqtt.prepare("publish", to_broker("publish")
                                                     .text("topic", "count/x")
                                                     .slot("payload", 0)
                                                     .number("qos", qos));
    std::vector<std::string> payloads;
    for (int i = 0; i < 1000; ++i) payloads.push_back(std::to_string(i));
    fake::Session user(mqtt, 1);
    std::vector<Call*> calls;
    for (const std::string& payload : payloads)
      calls.push_back(&user.start(publish, {bytes_value(payload)}));
    ASSERT_TRUE(finish(calls));
    for (size_t i = 0; i < calls.size(); ++i) {
      const Call* const call = calls[i];
      ASSERT_EQ(call->outcome, uint32_t{SQ_OUT_OK}) << call->detail_text();
      const uint64_t header = is_v5() ? 2 + 2 + 7 + 1 : 2 + 2 + 7;
      const uint64_t answer = qos == 0 ? 0 : qos == 1 ? 4 : 8;
      const uint64_t payload = payloads[i].size();
      EXPECT_EQ(call->bytes_out, header + payload + (qos ? 2u : 0u) + (qos == 2 ? 4u : 0u));
      EXPECT_EQ(call->bytes_in, answer);
    }
    EXPECT_TRUE(witness.saw_exactly(1000)) << "qos " << qos << ": " << witness.received();
    for (const auto& [payload, count] : witness.payloads()) EXPECT_EQ(count, 1) << payload;
    EXPECT_EQ(witness.payloads().size(), 1000u);
  }
}

TEST_P(MqttSession, NobodyListeningIsAReasonAndNoFailure) {
  fake::Session user(mqtt, 1);
  Call& call = user.start(publish("nobody/listens", "x", 1));
  ASSERT_TRUE(finish(call));
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  const bool is_told = is_v5() && !is_paho();  // paho keeps a success's reason to itself
  EXPECT_EQ(call.number("reason"), is_told ? 0x10 : 0);
  EXPECT_EQ(call.code, is_told ? 0x10 : 0);
}

TEST_P(MqttSession, ExpectTakesWhatHasArrivedOrWaits) {
  const auto expect = mqtt.prepare(
      "expect", to_broker("expect").text("topic", "e/+").map("where", {{"contains", "two"}}));
  fake::Session user(mqtt, 1);
  Call& subscribed = user.start(subscribe("e/#"));
  ASSERT_TRUE(finish(subscribed));
  EXPECT_EQ(subscribed.number("reason"), 1);
  Call& waiting = user.start(expect);
  Call& one = user.start(publish("e/a", "message one", 1, true));
  Call& two = user.start(publish("e/b", "message two", 1, true));
  ASSERT_TRUE(finish({&waiting, &one, &two}));
  EXPECT_EQ(waiting.text("topic"), "e/b");
  EXPECT_EQ(waiting.text("payload"), "message two");
  EXPECT_GE(waiting.number("latency"), 0);  // of the fake host's clock: nearly none
  EXPECT_LT(waiting.number("latency"), kSecond);
  EXPECT_GT(waiting.bytes_in, 32u);

  Call& three = user.start(publish("e/c", "message two again", 1));
  ASSERT_TRUE(finish(three));
  ASSERT_TRUE(host.poll_until([&] {  // it is in the inbox before anybody expects it
    int received = 0;
    for (const auto& one : host.samples) received += one.series->name == "received";
    return received == 3;
  }));
  Call& late = user.start(expect);
  host.run();
  ASSERT_TRUE(late.completed);
  EXPECT_EQ(late.text("payload"), "message two again");
  sq_value latency{};
  EXPECT_EQ(late.output("latency", {}, &latency), SQ_OK);
  EXPECT_EQ(latency.type, uint32_t{SQ_T_NULL});  // it had no trailer
}

TEST_P(MqttSession, ExpectCountsAndLooksIntoJson) {
  const auto expect = mqtt.prepare("expect", to_broker("expect")
                                                 .number("count", 2)
                                                 .map("where", {{"json", "/id"}, {"equals", "7"}}));
  fake::Session user(mqtt, 1);
  ASSERT_TRUE(finish(user.start(subscribe("j/#"))));
  Call& waiting = user.start(expect);
  ASSERT_TRUE(finish({&user.start(publish("j/x", R"({"id": 7})", 1)),
                      &user.start(publish("j/x", R"({"id": 8})", 1)),
                      &user.start(publish("j/x", "no json", 1))}));
  EXPECT_FALSE(waiting.completed);
  ASSERT_TRUE(finish({&user.start(publish("j/x", R"({"id": "7"})", 1)), &waiting}));
  EXPECT_EQ(waiting.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(waiting.text("payload"), R"({"id": "7"})");
}

TEST_P(MqttSession, ExpectWithoutAConnectionFailsAtOnce) {
  fake::Session user(mqtt, 1);
  Call& call = user.start(mqtt.prepare("expect", to_broker("expect")));
  host.run();
  EXPECT_TRUE(call.completed);
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CLOSED});
}

TEST_P(MqttSession, SeveralUsersShareOneSession) {
  Witness witness(broker(), "shared/#");
  const auto connect = mqtt.prepare("connect", to_broker("connect"));
  fake::Session session(mqtt, 3);
  std::vector<Call*> calls;
  for (int user = 0; user < 50; ++user) {  // all before there is a connection
    calls.push_back(&session.start(connect));
    calls.push_back(&session.start(publish("shared/" + std::to_string(user), "x", user % 3)));
  }
  ASSERT_TRUE(finish(calls));
  for (const Call* call : calls) EXPECT_EQ(call->outcome, uint32_t{SQ_OUT_OK});
  EXPECT_TRUE(witness.saw_exactly(50));
}

TEST_P(MqttSession, PayloadsComeFromSourcesOfEveryShape) {
  Witness witness(broker(), "source/#");
  std::string big(300'000, 'b');
  char path[] = "/tmp/squall-mqtt-payload-XXXXXX";
  const int file = ::mkstemp(path);
  ASSERT_EQ(::write(file, "from a file", 11), 11);
  sq_source* const whole = host.make_source("in one piece");
  sq_source* const pieces = host.make_source("in several pieces");
  pieces->piece = 3;
  sq_source* const large = host.make_source(big);
  sq_source* const from_file = host.make_file_source(file, 11);
  fake::Session user(mqtt, 1);
  for (sq_source* source : {whole, pieces, large, from_file}) {
    const auto publish = mqtt.prepare("publish", to_broker("publish")
                                                     .text("topic", "source/x")
                                                     .source("payload", source)
                                                     .number("qos", 1));
    for (int time = 0; time < 2; ++time) {  // one source serves many calls
      Call& call = user.start(publish);
      ASSERT_TRUE(finish(call));
      EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << call.detail_text();
    }
  }
  ASSERT_TRUE(witness.saw_exactly(8));
  const auto seen = witness.payloads();
  for (const std::string& text :
       {std::string("in one piece"), std::string("in several pieces"), std::string("from a file"), big})
    EXPECT_EQ(seen.count(text) ? seen.at(text) : 0, 2) << text.substr(0, 20);
  ::close(file);
  ::unlink(path);
}

TEST_P(MqttSession, TheWillIsPublishedWhenTheSessionVanishesOnly) {
  Witness witness(broker(), "will/#");
  std::vector<sq_pair> will = {{squall::plugin::str("topic"), text_value("will/x")},
                               {squall::plugin::str("payload"), text_value("gone")},
                               {squall::plugin::str("qos"), int_value(1)}};
  sq_value map = squall::plugin::make_value(SQ_T_MAP);
  map.u.map.ptr = will.data();
  map.u.map.len = will.size();
  const auto connect = mqtt.prepare(
      "connect", to_broker("connect").set("will", map).text("client_id", "testator"));
  {
    fake::Session user(mqtt, 1);
    ASSERT_TRUE(finish(user.start(connect)));
  }  // ends with DISCONNECT: no will
    EXPECT_EQ(witness.received(), 0u);
  fake::Session user(mqtt, 1);
  ASSERT_TRUE(finish(user.start(connect)));
  fake::Session other(mqtt, 2);  // the same identifier: the broker drops the first
  ASSERT_TRUE(finish(other.start(connect)));
  EXPECT_TRUE(witness.saw_exactly(1));
}

TEST_P(MqttSession, PropertiesNeedVersion5) {
  fake::Session user(mqtt, 1);
  Call& call = user.start(mqtt.prepare(
      "publish", to_broker("publish").text("topic", "p").number("qos", 1).map(
                     "properties", {{"content_type", "text/plain"}, {"mine", "yes"}})));
  ASSERT_TRUE(finish(call));
  EXPECT_EQ(call.outcome, is_v5() ? uint32_t{SQ_OUT_OK} : uint32_t{SQ_OUT_FAILED})
      << call.detail_text();
  // 2 + topic 1 + id 2 + length 1 + (1 + 2 + 10) + (1 + 2 + 4 + 2 + 3), after 2 of fixed header
  const uint64_t expected = 2u + 2 + 1 + 2 + 1 + 13 + 12;
  EXPECT_EQ(call.bytes_out, is_v5() ? expected : 0u);
}

TEST_P(MqttSession, ACancelledPublishIsNotSentLater) {
  Witness witness(broker(), "cancel/#");
  fake::Session user(mqtt, 1);
  Call& call = user.start(publish("cancel/x", "x", 1));  // waits for the connection
  user.cancel(call);
  host.run();
  ASSERT_TRUE(call.completed);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_CANCELLED});
  ASSERT_TRUE(finish(user.start(publish("cancel/y", "y", 1))));
  EXPECT_TRUE(witness.saw_exactly(1));
  EXPECT_EQ(witness.payloads().count("y"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Clients, MqttSession,
                         testing::Values(Library{"mosquitto", "3.1.1"}, Library{"mosquitto", "5"},
                                         Library{"paho", "3.1.1"}, Library{"paho", "5"}),
                         mqtt_test::name_of);

TEST(MqttPrepare, RefusesWhatCannotWork) {
  fake::Host host;
  fake::Protocol mqtt(host, "mqtt");
  const sq_target* target = host.add_target("broker", "mqtt://127.0.0.1:1");
  const sq_target* web = host.add_target("web", "http://127.0.0.1:1");
  const auto publish = [&] { return std::move(mqtt.bind("publish").to(target)); };
  EXPECT_EQ(mqtt.refusal("publish", publish().text("topic", "a/+")),
            "\"a/+\" is no valid topic to publish to");
  EXPECT_EQ(mqtt.refusal("publish", publish().text("topic", "a").number("qos", 3)),
            "qos must be 0, 1 or 2, not 3");
  EXPECT_EQ(mqtt.refusal("publish", mqtt.bind("publish").text("topic", "a")),
            "an mqtt operation needs a target (to)");
  EXPECT_EQ(mqtt.refusal("publish", mqtt.bind("publish").to(web).text("topic", "a")),
            "the target must be mqtt:// or mqtts://, not http://");
  EXPECT_EQ(mqtt.refusal("subscribe", mqtt.bind("subscribe").to(target)),
            "subscribe needs topic or topics, one of the two");
  EXPECT_EQ(mqtt.refusal("subscribe", mqtt.bind("subscribe").to(target).text("topic", "a/#/b")),
            "\"a/#/b\" is no valid topic filter");
  EXPECT_EQ(
      mqtt.refusal("connect", mqtt.bind("connect").to(target).duration("keep_alive", kSecond)),
      "keep_alive must be whole seconds from 5s to 65535s, or 0s for none");
  EXPECT_EQ(mqtt.refusal("expect", mqtt.bind("expect").to(target).map("where", {{"is", "x"}})),
            "where knows equals, contains, starts_with, json, not \"is\"");
}

}  // namespace
