// What a request's head is made of: methods, query, header fields, auth, targets; static and per
// call.
#include "http_fixture.hpp"

namespace {

using squall::plugin::int_value;
using squall::plugin::text_value;

struct Request : Http {
  /// The head that this operation sends.
  std::string head(std::string_view op, const fake::Bindings& bindings,
                   std::vector<sq_value> args = {}) {
    fake::Session user(http, 1);
    user.start(http.prepare(op, bindings), std::move(args));
    host.run();
    return host.last_stream().sent;
  }
  static bool has_line(const std::string& head, const std::string& line) {
    return head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
};

TEST_F(Request, UsesTheMethodOfItsOperation) {
  for (const auto& [op, line] :
       std::vector<std::pair<std::string, std::string>>{{"get", "GET / HTTP/1.1\r\n"},
                                                        {"post", "POST / HTTP/1.1\r\n"},
                                                        {"put", "PUT / HTTP/1.1\r\n"},
                                                        {"patch", "PATCH / HTTP/1.1\r\n"},
                                                        {"delete", "DELETE / HTTP/1.1\r\n"},
                                                        {"head", "HEAD / HTTP/1.1\r\n"}}) {
    const std::string text = head(op, bind(op));
    EXPECT_TRUE(text.starts_with(line)) << text;
    EXPECT_EQ(has_line(text, "Content-Length: 0"), op[0] == 'p') << text;
  }
  EXPECT_TRUE(
      head("request", bind("request").text("method", "PROPFIND")).starts_with("PROPFIND / "));
  EXPECT_TRUE(head("request", bind("request").slot("method", 0), {text_value("OPTIONS")})
                  .starts_with("OPTIONS / "));
}

TEST_F(Request, EncodesPathAndQueryOnce) {
  const std::vector<std::tuple<std::string, std::string, std::string>> rows = {
      {"", "http://h", "/"},
      {"x", "http://h", "/x"},
      {"/a%20b/ü", "http://h", "/a%20b/%C3%BC"},
      {"/x\r\nEvil: 1", "http://h", "/x%0D%0AEvil:%201"},
      {"/x#part", "http://h", "/x"},
      {"/x", "http://h/base/", "/base/x"},
      {"?q=1", "http://h/base", "/base/?q=1"},
  };
  for (const auto& [path, url, expected] : rows) {
    const sq_target* target = host.add_target("t", url);
    fake::Bindings bindings = http.bind("get");
    EXPECT_TRUE(head("get", bindings.to(target).text("path", path))
                    .starts_with("GET " + expected + " HTTP/1.1\r\n"))
        << path;
  }
  const auto query = [&](const std::string& path) {
    return bind().text("path", path).map("query", {{"a b", "c&d"}, {"empty", ""}, {"é", "1+1"}});
  };
  EXPECT_TRUE(head("get", query("/s")).starts_with("GET /s?a%20b=c%26d&%C3%A9=1%2B1 HTTP/1.1\r\n"));
  EXPECT_TRUE(
      head("get", query("/s?k=v")).starts_with("GET /s?k=v&a%20b=c%26d&%C3%A9=1%2B1 HTTP/1.1\r\n"));
}

TEST_F(Request, WritesNumbersAndListsInAQuery) {
  const std::vector<sq_value> tags = {text_value("x"), int_value(7)};
  sq_value list = squall::plugin::make_value(SQ_T_LIST);
  list.u.list = {tags.data(), tags.size()};
  const std::vector<sq_pair> pairs = {{squall::plugin::str("page"), int_value(3)},
                                      {squall::plugin::str("tag"), list}};
  sq_value map = squall::plugin::make_value(SQ_T_MAP);
  map.u.map = {pairs.data(), pairs.size()};
  EXPECT_TRUE(
      head("get", bind().set("query", map)).starts_with("GET /?page=3&tag=x&tag=7 HTTP/1.1\r\n"));
  EXPECT_TRUE(head("get", bind().slot("query", 0), {map})
                  .starts_with("GET /?page=3&tag=x&tag=7 HTTP/1.1\r\n"));
}

TEST_F(Request, ReplacesDefaultFieldsByTheUsers) {
  const std::string text = head("get", bind().map("headers", {{"user-agent", "probe"},
                                                              {"Accept", "text/html"},
                                                              {"Host", "www.example.org"},
                                                              {"X-Empty", ""},
                                                              {"X-Id", "7"}}));
  EXPECT_EQ(text,
            "GET / HTTP/1.1\r\nuser-agent: probe\r\nAccept: text/html\r\nHost: "
            "www.example.org\r\nX-Id: 7\r\n\r\n");
}

TEST_F(Request, NamesTheHostAsTheTargetDoes) {
  const auto host_line = [&](const std::string& url) {
    fake::Bindings bindings = http.bind("get");
    const std::string text = head("get", bindings.to(host.add_target("t", url)));
    const size_t at = text.find("Host: ") + 6;
    return text.substr(at, text.find("\r\n", at) - at);
  };
  EXPECT_EQ(host_line("http://example.org"), "example.org");
  EXPECT_EQ(host_line("http://example.org:80"), "example.org");
  EXPECT_EQ(host_line("http://example.org:443"), "example.org:443");
  EXPECT_EQ(host_line("https://example.org:443"), "example.org");
  EXPECT_EQ(host_line("http://[::1]:8080"), "[::1]:8080");
}

TEST_F(Request, SendsAuth) {
  EXPECT_TRUE(has_line(head("get", bind().map("auth", {{"basic", "Aladdin:open sesame"}})),
                       "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
  EXPECT_TRUE(has_line(head("get", bind().map("auth", {{"bearer", "abc.def"}})),
                       "Authorization: Bearer abc.def"));
  EXPECT_NE(http.refusal("get", bind().map("auth", {{"digest", "x"}})), "");
}

TEST_F(Request, AsksForGzipWhenTold) {
  EXPECT_TRUE(
      has_line(head("get", bind().text("decode", "gzip")), "Accept-Encoding: gzip, deflate"));
  EXPECT_EQ(head("get", bind()).find("Accept-Encoding"), std::string::npos);
}

TEST_F(Request, RendersSlotsPerCall) {
  const sq_target* other = host.add_target("other", "http://other.org");
  fake::Bindings bindings = http.bind("get");
  const auto prepared = http.prepare("get", bindings.to_slot(0).slot("path", 1).slot("headers", 2));
  fake::Session user(http, 1);
  sq_value to = squall::plugin::make_value(SQ_T_TARGET);
  for (const auto& [target, path, line] :
       std::vector<std::tuple<const sq_target*, std::string, std::string>>{
           {site, "/one", "GET /one HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-N: 1\r\n"},
           {other, "/two", "GET /two HTTP/1.1\r\nHost: other.org\r\nX-N: 1\r\n"}}) {
    to.u.target = target;
    const sq_pair field = {squall::plugin::str("X-N"), int_value(1)};
    sq_value fields = squall::plugin::make_value(SQ_T_MAP);
    fields.u.map = {&field, 1};
    auto& call = user.start(prepared, {to, text_value(path), fields});
    host.run();
    EXPECT_TRUE(host.last_stream().sent.starts_with(line)) << host.last_stream().sent;
    host.last_stream().feed(ok(""));
    host.run();
    EXPECT_OK(call, 200);
    EXPECT_TRUE(call.text("url").ends_with(path));
  }
}

TEST_F(Request, RefusesWhatCannotBeSent) {
  EXPECT_EQ(http.refusal("get", http.bind("get")), "parameter to is missing");
  EXPECT_EQ(http.refusal("post", bind("post").text("body", "x").map("form", {{"a", "b"}})),
            "give only one of json, form, multipart, body, payload");
  EXPECT_EQ(http.refusal("get", bind().number("redirects", 11)),
            "redirects must lie between 0 and 10");
  EXPECT_EQ(http.refusal("get", bind().number("redirects", -1)),
            "redirects must lie between 0 and 10");
  EXPECT_EQ(http.refusal("get", bind().slot("redirects", 0)),
            "parameter redirects cannot vary from call to call");
  EXPECT_EQ(http.refusal("get", bind().text("decode", "br")), "decode must be auto, gzip or none");
  EXPECT_EQ(http.refusal("request", bind("request")), "parameter method is missing");
  EXPECT_EQ(http.refusal("request", bind("request").text("method", "GET /")),
            "method 'GET /' is no HTTP method");
  EXPECT_EQ(http.refusal("get", bind().map("headers", {{"X", "a\r\nEvil: 1"}})),
            "a header's value holds a control character");
  EXPECT_EQ(http.refusal("get", bind().map("headers", {{"X:", "a"}})),
            "a header's name holds a character that may not stand there");
  EXPECT_EQ(http.refusal("post", bind("post").map("headers", {{"Content-length", "5"}})),
            "content-length and transfer-encoding are squall's to send");
}

TEST_F(Request, SendsAPathAsItIsWhenAsked) {
  const sq_target* target = host.add_target("t", "http://h/base");
  for (const std::string path :
       {"/a%2Fb/%zz?x=1&y=a+b", "/\"<>\\^`{|}#part", "/\xC3\xBC\xFF?\x80", "*", "no/slash", "//h2/../x", "http://h2/x?y"}) {
    fake::Bindings bindings = http.bind("request");
    const auto prepared = bindings.to(target).slot("path", 0).text("method", "OPTIONS").truth("as_is", true);
    EXPECT_TRUE(head("request", prepared, {text_value(path)}).starts_with("OPTIONS " + path + " HTTP/1.1\r\nHost: h\r\n")) << path;
  }
  EXPECT_EQ(http.refusal("get", bind().truth("as_is", true).map("query", {{"a", "b"}})),
            "as_is sends the path alone, so query cannot be given");
}

TEST_F(Request, FailsWhatCannotBeSentAsItIs) {
  const auto prepared = http.prepare("request", bind("request").slot("method", 0).slot("path", 1).truth("as_is", true));
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  const char* const path_text = "path is empty or holds a blank or control character, and cannot go out as it is";
  const char* const method_text = "method is no HTTP method";
  const char* const tunnel_text = "CONNECT asks for a tunnel, which is no request that has an answer";
  for (const auto& [method, path, detail] : std::vector<std::tuple<std::string, std::string, const char*>>{
           {"GET", "/a b", path_text}, {"GET", "/a\r\nX: 1", path_text}, {"GET", std::string("/\0", 2), path_text},
           {"GET", "/\x7f", path_text}, {"GET", "", path_text}, {"GE T", "/", method_text}, {"", "/", method_text},
           {"CONNECT", "h:443", tunnel_text}}) {
    auto& bad = user.start(prepared, {text_value(method), text_value(path)});
    host.run();
    EXPECT_FAILED(bad, SQ_K_CHECK, detail);
    EXPECT_EQ(bad.bytes_out, 0u);
  }
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 1u);
  EXPECT_EQ(http.refusal("request", bind("request").text("method", "CONNECT")), tunnel_text);
}

TEST_F(Request, FailsACallWhoseValuesCannotBeSentAndKeepsTheConnection) {
  const auto prepared = http.prepare("get", bind().slot("headers", 0));
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  const sq_pair field = {squall::plugin::str("X-N"), text_value("a\nb")};
  sq_value fields = squall::plugin::make_value(SQ_T_MAP);
  fields.u.map = {&field, 1};
  auto& bad = user.start(prepared, {fields});
  host.run();
  EXPECT_FAILED(bad, SQ_K_CHECK, "a header's value holds a control character");
  EXPECT_EQ(bad.bytes_out, 0u);
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 1u);
}

}  // namespace
