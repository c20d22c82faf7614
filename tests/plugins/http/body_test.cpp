// Request bodies: json, form, multipart, text, and payloads of any size from memory and files.
#include <stdlib.h>

#include "http_fixture.hpp"

namespace {

using squall::plugin::bytes_value;
using squall::plugin::text_value;

/// A file that is gone when the test is.
struct TempFile {
  explicit TempFile(std::string_view text) {
    fd = mkstemp(path.data());
    EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  ~TempFile() {
    ::close(fd);
    ::unlink(path.c_str());
  }
  std::string path = ::testing::TempDir() + "squall_http_XXXXXX";
  int fd = -1;
};

struct BodyTest : Http {
  struct Sent {
    std::string head, body;
    uint64_t bytes_out;
  };
  Sent send(const fake::Bindings& bindings, std::vector<sq_value> args = {}) {
    fake::Session user(http, 1);
    auto& call = user.start(http.prepare("post", bindings), std::move(args));
    host.run();
    const std::string all = host.last_stream().sent;
    const size_t split = all.find("\r\n\r\n") + 4;
    host.last_stream().feed(ok(""));
    host.run();
    EXPECT_TRUE(call.completed);
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << call.detail_text();
    EXPECT_EQ(call.bytes_out, all.size());
    return {all.substr(0, split), all.substr(split), call.bytes_out};
  }
  static bool has(const Sent& sent, const std::string& line) {
    return sent.head.find("\r\n" + line + "\r\n") != std::string::npos;
  }
  static sq_value source_value(sq_source* source) {
    sq_value value = squall::plugin::make_value(SQ_T_SOURCE);
    value.u.source = source;
    return value;
  }
  static std::string unchunked(std::string_view text) {
    std::string out;
    for (;;) {
      const size_t line = text.find("\r\n");
      const size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
      out += text.substr(line + 2, size);
      EXPECT_EQ(text.substr(line + 2 + size, 2), "\r\n");
      text.remove_prefix(line + 2 + size + 2);
      if (size == 0) break;
    }
    EXPECT_EQ(text, "");
    return out;
  }
};

TEST_F(BodyTest, SendsJsonAsTheHostRenderedIt) {
  for (bool is_slot : {false, true}) {
    const std::string json = R"({"a":[1,2]})";
    const Sent sent = is_slot ? send(bind("post").slot("json", 0), {bytes_value(json)})
                              : send(bind("post").bytes("json", json));
    EXPECT_TRUE(has(sent, "Content-Type: application/json"));
    EXPECT_TRUE(has(sent, "Content-Length: 11"));
    EXPECT_EQ(sent.body, json);
  }
}

TEST_F(BodyTest, LetsTheUserNameTheContentType) {
  const Sent sent = send(bind("post")
                             .bytes("json", "{}")
                             .map("headers", {{"content-type", "application/vnd.api+json"}}));
  EXPECT_TRUE(has(sent, "content-type: application/vnd.api+json"));
  EXPECT_EQ(sent.head.find("Content-Type"), std::string::npos);
}

TEST_F(BodyTest, SendsFormsUrlencoded) {
  const Sent sent =
      send(bind("post").map("form", {{"user name", "a&b=ü"}, {"empty", ""}, {"x", "1"}}));
  EXPECT_TRUE(has(sent, "Content-Type: application/x-www-form-urlencoded"));
  EXPECT_EQ(sent.body, "user+name=a%26b%3D%C3%BC&x=1");
}

TEST_F(BodyTest, SendsMultipartWithValuesAndFiles) {
  TempFile file("file text");
  const auto part = [](std::vector<sq_pair>& pairs) {
    sq_value value = squall::plugin::make_value(SQ_T_MAP);
    value.u.map = {pairs.data(), pairs.size()};
    return value;
  };
  const auto key = [](const char* text) { return squall::plugin::str(text); };
  std::vector<sq_pair> plain = {{key("name"), text_value("title")},
                                {key("value"), text_value("hi \"there\"")}};
  std::vector<sq_pair> upload = {{key("name"), text_value("doc\"")},
                                 {key("file"), text_value(file.path)},
                                 {key("filename"), text_value("a.txt")},
                                 {key("type"), text_value("text/plain")}};
  for (bool is_slot : {false, true}) {
    const std::vector<sq_value> items = {part(plain), part(upload)};
    sq_value list = squall::plugin::make_value(SQ_T_LIST);
    list.u.list = {items.data(), items.size()};
    const Sent sent = is_slot ? send(bind("post").slot("multipart", 0), {list})
                              : send(bind("post").set("multipart", list));
    const size_t at = sent.head.find("boundary=") + 9;
    const std::string boundary = sent.head.substr(at, sent.head.find("\r\n", at) - at);
    EXPECT_EQ(sent.body,
              "--" + boundary +
                  "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhi \"there\"\r\n--" +
                  boundary +
                  "\r\nContent-Disposition: form-data; name=\"doc%22\"; filename=\"a.txt\"\r\n"
                  "Content-Type: text/plain\r\n\r\nfile text\r\n--" +
                  boundary + "--\r\n");
    EXPECT_TRUE(has(sent, "Content-Length: " + std::to_string(sent.body.size())));
    EXPECT_EQ(host.last_stream().file_bytes, 9u);
  }
}

TEST_F(BodyTest, RefusesAMultipartFileThatIsNotThere) {
  std::vector<sq_pair> pairs = {{squall::plugin::str("name"), text_value("x")},
                                {squall::plugin::str("file"), text_value("/nowhere/at/all")}};
  sq_value map = squall::plugin::make_value(SQ_T_MAP);
  map.u.map = {pairs.data(), pairs.size()};
  EXPECT_EQ(http.refusal("post", bind("post").list("multipart", {map})),
            "a multipart part's file cannot be read");
}

TEST_F(BodyTest, StreamsAPayloadOfKnownSize) {
  std::string text;
  for (int i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i) + ",";
  for (uint64_t piece : {uint64_t{UINT64_MAX}, uint64_t{1000}, uint64_t{65537}}) {
    sq_source* source = host.make_source(text);
    source->piece = piece;
    const Sent sent = send(bind("post").slot("payload", 0), {source_value(source)});
    EXPECT_TRUE(has(sent, "Content-Length: " + std::to_string(text.size())));
    EXPECT_TRUE(sent.body == text);
  }
}

TEST_F(BodyTest, StreamsAPayloadOfUnknownSizeInChunks) {
  for (const std::string& text : {std::string(), std::string(1'000'000, 'u')}) {
    sq_source* source = host.make_source(text);
    source->size_known = false;
    source->piece = 70'000;
    const Sent sent = send(bind("post").slot("payload", 0), {source_value(source)});
    EXPECT_TRUE(has(sent, "Transfer-Encoding: chunked"));
    EXPECT_EQ(sent.head.find("Content-Length"), std::string::npos);
    EXPECT_TRUE(unchunked(sent.body) == text);
  }
}

TEST_F(BodyTest, SendsAFilesBytesWithoutCopyingThem) {
  const std::string text(700'000, 'f');
  TempFile file(text);
  for (bool size_known : {true, false}) {
    sq_source* source = host.make_file_source(file.fd, text.size());
    source->size_known = size_known;
    const Sent sent = send(bind("post").slot("payload", 0), {source_value(source)});
    EXPECT_TRUE((size_known ? sent.body : unchunked(sent.body)) == text);
    EXPECT_EQ(host.last_stream().file_bytes, text.size());
  }
}

TEST_F(BodyTest, ReportsProgressOfALongUpload) {
  sq_source* source = host.make_source(std::string(5 << 20, 'p'));
  fake::Session user(http, 1);
  auto& call =
      user.start(http.prepare("post", bind("post").slot("payload", 0)), {source_value(source)});
  host.run();
  EXPECT_EQ(call.progress_out, host.last_stream().sent.size());
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(call, 200);
}

TEST_F(BodyTest, FailsWhenThePayloadBreaks) {
  fake::Session user(http, 1);
  const auto prepared = http.prepare("post", bind("post").slot("payload", 0));
  sq_source* short_one = host.make_source(std::string(10, 'x'));
  short_one->declared_more = 5;
  sq_source* broken = host.make_source(std::string(10, 'x'));
  broken->next_status = SQ_E_IO;
  for (const auto& [source, detail] : std::vector<std::pair<sq_source*, std::string>>{
           {short_one, "payload ended early"}, {broken, "payload failed"}}) {
    auto& call = user.start(prepared, {source_value(source)});
    host.run();
    EXPECT_FAILED(call, SQ_K_PLUGIN, detail);
    EXPECT_EQ(host.open_streams(), 0u)
        << "a request that was cut must not be continued by the next";
  }
  EXPECT_OK(Http::call(user, get(), ok("")), 200);
}

TEST_F(BodyTest, StopsUploadingWhenTheServerHasAnswered) {
  sq_source* source = host.make_source(std::string(50 << 20, 'p'));
  fake::Session user(http, 1);
  host.network.hold_writes = true;
  auto& call =
      user.start(http.prepare("post", bind("post").slot("payload", 0)), {source_value(source)});
  host.run();
  host.last_stream().feed("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  host.run();
  EXPECT_OK(call, 413);
  EXPECT_EQ(host.open_streams(), 0u);
  EXPECT_LT(source->at, 2u << 20);
}

}  // namespace
