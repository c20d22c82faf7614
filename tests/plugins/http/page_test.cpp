// http.page: what is fetched, in which order, and over how many connections.
#include <zlib.h>

#include "page_fixture.hpp"

namespace page_test {

TEST_F(Page, FetchesWhatItNamesInTheOrderOfTheDocument) {
  files["/a.css"] = {"css", "text/css", "", 200};
  files["/b.js"] = {"jsjs", "text/javascript", "", 200};
  files["/c.png"] = {"pngpng", "image/png", "", 200};
  files["/d.woff2"] = {"fontfont", "font/woff2", "", 200};
  page(
      "<html><head><link rel=stylesheet href=a.css><script src=/b.js></script>"
      "<link rel=preload as=font href=d.woff2></head><body><img src='/c.png'><p>x</body></html>");
  fake::Session user(http, 7);
  auto& call = visit(user, http.prepare("page", bind("page").number("connections", 1)));
  EXPECT_OK(call, 200);
  EXPECT_EQ(asked, (Paths{"/", "/a.css", "/b.js", "/d.woff2", "/c.png"}));
  EXPECT_EQ(host.stream_count(), 1u) << "the page's own connection serves them";
  EXPECT_EQ(call.number("assets"), 4);
  EXPECT_EQ(call.number("left_out"), 0);
  EXPECT_EQ(call.number("status"), 200);
  EXPECT_EQ(call.number("size"), static_cast<int64_t>(files["/"].body.size() + 3 + 4 + 6 + 8));
  EXPECT_EQ(call.text("body"), files["/"].body);
  EXPECT_EQ(call.text("url"), "http://127.0.0.1:8080/");
  EXPECT_EQ(call.text("header", "content-type"), "text/html; charset=utf-8");
  uint64_t sent = 0;
  for (const std::string& head : heads) sent += head.size();
  EXPECT_EQ(call.bytes_out, sent);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  EXPECT_EQ(call.end_ns - call.start_ns, 50u);
  EXPECT_EQ(call.phase_ns[SQ_PH_RECEIVE], 40u) << "the assets'";
  ASSERT_EQ(host.samples.size(), 4u);
  const char* kinds[] = {"stylesheet", "script", "other", "image"};
  uint64_t assets_in = 0;
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(host.samples[i].series->operation, "http.asset");
    EXPECT_EQ(host.samples[i].series->name, kinds[i]);
    EXPECT_EQ(host.samples[i].session, 7u);
    EXPECT_EQ(host.samples[i].outcome, uint32_t{SQ_OUT_OK});
    EXPECT_EQ(host.samples[i].end_ns - host.samples[i].due_ns, 10u);
    assets_in += host.samples[i].bytes;
  }
  EXPECT_GT(call.bytes_in, assets_in + files["/"].body.size());
}

TEST_F(Page, FindsWhatABrowserWouldFetch) {
  const std::vector<std::pair<std::string, Paths>> rows = {
      {"<p>nothing", {}},
      {"<img src=a><img src='a#x'><img src=b><img src=/a>", {"/a", "/b"}},
      {"<IMG SRC=' a\n' ALT=x>", {"/a"}},
      {"<img src='/a?x=1&amp;y=2'>", {"/a?x=1&y=2"}},
      {"<img src='/a b'>", {"/a%20b"}},
      {"<img><img src><img src=''><img src='#x'>", {}},
      {"<img src='data:image/png;base64,AA'><img src='blob:x'><script src='javascript:1'></script>",
       {}},
      {"<script>document.write('<img src=a>')</script><script src=b></script>", {"/b"}},
      {"<script type=module src=a></script><script nomodule src=b></script>"
       "<script type=text/template src=c></script><script type='text/javascript' src=d></script>",
       {"/a", "/d"}},
      {"<link rel='shortcut ICON' href=a><link rel=alternate href=b><link rel=canonical href=c>"
       "<link rel=stylesheet disabled href=d><link rel=modulepreload href=e>",
       {"/a", "/e"}},
      {"<link rel=preload as=style href=a><link rel=stylesheet href=a><link rel=preload href=b>"
       "<link rel=preload as=video href=c>",
       {"/a"}},
      {"<input type=image src=a><input type=text src=b>", {"/a"}},
      {"<video poster=a src=b><source src=c></video><audio src=d></audio>", {"/a"}},
      {"<!-- <img src=a> --><noscript><img src=b></noscript><template><img src=c></template>"
       "<textarea><img src=d></textarea><iframe src=e></iframe><img src=f>",
       {"/f"}},
      {"<a href=a>b</a><object data=c></object><embed src=d>", {}},
      {"<base href='/deep/down/x.html'><img src=a><img src=../b><img src=/c>",
       {"/deep/down/a", "/deep/b", "/c"}},
      {"<base href='/one/'><base href='/two/'><img src=a>", {"/one/a"}},
      {"<base href='javascript:1'><img src=a>", {"/a"}}};
  for (const auto& [html, paths] : rows) {
    auto found = assets_of(html);
    EXPECT_EQ(found, paths) << html;
  }
}

