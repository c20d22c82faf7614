// http.page: what ends it, what the page's sample and its assets' say then, and what it refuses.
#include "page_fixture.hpp"

namespace page_test {

TEST_F(Page, FailsWithTheFirstAssetThatDoes) {
  images(5);
  files["/img/2"].status = 503;
  files["/img/4"].status = 404;
  fake::Session user(http, 1);
  auto& call = visit(user, http.prepare("page", bind("page").number("connections", 1)));
  EXPECT_FAILED(call, SQ_K_STATUS, "image: status 503");
  EXPECT_EQ(call.code, 200) << "the page's own";
  EXPECT_EQ(call.number("assets"), 5) << "the others are fetched all the same";
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  std::vector<uint32_t> kinds;
  for (const auto& sample : host.samples) kinds.push_back(sample.kind);
  EXPECT_EQ(kinds, (std::vector<uint32_t>{0, 0, SQ_K_STATUS, 0, SQ_K_STATUS}));

  files["/img/2"] = {"", "text/plain", "Location: http://evil.org/\r\n", 302};
  EXPECT_FAILED(visit(user), SQ_K_OFF_LIST, "image: redirect");
  files["/img/2"] = {"", "text/plain", "Location: /img/2\r\n", 302};
  EXPECT_FAILED(visit(user, http.prepare("page", bind("page").number("connections", 1))),
                SQ_K_LIMIT, "image: redirects");
}

TEST_F(Page, AssetsThatCannotConnectFailIt) {
  images(3);
  page("<script src='http://cdn.org/x.js'></script>" + files["/"].body);
  host.add_target("cdn", "http://cdn.org");
  fake::Session user(http, 1);
  holds_assets = true;
  auto& call = visit(user, http.prepare("page", bind("page").number("connections", 1)));
  EXPECT_FALSE(call.completed);
  host.run();
  ASSERT_EQ(held.size(), 2u);
  held[1]->target->name == "cdn" ? held[1]->reset() : held[0]->reset();
  holds_assets = false;
  for (sq_stream* stream : held)
    if (!stream->is_closed) answer(*stream, "/img/0");
  host.advance(1000);
  EXPECT_FAILED(call, SQ_K_CLOSED, "script: reset");
}

TEST_F(Page, CancelledItEndsWithAllItsAssets) {
  images(20);
  holds_assets = true;
  for (const bool is_late : {false, true}) {
    fake::Session user(http, 1);
    auto& call = visit(user);
    EXPECT_FALSE(call.completed);
    ASSERT_EQ(held.size(), 6u);
    if (is_late) call.deadline_ns = host.now_ns;
    user.cancel(call);
    user.cancel(call);
    host.run();
    ASSERT_TRUE(call.completed);
    EXPECT_EQ(call.outcome, is_late ? uint32_t{SQ_OUT_TIMEOUT} : uint32_t{SQ_OUT_CANCELLED});
    EXPECT_EQ(call.detail_text(), "assets");
    EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
    EXPECT_EQ(asked.size(), 7u) << "what waited is not asked for";
    EXPECT_EQ(host.samples.size(), 6u);
    for (const auto& sample : host.samples) EXPECT_EQ(sample.outcome, call.outcome);
    EXPECT_EQ(host.open_streams(), 0u) << "answers that are still to come belong to nobody";
    held.clear();
  }
}

TEST_F(Page, CancelledWhileTheHostHoldsBuffersItEndsOnce) {
  images(3);
  fake::Session user(http, 1);
  holds_assets = true;
  auto& call = user.start(http.prepare("page", bind("page")));
  host.advance(5);
  host.network.hold_writes = true;  // of the connections that the assets open
  host.advance(1000);
  EXPECT_FALSE(call.completed);
  user.cancel(call);
  user.cancel(call);
  host.run();
  EXPECT_TRUE(call.completed);
  EXPECT_EQ(call.completions, 1);
  held.clear();
}

TEST_F(Page, AStopEndsItsAssets) {
  images(20);
  holds_assets = true;
  fake::Session user(http, 1);
  auto& call = visit(user, http.prepare("page", bind("page").number("connections", 2)));
  ASSERT_EQ(held.size(), 2u);
  host.network.refuse_now = SQ_E_CLOSED;
  held[0]->reset();
  host.run();
  EXPECT_FALSE(call.completed);
  held[1]->reset();
  host.run();
  ASSERT_TRUE(call.completed);
  EXPECT_EQ(asked.size(), 3u);
  held.clear();
}

TEST_F(Page, TenThousandAssetsNeitherRecurseNorStall) {
  images(10'000);
  fake::Session user(http, 1);
  auto& call = visit(user);
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.number("assets"), 10'000);
  EXPECT_EQ(host.stream_count(), 6u);

  // None can be fetched: all of them fail at once, in one turn.
  host.network.refuse_now = SQ_E_LIMIT;
  for (auto& [path, file] : files) file.fields = "Connection: close\r\n";
  host.network.refuse_now = SQ_OK;
  fake::Session second(http, 2);
  asked.clear();
  auto& refused = second.start(http.prepare("page", bind("page")));
  host.advance(5);
  host.network.refuse_now = SQ_E_LIMIT;
  host.advance(1'000'000);
  EXPECT_FAILED(refused, SQ_K_LOCAL_RESOURCE, "image: connections");
  EXPECT_EQ(refused.number("assets"), 10'000);
}

TEST_F(Page, ThatIsNestedWithoutEndIsRefused) {
  std::string html = "<img src=a>";
  for (int i = 0; i < 200'000; ++i) html += "<div>";
  page(html);
  fake::Session user(http, 1);
  EXPECT_FAILED(visit(user), SQ_K_LIMIT, "page nested too deeply");
  EXPECT_EQ(asked, (Paths{"/"}));
}

TEST_F(Page, SurvivesAnyBytes) {
  unsigned seed = 7;
  for (int round = 0; round < 300; ++round) {
    std::string html;
    static constexpr const char* kBits[] = {"<img src=",   "<link rel=icon href='",
                                            "<base href=", "'",
                                            ">",           "\"",
                                            "<!--",        "-->",
                                            "&#0;",        "<script>",
                                            "</script>",   "<template>",
                                            "\xff\xfe",    "http://",
                                            "//",          "&amp",
                                            "</"};
    for (int i = 0; i < 60; ++i) {
      seed = seed * 1664525 + 1013904223;
      const unsigned draw = seed >> 16;
      if (draw % 4 == 0)
        html += static_cast<char>(draw >> 4);
      else
        html += kBits[draw / 4 % std::size(kBits)];
    }
    page(html);
    fake::Session user(http, 1);
    auto& call = visit(user);
    ASSERT_TRUE(call.completed);
    EXPECT_EQ(call.code, 200);
  }
}

TEST_F(Page, RefusesWhatCannotBe) {
  EXPECT_EQ(http.refusal("page", bind("page").number("connections", 0)),
            "connections must lie between 1 and 64");
  EXPECT_EQ(http.refusal("page", bind("page").number("connections", 65)),
            "connections must lie between 1 and 64");
  EXPECT_EQ(http.refusal("page", bind("page").text("decode", "none")),
            "decode: none leaves a page that cannot be looked into; list its assets");
  EXPECT_EQ(http.refusal("page", bind("page").number("redirects", 11)),
            "redirects must lie between 0 and 10");
  EXPECT_EQ(http.refusal("page", http.bind("page")), "parameter to is missing");
}

TEST_F(Page, AStepThatIsNoneKnowsNoAssets) {
  host.samples.clear();
  page("<img src=a>");
  fake::Session user(http, 1);
  auto& call = visit(user, http.prepare("get", bind("get")));
  EXPECT_OK(call, 200);
  EXPECT_EQ(asked.size(), 1u);
}

}  // namespace page_test
