// Redirects: which are followed, with which method, body and credentials, and where they end.
#include "http_fixture.hpp"

namespace {

struct Redirect : Http {
  static std::string moved(int status, std::string_view location, std::string_view fields = "") {
    return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + std::string(location) +
           "\r\n" + std::string(fields) + "Content-Length: 3\r\n\r\nold";
  }
  static std::string line(const std::string& request) {
    return request.substr(0, request.find(" HTTP/1.1"));
  }
};

TEST_F(Redirect, IsFollowedWithinTheTarget) {
  serve({moved(302, "/next?x=1#frag"), moved(301, "../up"), ok("here", "X-A: 2\r\n")});
  fake::Session user(http, 1);
  auto& call = user.start(http.prepare("get", bind().text("path", "/a/b/c")));
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(requests.size(), 3u);
  EXPECT_EQ(line(requests[1]), "GET /next?x=1");
  EXPECT_EQ(line(requests[2]), "GET /up");
  EXPECT_EQ(call.text("body"), "here");
  EXPECT_EQ(call.text("header", "x-a"), "2");
  EXPECT_EQ(call.text("header", "location"), "");
  EXPECT_EQ(call.text("url"), "http://127.0.0.1:8080/up");
  EXPECT_EQ(host.stream_count(), 1u);
  EXPECT_EQ(call.bytes_out, requests[0].size() + requests[1].size() + requests[2].size());
}

TEST_F(Redirect, ResolvesReferencesAsRfc3986) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"g", "/b/c/g"},
      {"./g", "/b/c/g"},
      {"g/", "/b/c/g/"},
      {"/g", "/g"},
      {"?y", "/b/c/d;p?y"},
      {"g?y", "/b/c/g?y"},
      {"../g", "/b/g"},
      {"../../g", "/g"},
      {"../../../g", "/g"},
      {".", "/b/c/"},
      {"..", "/b/"},
      {"../..", "/"},
      {"g;x=1/../y", "/b/c/y"},
      {"", "/b/c/d;p?q"},
      {"/./g", "/g"},
      {"/a/../g", "/g"},
      {"//127.0.0.1:8080/n", "/n"},
      {"http://127.0.0.1:8080", "/"},
      {"http://127.0.0.1:8080?z", "/?z"}};
  for (const auto& [reference, path] : rows) {
    if (reference.empty()) continue;
    serve({moved(302, reference), ok("")});
    fake::Session user(http, 1);
    auto& call = user.start(http.prepare("get", bind().text("path", "/b/c/d;p?q")));
    host.run();
    EXPECT_OK(call, 200);
    ASSERT_EQ(requests.size(), 2u) << reference;
    EXPECT_EQ(line(requests[1]), "GET " + path) << reference;
  }
}

TEST_F(Redirect, ChangesTheMethodAsBrowsersDo) {
  struct Row {
    std::string op;
    int status;
    std::string line;
    bool has_body;
  };
  for (const Row& row : std::vector<Row>{{"post", 301, "GET /n", false},
                                         {"post", 302, "GET /n", false},
                                         {"post", 303, "GET /n", false},
                                         {"put", 303, "GET /n", false},
                                         {"put", 302, "PUT /n", true},
                                         {"post", 307, "POST /n", true},
                                         {"post", 308, "POST /n", true}}) {
    serve({moved(row.status, "/n"), ok("")});
    fake::Session user(http, 1);
    auto& call = user.start(http.prepare(
        row.op, bind(row.op).text("body", "the body").map("headers", {{"Content-Type", "a/b"}})));
    host.run();
    EXPECT_OK(call, 200);
    EXPECT_EQ(line(requests.at(1)), row.line);
    EXPECT_EQ(requests.at(1).ends_with("\r\n\r\nthe body"), row.has_body);
    EXPECT_EQ(requests.at(1).find("Content-Type") != std::string::npos, row.has_body);
  }
  serve({"HTTP/1.1 303 See\r\nLocation: /n\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"});
  fake::Session user(http, 1);
  user.start(http.prepare("head", bind("head")));
  host.run();
  EXPECT_EQ(line(requests.at(1)), "HEAD /n");
}

