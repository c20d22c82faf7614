// What a subscriber counts in the background, against what was really sent.
#include <mqtt_protocol.h>

#include "fixture.hpp"
#include "trailer.hpp"

namespace {

using mqtt_test::Broker;
using mqtt_test::Library;
using mqtt_test::Plugin;
using fake::Call;
using squall::mqtt::Trailer;

class MqttDelivery : public testing::TestWithParam<Library> {};

TEST_P(MqttDelivery, EveryMessageIsTimedAndNoneLost) {
  Broker broker;
  Plugin plugin(GetParam(), broker.url());
  fake::Session subscriber(plugin.mqtt, 1), publisher(plugin.mqtt, 2);
  ASSERT_TRUE(plugin.finish(subscriber.start(plugin.subscribe("d/#"))));
  std::vector<Call*> calls;
  for (const char* topic : {"d/a", "d/b"}) {
    const auto publish = plugin.publish(topic, "payload", 1, true);
    for (int i = 0; i < 500; ++i) calls.push_back(&publisher.start(publish));
  }
  ASSERT_TRUE(plugin.finish(calls));
  ASSERT_TRUE(plugin.until([&] { return plugin.count("mqtt.delivery", "received") == 1000; }));
  EXPECT_EQ(plugin.count("mqtt.delivery", "latency"), 1000u);
  subscriber.close();
  publisher.close();
  for (const char* name : {"lost", "duplicate", "reordered", "foreign_clock"})
    EXPECT_EQ(plugin.count("mqtt.delivery", name), 0u) << name;
}

INSTANTIATE_TEST_SUITE_P(Clients, MqttDelivery,
                         testing::Values(Library{"mosquitto", "3.1.1"}, Library{"mosquitto", "5"},
                                         Library{"paho", "5"}),
                         mqtt_test::name_of);

class MqttDeliveryCounts : public testing::Test {
 protected:
  Broker broker;
  Plugin plugin{{"mosquitto", "5"}, broker.url()};
  fake::Session user{plugin.mqtt, 1};
  fake::Session sender{plugin.mqtt, 2};
  uint64_t sent = 0;

  void send(uint64_t sequence, uint32_t clock, bool retain = false) {
    std::string payload = "p";
    Trailer{77, sequence, 1, clock}.append_to(payload);
    const auto publish = plugin.mqtt.prepare("publish", plugin.to_broker("publish")
                                                            .text("topic", "c/x")
                                                            .bytes("payload", payload)
                                                            .truth("retain", retain)
                                                            .number("qos", 1));
    ASSERT_TRUE(plugin.finish(sender.start(publish)));
  }
  bool received(uint64_t count) {
    return plugin.until([&] { return plugin.count("mqtt.delivery", "received") == count; });
  }
};

TEST_F(MqttDeliveryCounts, LossDuplicatesAndOrder) {
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("c/#"))));
  const uint32_t here = squall::mqtt::this_clock();
  for (const uint64_t sequence : {0, 1, 1, 4, 3, 6}) send(sequence, here);
  send(7, here + 2);  // of another machine
  ASSERT_TRUE(received(7));
  user.close();
  EXPECT_EQ(plugin.count("mqtt.delivery", "duplicate"), 1u);
  EXPECT_EQ(plugin.count("mqtt.delivery", "reordered"), 1u);
  EXPECT_EQ(plugin.count("mqtt.delivery", "lost"), 2u);  // 2 and 5
  EXPECT_EQ(plugin.count("mqtt.delivery", "foreign_clock"), 1u);
  EXPECT_EQ(plugin.count("mqtt.delivery", "latency"), 6u);
}

TEST_F(MqttDeliveryCounts, RetainedMessagesAreNotTimed) {
  send(0, squall::mqtt::this_clock(), true);
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("c/#"))));
  ASSERT_TRUE(received(1));
  EXPECT_EQ(plugin.count("mqtt.delivery", "retained"), 1u);
  EXPECT_EQ(plugin.count("mqtt.delivery", "latency"), 0u);
}

TEST_F(MqttDeliveryCounts, ADuplicateFailsAnExpectThatCounts) {
  const auto strict =
      plugin.mqtt.prepare("expect", plugin.to_broker("expect").number("count", 1));
  const auto loose = plugin.mqtt.prepare("expect", plugin.to_broker("expect"));
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("c/#"))));
  const uint32_t here = squall::mqtt::this_clock();
  send(0, here);
  send(0, here);
  ASSERT_TRUE(received(2));
  Call& first = user.start(strict);
  ASSERT_TRUE(plugin.finish(first));
  EXPECT_EQ(first.kind, uint32_t{SQ_K_CHECK});
  EXPECT_EQ(first.detail_text(), "duplicate message");
  Call& second = user.start(loose);
  ASSERT_TRUE(plugin.finish(second));
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_OK});
}

TEST_F(MqttDeliveryCounts, AKeptSessionGivesBackWhatItMissed) {
  const auto connect =
      plugin.mqtt.prepare("connect", plugin.to_broker("connect")
                                         .text("version", "3.1.1")
                                         .text("client_id", "keeper-of-sessions")
                                         .truth("clean", false));
  const auto expect = plugin.mqtt.prepare("expect", plugin.to_broker("expect"));
  Call& fresh = user.start(connect);
  ASSERT_TRUE(plugin.finish(fresh));
  EXPECT_EQ(fresh.number("session_present"), 0);
  ASSERT_TRUE(plugin.finish(user.start(plugin.subscribe("c/#"))));
  user.close();
  send(0, squall::mqtt::this_clock());
  fake::Session later(plugin.mqtt, 1);
  Call& again = later.start(connect);
  Call& missed = later.start(expect);
  ASSERT_TRUE(plugin.finish({&again, &missed}));
  EXPECT_EQ(again.number("session_present"), 1);
  EXPECT_EQ(missed.text("payload"), "p");
}

}  // namespace
