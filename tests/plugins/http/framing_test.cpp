// Answers of every framing give the same result however their bytes are cut: whole, byte by byte,
// or at seeded random places.
#include <zlib.h>

#include <random>

#include "http_fixture.hpp"

namespace {

std::string deflated(std::string_view text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}
std::string with_length(std::string_view fields, std::string_view body) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

struct Case {
  std::string name, method, answer;
  bool ends_at_close;
  int status;
  std::string body;
  int64_t size;
  bool stays_open;
};
std::vector<Case> cases() {
  const std::string text(3000, 'x');
  const std::string gzip = deflated(text, 31), zlib = deflated(text, 15), raw = deflated(text, -15);
  return {
      {"length", "get", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", 5,
       true},
      {"empty", "get", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", 0, true},
      {"no content", "get", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", 0, true},
      {"not modified", "get", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false, 304,
       "", 0, true},
      {"head", "head", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", false, 200, "", 0, true},
      {"head chunked", "head", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200,
       "", 0, true},
      {"chunked", "get",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b;c=\"d e\"\r\nhello\r\n6\r\n "
       "world\r\n0\r\n\r\n",
       false, 200, "hello world", 11, true},
      {"chunked empty", "get", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       false, 200, "", 0, true},
      {"trailers", "get",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0;x\r\nX-Sum: "
       "9\r\nSet-Cookie: t=1\r\n\r\n",
       false, 200, "abc", 3, true},
      {"until close", "get", "HTTP/1.1 200 OK\r\n\r\nall of it", true, 200, "all of it", 9, false},
      {"until close, empty", "get", "HTTP/1.0 200 OK\r\n\r\n", true, 200, "", 0, false},
      {"http 1.0 keep-alive", "get",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok",
       2, true},
      {"http 1.0", "get", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", 2,
       false},
      {"told to close", "get",
       "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", 2,
       false},
      {"informational", "get",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 "
       "Not "
       "Found\r\nContent-Length: 4\r\n\r\nnope",
       false, 404, "nope", 4, true},
      {"gzip", "get", with_length("Content-Encoding: gzip\r\n", gzip), false, 200, text,
       int64_t(gzip.size()), true},
      {"zlib", "get", with_length("Content-Encoding: deflate\r\n", zlib), false, 200, text,
       int64_t(zlib.size()), true},
      {"raw deflate", "get", with_length("Content-Encoding: deflate\r\n", raw), false, 200, text,
       int64_t(raw.size()), true},
      {"unknown encoding", "get", with_length("Content-Encoding: br\r\n", "zzz"), false, 200, "zzz",
       3, true},
      {"stacked encodings", "get", with_length("Content-Encoding: gzip, gzip\r\n", "zzz"), false,
       200, "zzz", 3, true},
      {"no reason, folded field", "get",
       "HTTP/1.1 200 \r\nX-A: b\r\n c\r\nContent-Length: 1\r\n\r\n!", false, 200, "!", 1, true},
  };
}

struct Framing : Http {
  void check(const Case& one, const std::vector<size_t>& cuts, const std::string& how) {
    SCOPED_TRACE(one.name + ", " + how);
    fake::Session user(http, 1);
    auto& call = user.start(http.prepare(one.method, bind(one.method)));
    host.run();
    sq_stream& stream = host.last_stream();
    size_t at = 0;
    for (size_t cut : cuts) {
      stream.feed(one.answer.substr(at, cut));
      at += cut;
      host.run();
    }
    if (one.ends_at_close) {
      EXPECT_FALSE(call.completed);
      stream.finish();
      host.run();
    }
    expect_result(call, one);
  }
  void expect_result(fake::Call& call, const Case& one) {
    EXPECT_OK(call, one.status);
    EXPECT_EQ(call.text("body"), one.body);
    EXPECT_EQ(call.number("size"), one.size);
    EXPECT_EQ(call.bytes_in, one.answer.size());
    EXPECT_EQ(host.open_streams(), one.stays_open ? 1u : 0u);
  }
};

TEST_F(Framing, IsTheSameHoweverTheBytesAreCut) {
  std::mt19937 random(20260401);
  for (const Case& one : cases()) {
    const size_t size = one.answer.size();
    check(one, {size}, "whole");
    check(one, std::vector<size_t>(size, 1), "byte by byte");
    for (int round = 0; round < 10; ++round) {
      std::vector<size_t> cuts;
      for (size_t left = size; left > 0; left -= cuts.back())
        cuts.push_back(
            std::uniform_int_distribution<size_t>(1, std::min<size_t>(left, 40))(random));
      check(one, cuts, "random cut " + std::to_string(round));
    }
  }
}

// The head of an answer may be known from the one before: nothing of the result may show it.
TEST_F(Framing, IsTheSameWhenItsHeadHasBeenSeenBefore) {
  constexpr uint64_t kAllButHeaders = ~(uint64_t{1} << 2);   // with headers wanted every head is parsed
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    const auto prepared = http.prepare(one.method, bind(one.method), kAllButHeaders);
    fake::Session user(http, 1);
    for (int round = 1; round <= 3; ++round) {
      SCOPED_TRACE(round);
      auto& answered = call(user, prepared, one.answer);
      if (one.ends_at_close) {
        host.last_stream().finish();
        host.run();
      }
      expect_result(answered, one);
    }
  }
}

TEST_F(Framing, LooksAtEachBodyBehindAKnownHead) {
  const auto prepared = http.prepare("get", bind(), uint64_t{1} << 1);
  fake::Session user(http, 1);
  const auto body_of = [&](const std::string& answer) { return call(user, prepared, answer).text("body"); };
  EXPECT_EQ(body_of(ok("one")), "one");
  EXPECT_EQ(body_of(ok("two")), "two");                                          // known
  EXPECT_EQ(body_of(ok("three")), "three");                                      // another length
  EXPECT_EQ(body_of(ok("other", "X-A: 1\r\n")), "other");                        // another head
  EXPECT_EQ(body_of("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"), "none");
  auto& split = user.start(prepared);
  host.run();
  host.last_stream().feed("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno");   // known, but not yet whole
  host.run();
  EXPECT_FALSE(split.completed);
  host.last_stream().feed("pe");
  host.run();
  EXPECT_OK(split, 404);
  EXPECT_EQ(split.text("body"), "nope");
}

TEST_F(Framing, FailsBytesAfterAnAnswerWhoseHeadIsKnown) {
  const auto prepared = http.prepare("get", bind(), 1);
  fake::Session user(http, 1);
  EXPECT_OK(call(user, prepared, ok("one")), 200);
  EXPECT_FAILED(call(user, prepared, ok("one") + "x"), SQ_K_PROTOCOL, "bytes after the answer");
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Framing, AnAnswerToHeadIsNotTakenForOneToGet) {
  const auto prepared = http.prepare("request", bind("request").slot("method", 0), 1);
  fake::Session user(http, 1);
  const std::string answer = ok("one"), head = answer.substr(0, answer.size() - 3);
  for (const auto& [method, bytes] : {std::pair{"GET", answer}, {"HEAD", head}, {"HEAD", head}, {"GET", answer}}) {
    auto& call = user.start(prepared, {squall::plugin::text_value(method)});
    host.run();
    host.last_stream().feed(bytes);
    host.run();
    EXPECT_OK(call, 200);
    EXPECT_EQ(call.bytes_in, bytes.size());
    EXPECT_EQ(host.open_streams(), 1u);
  }
  auto& wrong = user.start(prepared, {squall::plugin::text_value("HEAD")});   // the same bytes have a body too many
  host.run();
  host.last_stream().feed(answer);
  host.run();
  EXPECT_FAILED(wrong, SQ_K_PROTOCOL, "bytes after the answer");
}

TEST_F(Framing, KeepsOnlyWhatIsWanted) {
  fake::Session user(http, 1);
  auto& unwanted =
      call(user, http.prepare("get", bind(), 1, 1 << 20), ok(std::string(5000, 'b'), "X-A: 1\r\n"));
  EXPECT_EQ(unwanted.text("body"), "");
  EXPECT_EQ(unwanted.text("header", "X-A"), "");
  EXPECT_EQ(unwanted.number("size"), 5000);
  auto& start =
      call(user, http.prepare("get", bind(), UINT64_MAX, 100), ok(std::string(5000, 'b')));
  EXPECT_EQ(start.text("body"), std::string(100, 'b'));
  EXPECT_EQ(start.number("size"), 5000);
}

TEST_F(Framing, LooksIntoNoEncodingThatNobodyReads) {
  fake::Session user(http, 1);
  EXPECT_OK(call(user, http.prepare("get", bind(), 1),
                 with_length("Content-Encoding: gzip\r\n", "not gzip")),
            200);
  EXPECT_OK(call(user, http.prepare("get", bind().text("decode", "none")),
                 with_length("Content-Encoding: gzip\r\n", "not gzip")),
            200);
  EXPECT_FAILED(call(user, get(), with_length("Content-Encoding: gzip\r\n", "not gzip")),
                SQ_K_PROTOCOL, "content-encoding");
  EXPECT_FAILED(
      call(user, get(),
           with_length("Content-Encoding: gzip\r\n", deflated("half of this", 31).substr(0, 12))),
      SQ_K_PROTOCOL, "content-encoding");
}

TEST_F(Framing, EndsADecompressionBombAtTheLimit) {
  fake::Protocol limited(host, "http", {{"decode_limit", squall::plugin::int_value(1 << 20)}});
  const auto prepared =
      limited.prepare("get", fake::Bindings(limited.op("get")).to(site), UINT64_MAX, UINT64_MAX);
  fake::Session user(limited, 1);
  const std::string bomb = deflated(std::string(64 << 20, '\0'), 31);
  EXPECT_LT(bomb.size(), 128u << 10);
  EXPECT_FAILED(call(user, prepared, with_length("Content-Encoding: gzip\r\n", bomb)), SQ_K_LIMIT,
                "decoded body");
}

}  // namespace
