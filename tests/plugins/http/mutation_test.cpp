// Seeded mutations of good answers, cut anywhere: whatever comes, every call ends exactly once, and
// the next one is served on a clean connection.  What no assertion here can see, a sanitizer does.
#include <random>

#include "http_fixture.hpp"

namespace {

TEST_F(Http, SurvivesMutatedAnswers) {
  const std::vector<std::string> seeds = {
      ok("hello", "Set-Cookie: a=1; Path=/; Max-Age=5\r\nContent-Encoding: gzip\r\n"),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX: "
      "y\r\n\r\n",
      "HTTP/1.1 302 Found\r\nLocation: ../a/./b?c#d\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\nConnection: keep-alive, x\r\n\r\nto the end",
      "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nSet-Cookie: x=\"1\"; Domain=.0.0.1; Expires=Sun, 06 "
      "Nov 2094 08:49:37 "
      "GMT; Secure\r\nContent-Length: 3\r\n\r\nabc"};
  const std::vector<std::string> words = {"\r\n",
                                          "\r\n\r\n",
                                          "\n",
                                          ":",
                                          ";",
                                          "0",
                                          "ffffffffffffffff",
                                          "chunked",
                                          "HTTP/1.1 ",
                                          "200",
                                          "gzip",
                                          "\xff",
                                          std::string(1, '\0'),
                                          "Content-Length: 7\r\n",
                                          "Location: //",
                                          "close"};
  std::mt19937 random(7);
  const auto below = [&](size_t n) {
    return std::uniform_int_distribution<size_t>(0, n - 1)(random);
  };
  fake::Session user(http, 1);
  const auto prepared = http.prepare("get", bind());
  for (int round = 0; round < 4000; ++round) {
    std::string text = seeds[below(seeds.size())];
    for (size_t changes = below(4); changes-- > 0;) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, 1 + below(8));
          break;
        case 2:
          text.insert(at, words[below(words.size())]);
          break;
        default:
          text.insert(at, text.substr(below(text.size()), 1 + below(30)));
          break;
      }
      if (text.empty()) text = "x";
    }
    auto& call = user.start(prepared);
    host.run();
    for (size_t at = 0; at < text.size() && !call.completed;) {
      const size_t cut = 1 + below(60);
      host.last_stream().feed(text.substr(at, cut));
      at += cut;
      host.run();
    }
    // What is still open ends by the peer's end; a redirect may have opened a stream of its own.
    for (int i = 0; i < 12 && !call.completed; ++i) {
      host.last_stream().finish();
      host.run();
    }
    ASSERT_TRUE(call.completed) << "round " << round << ": " << text;
    ASSERT_LE(host.open_streams(), 1u);
    EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
    user.release(call);
  }
}

}  // namespace