TEST_F(Page, AsksListedTargetsOnly) {
  const sq_target* cdn = host.add_target("cdn", "http://cdn.org");
  page(
      "<img src=a><img src='http://cdn.org/b'><img src='//cdn.org/c'><img src='http://evil.org/d'>"
      "<script src='https://127.0.0.1:8080/e'></script><script src='http://evil.org/d'></script>");
  for (const char* path : {"/a", "/b", "/c"}) files[path] = {"x", "image/png", "", 200};
  fake::Session user(http, 1);
  auto& call = visit(
      user, http.prepare(
                "page",
                bind("page").map("auth", {{"bearer", "secret"}}).map("headers", {{"X-Id", "7"}})));
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.number("assets"), 3);
  EXPECT_EQ(call.number("left_out"), 2) << "an address that stands there twice is one";
  for (const std::string& head : heads) {
    const bool is_own = head.find("Host: 127.0.0.1:8080") != std::string::npos;
    EXPECT_EQ(head.find("secret") != std::string::npos, is_own) << head;
    EXPECT_NE(head.find("X-Id: 7"), std::string::npos);
  }
  for (size_t i = 0; i < host.stream_count(); ++i)
    EXPECT_TRUE(host.stream(i).target == site || host.stream(i).target == cdn);
}

TEST_F(Page, OfSeveralTargetsAtOnePlaceItsOwnIsMeant) {
  const sq_target* again = host.add_target("again", "http://127.0.0.1:8080/base");
  files["/base/"] = {"<img src=/a>", "text/html", "", 200};
  files["/a"] = {"x", "image/png", "", 200};
  fake::Session user(http, 1);
  fake::Bindings bindings = http.bind("page");
  bindings.to(again).map("auth", {{"bearer", "secret"}});
  EXPECT_OK(visit(user, http.prepare("page", bindings)), 200);
  EXPECT_EQ(asked, (Paths{"/base/", "/a"}));
  EXPECT_EQ(host.stream_count(), 1u);
  EXPECT_NE(heads[1].find("secret"), std::string::npos);
}

TEST_F(Page, LooksOnlyIntoGoodHtml) {
  files["/a"] = {"x", "image/png", "", 200};
  for (const auto& [type, status, count] :
       std::vector<std::tuple<std::string, int, size_t>>{{"text/html", 200, 1},
                                                         {"Application/XHTML+xml;q", 200, 1},
                                                         {"text/plain", 200, 0},
                                                         {"text/html", 404, 0},
                                                         {"text/html", 304, 0}}) {
    files["/"] = {status == 304 ? "" : "<img src=a>", type, "", status};
    fake::Session user(http, 1);
    auto& call = visit(user);
    EXPECT_OK(call, status);
    EXPECT_EQ(asked.size(), 1 + count);
    EXPECT_EQ(call.number("assets"), static_cast<int64_t>(count));
    EXPECT_EQ(call.end_ns - call.start_ns, 10 + 10 * count);
  }
}

