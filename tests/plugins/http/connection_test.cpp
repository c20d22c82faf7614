// When a connection is used again, replaced or closed, and that nothing is ever sent twice.
#include "http_fixture.hpp"

namespace {

TEST_F(Http, ReconnectsWhenTheServerClosedAnIdleConnection) {
  fake::Session user(http, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_OK(call(user, get(), ok("")), 200);
    host.last_stream().finish();
    host.run();
    EXPECT_EQ(host.open_streams(), 0u);
  }
  EXPECT_OK(call(user, get(), ok("")), 200);
  host.last_stream().reset();
  host.run();
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 5u);
}

TEST_F(Http, SendsNothingTwiceWhenAReusedConnectionDies) {
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  auto& second = user.start(get("/second"));
  host.run();
  host.last_stream().finish();
  host.run();
  EXPECT_FAILED(second, SQ_K_CLOSED, "eof");
  EXPECT_EQ(host.stream_count(), 1u) << "it may have reached the server: it is not sent again";
  EXPECT_OK(call(user, get(), ok("")), 200);
}

TEST_F(Http, UsesAnotherConnectionWhenTheStreamWasClosedBeforeTheRequest) {
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  sq_stream& first = host.last_stream();
  first.take_sent();
  first.is_open = false;  // the host knows of the close, its event is still to come
  first.reset();
  auto& second = user.start(get("/second"));
  host.run();
  EXPECT_EQ(host.stream_count(), 2u);
  EXPECT_EQ(first.sent, "");
  host.last_stream().feed(ok(""));
  host.run();
  EXPECT_OK(second, 200);
}

TEST_F(Http, ServersThatCloseAfterKRequestsCostOneConnectionEach) {
  for (int k : {1, 7, 100}) {
    fake::Session user(http, 1);
    const size_t before = host.stream_count();
    int served = 0;
    host.serve = [&](sq_stream& stream) {
      stream.take_sent();
      stream.feed(ok("x", ++served % k ? "" : "Connection: close\r\n"));
    };
    for (int i = 0; i < 210; ++i) {
      auto& call = user.start(get());
      host.run();
      EXPECT_OK(call, 200);
      user.release(call);
    }
    EXPECT_EQ(host.stream_count() - before, static_cast<size_t>((210 + k - 1) / k));
    host.serve = nullptr;
  }
}

TEST_F(Http, BeginsOnAFreshConnectionWhenTold) {
  fake::Session user(http, 1);
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_OK(call(user, http.prepare("get", bind().text("connection", "new")), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 2u);
  EXPECT_OK(call(user, get(), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 2u);
  EXPECT_OK(call(user, http.prepare("get", bind().text("connection", "close")), ok("")), 200);
  EXPECT_EQ(host.stream_count(), 3u);
  EXPECT_NE(host.last_stream().sent.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Http, KeepsOneConnectionPerTargetAndUser) {
  const sq_target* other = host.add_target("other", "http://other.org");
  fake::Session one(http, 1), two(http, 2);
  const auto prepared = get();
  fake::Bindings bindings = http.bind("get");
  const auto elsewhere = http.prepare("get", bindings.to(other));
  std::vector<fake::Call*> calls = {&one.start(prepared), &one.start(elsewhere),
                                    &two.start(prepared)};
  host.run();
  EXPECT_EQ(host.stream_count(), 3u);
  for (size_t i = 0; i < 3; ++i) host.stream(i).feed(ok(std::to_string(i)));
  host.run();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(calls[i]->text("body"), std::to_string(i));
  one.close();
  EXPECT_EQ(host.open_streams(), 1u);
}

TEST_F(Http, ResultsLiveUntilReleaseAcrossLaterCalls) {
  fake::Session user(http, 1);
  auto& first = call(user, get("/1"), ok("first", "X: 1\r\n"));
  auto& second = call(user, get("/2"), ok("second", "X: 2\r\n"));
  EXPECT_EQ(first.text("body"), "first");
  EXPECT_EQ(first.text("header", "x"), "1");
  EXPECT_EQ(first.text("url"), "http://127.0.0.1:8080/1");
  EXPECT_EQ(second.text("body"), "second");
  user.release(first);
  EXPECT_EQ(second.text("header", "x"), "2");
}

}  // namespace
