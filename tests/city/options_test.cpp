// The command line: what it takes, and the exact words when it does not.
#include "options.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <stdexcept>
#include <vector>

namespace squall::city {
namespace {

Options parse(std::initializer_list<const char*> words) {
  std::vector<char*> argv{const_cast<char*>("city")};
  for (const auto* word : words) argv.push_back(const_cast<char*>(word));
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

std::string mistake(std::initializer_list<const char*> words) {
  try {
    parse(words);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(Options, EveryPortIsAFreeOneOnLoopbackByDefault) {
  const auto options = parse({});
  ASSERT_TRUE(options.http && options.udp_echo);
  EXPECT_EQ(options.http->host, "127.0.0.1");
  EXPECT_EQ(options.http->port, 0);
  EXPECT_EQ(options.threads, 1u);
  EXPECT_FALSE(options.mqtt);
}

TEST(Options, Addresses) {
  const auto options =
      parse({"--http", "0.0.0.0:80", "--https=[::1]:443", "--tcp", "7", "--dump", "off"});
  EXPECT_EQ(options.http->host, "0.0.0.0");
  EXPECT_EQ(options.http->port, 80);
  EXPECT_EQ(options.https->host, "::1");
  EXPECT_EQ(options.tcp->port, 7);
  EXPECT_FALSE(options.dump);
}

TEST(Options, MqttOptionsInAnyOrder) {
  const auto options =
      parse({"--mqtt-topic", "a/#", "--mqtt-broker", "broker:1884", "--mqtt-qos", "2"});
  ASSERT_TRUE(options.mqtt);
  EXPECT_EQ(options.mqtt->host, "broker");
  EXPECT_EQ(options.mqtt->port, 1884);
  EXPECT_EQ(options.mqtt->topic, "a/#");
  EXPECT_EQ(options.mqtt->qos, 2);
}

TEST(Options, MistakesNameTheOptionAndTheValue) {
  EXPECT_EQ(mistake({"--http", "nowhere:80"}), "--http 'nowhere:80': needs a numeric address");
  EXPECT_EQ(mistake({"--http", "1.2.3.4:99999"}), "--http '1.2.3.4:99999': needs ADDR:PORT");
  EXPECT_EQ(mistake({"--threads", "0"}), "--threads '0': needs a number from 1 to 256");
  EXPECT_EQ(mistake({"--mqtt-qos", "3"}), "--mqtt-qos '3': needs 0, 1 or 2");
  EXPECT_EQ(mistake({"--what", "x"}), "unknown option --what (see --help)");
  EXPECT_EQ(mistake({"--journal"}), "--journal needs a value, or is unknown");
  EXPECT_EQ(mistake({"x"}), "unexpected argument 'x'");
}

}  // namespace
}  // namespace squall::city