TEST_F(Page, FetchesAListInsteadOfLooking) {
  const sq_target* shop = host.add_target("shop", "http://shop.org/base");
  page("<img src=never>");
  files["/base/"] = files["/"];
  for (const char* path : {"/base/a.css", "/base/b/c.JS?v=1", "/base/d.png", "/base/e", "/x"})
    files[path] = {"x", "text/plain", "", 200};
  fake::Session user(http, 1);
  fake::Bindings bindings = http.bind("page");
  bindings.to(shop).list(
      "assets", {text_value("a.css"), text_value("/b/c.JS?v=1"), text_value("d.png"),
                 text_value("http://shop.org/base/e"), text_value("http://127.0.0.1:8080/x"),
                 text_value("http://evil.org/")});
  auto& call = visit(user, http.prepare("page", bindings.text("decode", "none")));
  EXPECT_OK(call, 200);
  std::vector<std::string> sorted(asked.begin() + 1, asked.end());
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, (Paths{"/base/a.css", "/base/b/c.JS?v=1", "/base/d.png", "/base/e", "/x"}));
  EXPECT_EQ(call.number("left_out"), 1);
  std::map<std::string, int> kinds;
  for (const auto& sample : host.samples) ++kinds[sample.series->name];
  EXPECT_EQ(kinds, (std::map<std::string, int>{
                       {"stylesheet", 1}, {"script", 1}, {"image", 1}, {"other", 2}}));
}

TEST_F(Page, AListMayVaryAndBeEmpty) {
  page("<img src=never>");
  files["/a"] = {"x", "text/plain", "", 200};
  fake::Session user(http, 1);
  const auto prepared = http.prepare("page", bind("page").slot("assets", 0));
  const sq_value item = text_value("a");
  sq_value list = squall::plugin::make_value(SQ_T_LIST);
  auto& none = user.start(prepared, {list});
  host.advance(1000);
  EXPECT_OK(none, 200);
  EXPECT_EQ(asked, (Paths{"/"}));
  list.u.list.ptr = &item;
  list.u.list.len = 1;
  auto& one = user.start(prepared, {list});
  host.advance(1000);
  EXPECT_OK(one, 200);
  EXPECT_EQ(asked, (Paths{"/", "/", "/a"}));
}

TEST_F(Page, LeavesOutWhatItIsTold) {
  images(4);
  fake::Session user(http, 1);
  auto& call = visit(
      user, http.prepare("page", bind("page").list("except", {text_value("/img/1"),
                                                              text_value("g/3"), text_value("")})));
  EXPECT_OK(call, 200);
  EXPECT_EQ(asked, (Paths{"/", "/img/0", "/img/2"}));
  EXPECT_EQ(call.number("left_out"), 0) << "these are no addresses elsewhere";
}

TEST_F(Page, TakesNumbersForTexts) {
  images(4);
  fake::Session user(http, 1);
  const auto prepared =
      http.prepare("page", bind("page").list("except", {squall::plugin::int_value(3)}));
  EXPECT_OK(visit(user, prepared), 200);
  EXPECT_EQ(asked, (Paths{"/", "/img/0", "/img/1", "/img/2"}));
}

TEST_F(Page, UsesAsManyConnectionsAsItMayAndKeepsThem) {
  images(40);
  fake::Session user(http, 1);
  for (int i = 0; i < 3; ++i) {
    auto& call = visit(user);
    EXPECT_OK(call, 200);
    EXPECT_EQ(asked.size(), 41u);
    EXPECT_EQ(most_in_flight, 6u);
    EXPECT_EQ(host.stream_count(), 6u);
    EXPECT_EQ(host.open_streams(), 6u);
    EXPECT_EQ(call.end_ns - call.start_ns, 10u + 70u);
  }
  EXPECT_EQ(site->noted[SQ_CN_REUSED], 3 * 41u - 6u);
  visit(user, http.prepare("page", bind("page").number("connections", 64)));
  EXPECT_EQ(most_in_flight, 40u);
  visit(user, http.prepare("page", bind("page").number("connections", 2)));
  EXPECT_EQ(most_in_flight, 2u);
  user.close();
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Page, BeginsOnFreshConnectionsWhenAsked) {
  images(10);
  fake::Session user(http, 1);
  const auto prepared =
      http.prepare("page", bind("page").text("connection", "new").number("connections", 3));
  for (size_t i = 1; i <= 3; ++i) {
    EXPECT_OK(visit(user, prepared), 200);
    EXPECT_EQ(host.stream_count(), 3 * i);
    EXPECT_EQ(host.open_streams(), 3u);
  }
  EXPECT_OK(visit(user, http.prepare("page", bind("page").text("connection", "close"))), 200);
  EXPECT_EQ(host.stream_count(), 9u + 11u) << "each for one request alone";
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Page, GoesOnWhenTheServerClosesEachConnection) {
  images(20);
  for (auto& [path, file] : files) file.fields = "Connection: close\r\n";
  fake::Session user(http, 1);
  auto& call = visit(user);
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.number("assets"), 20);
  EXPECT_EQ(host.stream_count(), 21u);
  EXPECT_EQ(most_in_flight, 6u);
}

