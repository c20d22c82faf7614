// What may be said of the output, and what is said of what may not.
#include "options.hpp"

#include <gtest/gtest.h>

namespace squall::elastic {
namespace {

using namespace std::chrono_literals;
using plugin::str;
using plugin::text_value;
using Given = std::vector<std::pair<const char*, sq_value>>;

sq_value bytes(int64_t value) {
  sq_value made = plugin::make_value(SQ_T_I64);
  made.u.i64 = value;
  return made;
}

Options options(const Given& given) {
  std::vector<sq_pair> pairs;
  if (given.empty() || given[0].first != std::string_view("url")) pairs.push_back({str("url"), text_value("http://127.0.0.1:1")});
  for (const auto& [name, value] : given) pairs.push_back({str(name), value});
  return read_options(pairs);
}

std::string refusal(const Given& given) {
  try {
    options(given);
  } catch (const plugin::Refusal& refused) {
    EXPECT_EQ(refused.status, SQ_E_INVALID);
    return refused.what();
  }
  return "";
}

TEST(ElasticOptions, Defaults) {
  const Options read = options({});
  EXPECT_EQ(read.address.url(), "http://127.0.0.1:1");
  EXPECT_EQ(read.name_space, "default");
  EXPECT_EQ(read.authorization, "");
  EXPECT_EQ(read.samples, Samples::off);
  EXPECT_TRUE(read.puts_templates);
  EXPECT_EQ(read.limits.queue_bytes, size_t{64} << 20);
  EXPECT_EQ(read.limits.batch_bytes, 5'000'000u);
  EXPECT_EQ(read.limits.drain, 30s);
  EXPECT_EQ(read.spool, "");
  EXPECT_EQ(options({{"url", text_value("https://es")}}).address.port, 9200);
}

TEST(ElasticOptions, Given) {
  const Options read = options({{"url", text_value("https://es/x")}, {"namespace", text_value("team_1.a")}, {"ca", text_value("ca.pem")},
                                {"samples", text_value("failed")}, {"templates", text_value("skip")}, {"batch_bytes", bytes(1000)},
                                {"queue_limit", bytes(2000)}, {"spool", text_value("dir")}, {"spool_limit", bytes(1000)},
                                {"drain", plugin::duration_value(0)}});
  EXPECT_EQ(read.name_space, "team_1.a");
  EXPECT_EQ(read.ca, "ca.pem");
  EXPECT_EQ(read.samples, Samples::failed);
  EXPECT_FALSE(read.puts_templates);
  EXPECT_EQ(read.limits.batch_bytes, 1000u);
  EXPECT_EQ(read.limits.queue_bytes, 2000u);
  EXPECT_EQ(read.limits.drain, 0s);
  EXPECT_EQ(read.spool_bytes, 1000u);
  EXPECT_EQ(options({{"samples", text_value("all")}}).samples, Samples::all);
}

TEST(ElasticOptions, Authentication) {
  EXPECT_EQ(options({{"api_key", text_value("aWQ6a2V5")}}).authorization, "ApiKey aWQ6a2V5");
  EXPECT_EQ(options({{"api_key", text_value("id:key")}}).authorization, "ApiKey aWQ6a2V5");
  EXPECT_EQ(options({{"token", text_value("abc.def")}}).authorization, "Bearer abc.def");
  EXPECT_EQ(options({{"user", text_value("Aladdin")}, {"password", text_value("open sesame")}}).authorization,
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

TEST(ElasticOptions, WhatIsWrongIsToldAndNoSecretIsRepeated) {
  const std::pair<Given, const char*> bad[] = {
      {{{"url", text_value("es:9200")}}, "url: 'es:9200' begins with neither http:// nor https://: write https://host:9200"},
      {{{"url", text_value("https://me:hunter2@es")}}, "url: a user or password does not belong into it: there are options"},
      {{{"namespace", text_value("")}}, "namespace: 1 to 100 bytes"},
      {{{"namespace", text_value("Team-A")}}, "namespace: 'Team-A' has what no name of a data stream may have: write small letters, digits, _ and ."},
      {{{"api_key", text_value("hunter2")}, {"token", text_value("hunter2")}}, "api_key, token, and user with password are three ways: give one of them"},
      {{{"user", text_value("me")}}, "user and password belong together: give both"},
      {{{"password", text_value("hunter2")}}, "user and password belong together: give both"},
      {{{"user", text_value("m:e")}, {"password", text_value("hunter2")}}, "user: no name with a `:` can be sent"},
      {{{"token", text_value("hunter2\r\nHost: other")}}, "token has a line end or a control character"},
      {{{"api_key", text_value("")}}, "api_key is empty"},
      {{{"ca", text_value("ca.pem")}}, "ca: the address is http, which has no certificates: write https://"},
      {{{"samples", text_value("true")}}, "samples: 'true' is none of off, failed, all"},
      {{{"templates", text_value("no")}}, "templates: 'no' is none of yes, skip"},
      {{{"batch_bytes", bytes(999)}}, "batch_bytes: 1kB to 100MB, which is the most that Elasticsearch takes"},
      {{{"batch_bytes", bytes(100'000'001)}}, "batch_bytes: 1kB to 100MB, which is the most that Elasticsearch takes"},
      {{{"queue_limit", bytes(9'999'998)}}, "queue_limit: two batches at least (batch_bytes is 5000000): make it larger, or the batches smaller"},
      {{{"queue_limit", bytes(-1)}}, "queue_limit: two batches at least (batch_bytes is 5000000): make it larger, or the batches smaller"},
      {{{"drain", plugin::duration_value(60'000'000'001)}}, "drain: at most 60s"},
      {{{"spool", text_value("")}}, "spool: the name of a folder, or leave it out"},
      {{{"spool_limit", bytes(1 << 30)}}, "spool_limit: there is no spool: write `spool: DIR`"},
      {{{"spool", text_value("x")}, {"spool_limit", bytes(4'999'999)}}, "spool_limit: one batch at least (batch_bytes is 5000000)"},
  };
  for (const auto& [given, why] : bad) {
    EXPECT_EQ(refusal(given), why);
    EXPECT_EQ(std::string(why).find("hunter2"), std::string::npos);
  }
  try {
    read_options({});
    FAIL() << "no url";
  } catch (const plugin::Refusal& refused) {
    EXPECT_STREQ(refused.what(), "elastic needs url: write `url: https://host:9200`");
  }
}

}  // namespace
}  // namespace squall::elastic
