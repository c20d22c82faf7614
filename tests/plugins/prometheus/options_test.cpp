// What may be said of the output, and what is said of what may not.
#include "options.hpp"

#include <gtest/gtest.h>

namespace squall::prometheus {
namespace {

using plugin::str;
using plugin::text_value;

sq_value list_of(const std::vector<sq_value>& items) {
  sq_value list = plugin::make_value(SQ_T_LIST);
  list.u.list = {items.data(), items.size()};
  return list;
}

std::string refusal(const char* option, const sq_value& value) {
  const sq_pair given{str(option), value};
  try {
    read_options({&given, 1});
  } catch (const plugin::Refusal& refused) {
    EXPECT_EQ(refused.status, SQ_E_INVALID);
    return refused.what();
  }
  return "";
}

TEST(PrometheusOptions, Defaults) {
  const Options options = read_options({});
  EXPECT_EQ(options.listen.address().to_string(), "127.0.0.1");
  EXPECT_EQ(options.listen.port(), 9464);
  EXPECT_EQ(options.linger, std::chrono::seconds(5));
  ASSERT_EQ(options.buckets_ns.size(), 18u);
  EXPECT_EQ(options.buckets_ns.front(), 100'000u);
  EXPECT_EQ(options.buckets_ns[4], 2'500'000u);
  EXPECT_EQ(options.buckets_ns.back(), 60'000'000'000u);
  EXPECT_TRUE(options.percentiles.empty());
}

TEST(PrometheusOptions, Listen) {
  const std::pair<const char*, const char*> good[] = {{"127.0.0.1:0", "127.0.0.1:0"}, {"localhost:1", "127.0.0.1:1"},
                                                      {"0.0.0.0:80", "0.0.0.0:80"}, {"[::1]:65535", "[::1]:65535"}};
  for (const auto& [text, wanted] : good) {
    const sq_pair given{str("listen"), text_value(text)};
    const auto endpoint = read_options({&given, 1}).listen;
    const std::string address = endpoint.address().to_string();
    EXPECT_EQ((endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port()), wanted);
  }
  const char* const hint = ": write 127.0.0.1:9464, or [::1]:9464";
  const std::pair<const char*, const char*> bad[] = {
      {"", "listen: '' has no port"},
      {"9464", "listen: '9464' has no port"},
      {"127.0.0.1", "listen: '127.0.0.1' has no port"},
      {"::1", "listen: '::1' has no port"},
      {"127.0.0.1:", "listen: '127.0.0.1:' has no port from 0 to 65535"},
      {"127.0.0.1:65536", "listen: '127.0.0.1:65536' has no port from 0 to 65535"},
      {"127.0.0.1:x", "listen: '127.0.0.1:x' has no port from 0 to 65535"},
      {":9464", "listen: ':9464' says no address (0.0.0.0 would be all of this machine's)"},
      {"my.host:9464", "listen: 'my.host:9464' is no address"},
      {"http://127.0.0.1:9464", "listen: 'http://127.0.0.1:9464' has no port"}};
  for (const auto& [text, wanted] : bad) EXPECT_EQ(refusal("listen", text_value(text)), std::string(wanted) + hint);
}

TEST(PrometheusOptions, Linger) {
  EXPECT_EQ(refusal("linger", plugin::duration_value(60'000'000'000)), "");
  EXPECT_EQ(refusal("linger", plugin::duration_value(0)), "");
  EXPECT_EQ(refusal("linger", plugin::duration_value(60'000'000'001)), "linger: at most 60s");
}

TEST(PrometheusOptions, Buckets) {
  const std::vector<sq_value> items = {text_value("1s"), text_value("2.5ms"), text_value("3us"), plugin::duration_value(7),
                                       text_value("1m")};
  const sq_pair given{str("buckets"), list_of(items)};
  EXPECT_EQ(read_options({&given, 1}).buckets_ns, (std::vector<uint64_t>{7, 3'000, 2'500'000, 1'000'000'000, 60'000'000'000}));
  for (const char* const bad : {"5", "ms", "", "0ms", "-1ms", "5 parsecs", "nans", "infs", "1e30s"}) {
    const std::vector<sq_value> one = {text_value(bad)};
    EXPECT_EQ(refusal("buckets", list_of(one)), "buckets: '" + std::string(bad) + "' is no time: write [10ms, 100ms, 1s]");
  }
  const std::vector<sq_value> number = {plugin::float_value(.5)};
  EXPECT_EQ(refusal("buckets", list_of(number)), "buckets: '0.5' is no time: write [10ms, 100ms, 1s]");
  EXPECT_EQ(refusal("buckets", list_of(std::vector<sq_value>(101, text_value("1s")))), "buckets: at most 100");
}

TEST(PrometheusOptions, Percentiles) {
  const std::vector<sq_value> items = {text_value("p50"), text_value("p99.9"), text_value("p999"), text_value("p100")};
  const sq_pair given{str("percentiles"), list_of(items)};
  const Options options = read_options({&given, 1});
  ASSERT_EQ(options.percentiles.size(), 4u);
  EXPECT_DOUBLE_EQ(options.percentiles[0], .5);
  EXPECT_DOUBLE_EQ(options.percentiles[1], .999);
  EXPECT_DOUBLE_EQ(options.percentiles[2], .999);
  EXPECT_DOUBLE_EQ(options.percentiles[3], 1);
  EXPECT_EQ(options.percentile_names[2], "p999");
  for (const char* const bad : {"50", "p", "p100.1", "p-1", "p9x", "median"}) {
    const std::vector<sq_value> one = {text_value(bad)};
    EXPECT_EQ(refusal("percentiles", list_of(one)), "percentiles: '" + std::string(bad) + "' is none: write [p50, p95, p99.9]");
  }
}

}  // namespace
}  // namespace squall::prometheus
