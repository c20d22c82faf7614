// A user's cookies, seen from the wire: what comes back, where, and for how long.
#include <ctime>

#include "http_fixture.hpp"

namespace {

struct Cookie : Http {
  fake::Session user{http, 1};
  void answer(const sq_target* target, const std::string& path,
              const std::vector<std::string>& cookies) {
    std::string fields;
    for (const auto& cookie : cookies) fields += "Set-Cookie: " + cookie + "\r\n";
    fake::Bindings bindings = http.bind("get");
    call(user, http.prepare("get", bindings.to(target).text("path", path)), ok("", fields));
  }
  /// The Cookie header of a request for this path.
  std::string sent(const sq_target* target, const std::string& path = "/") {
    fake::Bindings bindings = http.bind("get");
    auto& call = user.start(http.prepare("get", bindings.to(target).text("path", path)));
    host.run();
    sq_stream* stream = nullptr;
    for (size_t i = 0; i < host.stream_count(); ++i)
      if (host.stream(i).target == target && !host.stream(i).is_closed) stream = &host.stream(i);
    const std::string request = stream->take_sent();
    stream->feed(ok(""));
    host.run();
    EXPECT_TRUE(call.completed);
    const size_t at = request.rfind("\r\nCookie: ");
    if (at == std::string::npos) return "";
    return request.substr(at + 10, request.find("\r\n", at + 2) - at - 10);
  }
};

TEST_F(Cookie, ComesBackWhereItMay) {
  const sq_target* www = host.add_target("www", "http://www.example.org");
  const sq_target* api = host.add_target("api", "http://api.example.org");
  const sq_target* safe = host.add_target("safe", "https://www.example.org");
  answer(www, "/shop/cart",
         {"here=1", "root=2; Path=/", "wide=3; Domain=example.org; Path=/", "deep=4; path=/shop/x",
          "stolen=5; Domain=other.org", "top=6; Domain=org", "locked=7; Secure", "=8", "nine"});
  host.last_stream().take_sent();
  EXPECT_EQ(sent(www, "/shop/list"), "here=1; root=2; wide=3");
  EXPECT_EQ(sent(www, "/shop/x/y"), "deep=4; here=1; root=2; wide=3");
  EXPECT_EQ(sent(www, "/shopping"), "root=2; wide=3");
  EXPECT_EQ(sent(www, "/"), "root=2; wide=3");
  EXPECT_EQ(sent(api), "wide=3");
  answer(safe, "/", {"locked=7; Secure"});
  EXPECT_EQ(sent(safe), "root=2; wide=3; locked=7");
  EXPECT_EQ(sent(www), "root=2; wide=3");
}

TEST_F(Cookie, IsReplacedAndEnds) {
  answer(site, "/", {"a=1", "b=2; Max-Age=10", "c=3"});
  host.last_stream().take_sent();
  EXPECT_EQ(sent(site), "a=1; b=2; c=3");
  answer(site, "/", {"a=9", "c=; Max-Age=0"});
  host.last_stream().take_sent();
  EXPECT_EQ(sent(site), "a=9; b=2");
  host.advance(11'000'000'000);
  EXPECT_EQ(sent(site), "a=9");
}

TEST_F(Cookie, UnderstandsDatesOfAllKinds) {
  answer(site, "/",
         {"keep1=1; Expires=Sun, 06 Nov 2094 08:49:37 GMT",
          "gone1=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
          "gone2=1; Expires=Sunday, 06-Nov-94 08:49:37 GMT",
          "gone3=1; Expires=Sun Nov  6 08:49:37 1994", "keep2=1; Expires=no date at all",
          "keep3=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=5"});
  host.last_stream().take_sent();
  EXPECT_EQ(sent(site), "keep1=1; keep2=1; keep3=1");
}

TEST_F(Cookie, BelongsToOneUser) {
  answer(site, "/", {"a=1"});
  fake::Session other(http, 2);
  auto& call = other.start(get());
  host.run();
  EXPECT_EQ(host.last_stream().sent.find("Cookie"), std::string::npos);
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(call, 200);
}

TEST_F(Cookie, FloodIsBounded) {
  std::vector<std::string> flood;
  for (int i = 0; i < 200; ++i)
    flood.push_back(std::string("c").append(std::to_string(i)).append("=1"));
  answer(site, "/", flood);
  answer(site, "/", {"big=" + std::string(5000, 'x')});
  host.last_stream().take_sent();
  const std::string header = sent(site);
  EXPECT_EQ(std::count(header.begin(), header.end(), '='), 64);
  EXPECT_EQ(header.find("big"), std::string::npos);
}

TEST_F(Cookie, SurvivesARedirectAndAReconnect) {
  serve(
      {"HTTP/1.1 302 Found\r\nLocation: /in\r\nSet-Cookie: sid=42; Path=/\r\nConnection: "
       "close\r\nContent-Length: "
       "0\r\n\r\n",
       ok("")});
  auto& call = user.start(get("/login"));
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_NE(requests.at(1).find("\r\nCookie: sid=42\r\n"), std::string::npos);
}

TEST_F(Cookie, GoesWithABodyAndGivesWayToTheUsersOwn) {
  answer(site, "/", {"a=1"});
  host.last_stream().take_sent();
  auto& post = user.start(http.prepare("post", bind("post").text("body", "text")));
  host.run();
  EXPECT_TRUE(
      host.last_stream().take_sent().ends_with("\r\nContent-Length: 4\r\nCookie: a=1\r\n\r\ntext"));
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(post, 200);
  auto& own = user.start(http.prepare("get", bind().map("headers", {{"Cookie", "mine=1"}})));
  host.run();
  const std::string request = host.last_stream().take_sent();
  EXPECT_NE(request.find("Cookie: mine=1\r\n"), std::string::npos);
  EXPECT_EQ(request.find("a=1"), std::string::npos);
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(own, 200);
}

}  // namespace
