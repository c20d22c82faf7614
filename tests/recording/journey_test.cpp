// From entries to steps: what is kept, how it is called, how long the user thinks.
#include "recording/journey.hpp"

#include <gtest/gtest.h>

#include "recording/journey_text.hpp"

namespace squall {
namespace {

class JourneyTest : public testing::Test {
 protected:
  HarEntry& add(std::string url, std::int64_t at_ms, std::int64_t took_ms = 10, int status = 200, std::string type = "text/html") {
    HarEntry entry;
    entry.index = har_.entries.size();
    entry.method = "GET";
    entry.url = std::move(url);
    entry.started_us = at_ms * 1000;
    entry.took_us = took_ms * 1000;
    entry.status = status;
    entry.answer_type = std::move(type);
    return har_.entries.emplace_back(std::move(entry));
  }
  Journey make() { return make_journey(har_, options_); }
  std::vector<std::string> paths() {
    std::vector<std::string> found;
    for (const JourneyStep& step : make().steps) found.push_back(step.parameters["path"]);
    return found;
  }

  Har har_;
  JourneyOptions options_{.assets = false, .all_hosts = false, .source = "s.har", .payload_folder = "s-payloads"};
};

TEST_F(JourneyTest, ThinkTimeIsWhenNothingIsUnderWay) {
  add("http://h.example/a", 0, 100);
  add("http://h.example/slow.png", 50, 3000, 200, "image/png");   // left out, and the user waits for it all the same
  add("http://h.example/b", 3500, 100);                           // 450 ms: the browser took them
  add("http://other.example/ping", 3600, 60000);
  add("http://h.example/c", 5600, 100);                           // 2 s: what other hosts do does not count
  const Journey journey = make();
  ASSERT_EQ(journey.steps.size(), 3u);
  EXPECT_EQ(journey.steps[0].think_us, 0);
  EXPECT_EQ(journey.steps[1].think_us, 0);
  EXPECT_EQ(journey.steps[2].think_us, 2'000'000);
  EXPECT_EQ(journey.length_us, 5'700'000);
}

TEST_F(JourneyTest, TheFirstPageIsWhereItsRedirectsLead) {
  add("http://ads.example/early", 0, 1, 200, "application/json");
  add("http://shop.example/", 10, 1, 301).redirect_url = "https://www.shop.example/";
  add("https://www.shop.example/", 20, 1, 302).redirect_url = "/home";
  add("https://www.shop.example/home", 30);
  add("https://api.shop.example/x", 40, 1, 200, "application/json");
  EXPECT_EQ(paths(), (std::vector<std::string>{"/", "/", "/home"}));
  const Journey journey = make();
  EXPECT_EQ(journey.steps[0].parameters["redirects"], 0);
  EXPECT_EQ(journey.steps[0].parameters["to"], "shop");
  EXPECT_EQ(journey.steps[1].parameters["to"], "shop_example");
  EXPECT_EQ(journey.left_out.hosts, (std::map<std::string, std::size_t>{{"ads.example", 1}, {"api.shop.example", 1}}));
  options_.all_hosts = true;
  const Journey all = make();
  std::vector<std::string> names;
  for (const JourneyTarget& target : all.targets) names.push_back(target.name);
  EXPECT_EQ(names, (std::vector<std::string>{"ads", "shop", "shop_example", "api"}));
}

TEST_F(JourneyTest, NamesAreOfMethodAndPathAlone) {
  add("http://h.example/p/1?a=1", 0);
  add("http://h.example/p/1?a=2", 20);
  add("http://h.example/p/2", 40);
  const std::string deep = "http://h.example/" + std::string(100, 'd');
  add(deep + "1", 60);
  add(deep + "2", 80);
  add(deep + "1?x", 100);
  const Journey journey = make();
  const auto name = [&](std::size_t i) { return journey.steps[i].parameters.value("name", ""); };
  EXPECT_EQ(name(0), "GET /p/1");
  EXPECT_EQ(name(1), "GET /p/1");
  EXPECT_EQ(name(2), "");   // GET /p/2 by itself
  EXPECT_EQ(name(3).size(), 83u);
  EXPECT_EQ(name(4), name(3) + " (2)");
  EXPECT_EQ(name(5), name(3));
}

TEST_F(JourneyTest, StaticFilesAreKnownByTypeResourceOrName) {
  add("http://h.example/", 0);
  add("http://h.example/1", 1, 1, 200, "application/javascript; charset=utf-8");
  add("http://h.example/2", 2, 1, 304, "").resource = "font";
  add("http://h.example/3.woff2", 3, 1, 200, "application/octet-stream");
  add("http://h.example/4.js", 4, 1, 200, "application/json");
  add("http://h.example/5.png", 5, 1, 200, "image/png").method = "POST";
  EXPECT_EQ(paths(), (std::vector<std::string>{"/", "/4.js", "/5.png"}));
  EXPECT_EQ(make().left_out.assets, 3u);
  options_.assets = true;
  EXPECT_EQ(paths().size(), 6u);
}

TEST_F(JourneyTest, WhatCannotBeSentIsCountedAndSaid) {
  add("http://h.example/", 0);
  add("http://h.example/gone", 1, 1, 0);
  add("http://h.example/old", 2).is_cached = true;
  add("wss://h.example/ws", 3, 1, 101);
  add("http://h.example/ws", 4, 1, 101);
  add("h.example:443", 5).method = "CONNECT";
  add("nonsense", 6);
  add("http://h:0/", 7);
  add("blob:http://h.example/1", 8);
  add("data:,x", 9);
  add("data:,y", 10);
  EXPECT_EQ(make().left_out.text(),
            "2 WebSockets, 1 blob:, 2 data:, 1 without an answer, 1 from the browser's cache, 1 CONNECT, 2 addresses that no target may have");
}

TEST_F(JourneyTest, LongAndBinaryBodiesAreFilesWithoutTheirSecrets) {
  for (int i = 0; i < 3; ++i) {
    HarEntry& post = add("http://h.example/up/Load.php", i * 10);
    post.method = "POST";
    post.headers = {{"content-type", "application/json"}};
    post.body = HarBody{"", R"({"password":"very-secret","${x}":")" + std::string(5000, 'x') + (i == 1 ? "y" : "") + "\"}", {}};
  }
  HarEntry& raw = add("http://h.example/raw", 50);
  raw.method = "PUT";
  raw.body = HarBody{"", std::string("${x}\0\xff", 6), {}};
  const Journey journey = make();
  ASSERT_EQ(journey.files.size(), 3u);
  EXPECT_EQ(journey.files[0].path, "s-payloads/post_load_php.json");
  EXPECT_EQ(journey.files[1].path, "s-payloads/post_load_php_2.json");
  EXPECT_TRUE(journey.files[0].bytes.starts_with(R"({"password":${json(secret.PASSWORD)},"$${x}":"xx)"));
  EXPECT_EQ(journey.files[2].bytes, std::string("${x}\0\xff", 6));
  EXPECT_EQ(journey.steps[2].parameters["payload"].dump(), R"({"template":"s-payloads/post_load_php.json"})");
  EXPECT_EQ(journey.steps[3].parameters["payload"].dump(), R"({"file":"s-payloads/put_raw.bin"})");
  EXPECT_TRUE(journey.warnings.empty());
}

TEST_F(JourneyTest, ASecretThatStandsElsewhereTooIsWarnedOf) {
  add("http://h.example/reset/abcdefgh-1", 0);
  add("http://h.example/x?token=abcdefgh-1", 10);
  const Journey journey = make();
  EXPECT_EQ(journey.steps[1].parameters["path"], "/x?token=${urlencode(secret.TOKEN)}");
  ASSERT_EQ(journey.warnings.size(), 1u);
  EXPECT_NE(journey.warnings[0].find("secret TOKEN stands in another place"), std::string::npos);
  EXPECT_NE(journey_text(journey, "s").find("# Note: the value of secret TOKEN"), std::string::npos);
}

}  // namespace
}  // namespace squall