TEST_F(Page, FollowsAnAssetsRedirectAndSendsCookies) {
  page("<img src=a>");
  files["/"].fields = "Set-Cookie: s=1\r\n";
  files["/a"] = {"", "text/plain", "Location: b\r\nSet-Cookie: t=2\r\n", 302};
  files["/b"] = {"body", "image/png", "", 200};
  fake::Session user(http, 1);
  auto& call = visit(user);
  EXPECT_OK(call, 200);
  EXPECT_EQ(asked, (Paths{"/", "/a", "/b"}));
  EXPECT_NE(heads[1].find("Cookie: s=1\r\n"), std::string::npos);
  EXPECT_NE(heads[2].find("Cookie: s=1; t=2\r\n"), std::string::npos);
  EXPECT_EQ(call.number("assets"), 1);
  EXPECT_EQ(host.samples.size(), 1u);
}

TEST_F(Page, IsFoundWhereARedirectLed) {
  files["/"] = {"", "text/plain", "Location: /deep/er/\r\n", 302};
  files["/deep/er/"] = {"<img src=a>", "text/html", "", 200};
  files["/deep/er/a"] = {"x", "image/png", "", 200};
  fake::Session user(http, 1);
  EXPECT_OK(visit(user), 200);
  EXPECT_EQ(asked, (Paths{"/", "/deep/er/", "/deep/er/a"}));
}

TEST_F(Page, IsLookedIntoWhenItIsCompressed) {
  images(30);
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  const std::string html = files["/"].body;
  std::string zipped(deflateBound(&stream, html.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(html.data()));
  stream.avail_in = static_cast<uInt>(html.size());
  stream.next_out = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_out = static_cast<uInt>(zipped.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  zipped.resize(stream.total_out);
  deflateEnd(&stream);
  files["/"] = {zipped, "text/html", "Content-Encoding: gzip\r\n", 200};
  fake::Session user(http, 1);
  const auto prepared =
      http.prepare("page", bind("page").text("decode", "gzip"), 1);  // the body is not asked for
  auto& call = visit(user, prepared);
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.number("assets"), 30);
  EXPECT_EQ(call.number("size"), static_cast<int64_t>(zipped.size() + 3000));
  EXPECT_NE(heads[1].find("Accept-Encoding: gzip"), std::string::npos);
}

TEST_F(Page, TheSameBytesAreLookedIntoOnceAndMeanTheSame) {
  images(10);
  fake::Session user(http, 1), other(http, 2);
  EXPECT_OK(visit(user), 200);
  const auto first = asked;
  EXPECT_OK(visit(other), 200);
  EXPECT_EQ(asked, first);
  files["/deep/x"] = {"<img src=a>", "text/html", "", 200};
  files["/flat"] = files["/deep/x"];
  visit(user, http.prepare("page", bind("page").text("path", "/deep/x")));
  EXPECT_EQ(asked.back(), "/deep/a");
  visit(user, http.prepare("page", bind("page").text("path", "/flat")));
  EXPECT_EQ(asked.back(), "/a") << "the same bytes elsewhere name other files";
}

}  // namespace page_test