TEST_F(Redirect, SendsAPayloadAgainFromItsBegin) {
  sq_source* source = host.make_source(std::string(300'000, 's'));
  int answered = 0;
  host.serve = [&](sq_stream& stream) {
    if (stream.sent.size() < 300'000) return;
    EXPECT_TRUE(stream.take_sent().ends_with(std::string(300'000, 's')));
    stream.feed(answered++ ? ok("") : moved(307, "/n"));
  };
  sq_value value = squall::plugin::make_value(SQ_T_SOURCE);
  value.u.source = source;
  fake::Session user(http, 1);
  auto& call = user.start(http.prepare("post", bind("post").slot("payload", 0)), {value});
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(source->rewinds, 1);
}

TEST_F(Redirect, LeavesTheListNever) {
  for (const char* location :
       {"http://evil.org/", "http://127.0.0.1:8081/", "//evil.org", "ftp://127.0.0.1:8080/",
        "http://127.0.0.1:80800/", "javascript:alert(1)", "http:///x"}) {
    serve({moved(302, location)});
    fake::Session user(http, 1);
    auto& call = user.start(get());
    host.run();
    EXPECT_FAILED(call, SQ_K_OFF_LIST, "redirect");
    EXPECT_EQ(call.code, 302);
  }
}

TEST_F(Redirect, ToAnotherListedTargetCarriesNoCredentials) {
  const sq_target* other = host.add_target("other", "https://other.org");
  serve({moved(302, "https://other.org/in?x", "Set-Cookie: s=1\r\n"), ok("")});
  fake::Session user(http, 1);
  auto& call = user.start(http.prepare(
      "get", bind()
                 .map("auth", {{"basic", "u:p"}})
                 .map("headers", {{"Cookie", "own=1"}, {"X-Id", "7"}, {"Host", "vhost"}})));
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(host.last_stream().target, other);
  EXPECT_NE(requests[0].find("Authorization: Basic"), std::string::npos);
  EXPECT_NE(requests[0].find("Cookie: own=1"), std::string::npos);
  EXPECT_EQ(
      requests[1],
      "GET /in?x HTTP/1.1\r\nHost: other.org\r\nX-Id: 7\r\nUser-Agent: squall/0.1.0\r\nAccept: "
      "*/*\r\n\r\n");
  EXPECT_EQ(call.text("url"), "https://other.org/in?x");
}

TEST_F(Redirect, IsTheAnswerWhenNotFollowed) {
  fake::Session user(http, 1);
  auto& none = call(user, http.prepare("get", bind().number("redirects", 0)), moved(302, "/n"));
  EXPECT_OK(none, 302);
  EXPECT_EQ(none.text("header", "Location"), "/n");
  EXPECT_EQ(none.text("body"), "old");
  EXPECT_OK(call(user, get(), "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), 302);
  EXPECT_OK(call(user, get(), moved(304, "/n").substr(0, moved(304, "/n").size() - 3)), 304);
}

TEST_F(Redirect, EndsInALoop) {
  serve(std::vector<std::string>(20, moved(302, "/again")));
  fake::Session user(http, 1);
  auto& ten = user.start(get());
  host.run();
  EXPECT_FAILED(ten, SQ_K_LIMIT, "redirects");
  EXPECT_EQ(requests.size(), 11u);
  serve(std::vector<std::string>(20, moved(302, "/again")));
  auto& two = user.start(http.prepare("get", bind().number("redirects", 2)));
  host.run();
  EXPECT_FAILED(two, SQ_K_LIMIT, "redirects");
  EXPECT_EQ(requests.size(), 3u);
}

TEST_F(Redirect, OverAClosedConnectionOpensAnother) {
  serve({moved(302, "/n", "Connection: close\r\n"), ok("new")});
  fake::Session user(http, 1);
  auto& call = user.start(get());
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(host.stream_count(), 2u);
}

}  // namespace
