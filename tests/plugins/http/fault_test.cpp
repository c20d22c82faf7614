// A hostile or broken server (rows F1, F2, F4, F6, F7, F8 of the fault matrix): the class is right,
// the connection is gone, and the next call is served as if nothing had been.
#include "http_fixture.hpp"

namespace {

struct Fault : Http {
  fake::Session user{http, 1};
  fake::Call& start() {
    auto& call = user.start(get());
    host.run();
    return call;
  }
  void next_call_is_served() {
    EXPECT_EQ(host.open_streams(), 0u);
    EXPECT_OK(call(user, get(), ok("fine")), 200);
  }
};

TEST_F(Fault, ConnectionsThatFailKeepTheHostsClass) {
  struct Row {
    uint32_t kind;
    std::string detail;
    int phase;
  };
  for (const Row& row : std::vector<Row>{{SQ_K_RESOLVE, "no such name", SQ_PH_RESOLVE},
                                         {SQ_K_CONNECT, "refused", SQ_PH_CONNECT},
                                         {SQ_K_TLS, "certificate expired", SQ_PH_TLS},
                                         {SQ_K_LOCAL_RESOURCE, "EMFILE", SQ_PH_CONNECT},
                                         {SQ_K_OFF_LIST, "address", SQ_PH_CONNECT}}) {
    host.network.open = false;
    host.network.kind = row.kind;
    host.network.detail = row.detail;
    host.network.connect_ns = 700;
    auto& call = start();
    host.advance(700);
    EXPECT_FAILED(call, row.kind, row.detail);
    EXPECT_EQ(call.phase_ns[row.phase], 700u);
    EXPECT_EQ(call.phases(), 700u);
    EXPECT_EQ(call.bytes_out, 0u);
    host.network = {};
  }
  next_call_is_served();
}

TEST_F(Fault, RefusalsOfConnectItselfFailAtOnce) {
  host.network.refuse_now = SQ_E_LIMIT;
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(&start());
  for (auto* call : calls) EXPECT_FAILED(*call, SQ_K_LOCAL_RESOURCE, "connections");
  host.network.refuse_now = SQ_E_CLOSED;
  auto& stopping = start();
  EXPECT_TRUE(stopping.completed);
  EXPECT_EQ(stopping.outcome, uint32_t{SQ_OUT_CANCELLED});
  host.network = {};
  next_call_is_served();
}

TEST_F(Fault, F1ResetAtEveryPlaceOfAnAnswer) {
  const std::string answer = ok("hello");
  for (size_t cut = 0; cut < answer.size(); ++cut) {
    auto& call = start();
    host.last_stream().feed(answer.substr(0, cut));
    host.run();
    host.last_stream().reset();
    host.run();
    EXPECT_FAILED(call, SQ_K_CLOSED, "reset");
    EXPECT_EQ(call.bytes_in <= cut, true);
    EXPECT_EQ(host.open_streams(), 0u);
  }
  next_call_is_served();
}

TEST_F(Fault, F2EndAtEveryPlaceOfAnAnswer) {
  for (const std::string& answer :
       {ok("hello"),
        std::string(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")}) {
    for (size_t cut = 0; cut < answer.size(); ++cut) {
      auto& call = start();
      host.last_stream().feed(answer.substr(0, cut));
      host.run();
      host.last_stream().finish();
      host.run();
      EXPECT_FAILED(call, SQ_K_CLOSED, "eof");
    }
  }
  next_call_is_served();
}

TEST_F(Fault, F2EndTogetherWithTheLastBytesIsNoFault) {
  auto& call = start();
  host.last_stream().feed("HTTP/1.1 200 OK\r\n\r\nall");
  host.last_stream().finish();
  host.run();
  EXPECT_OK(call, 200);
  EXPECT_EQ(call.text("body"), "all");
}

TEST_F(Fault, F4GarbageIsAProtocolError) {
  struct Row {
    std::string bytes, detail;
  };
  for (const Row& row : std::vector<Row>{
           {"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "not HTTP/1.x"},
           {std::string("\x15\x03\x01\x00\x02\x02\x46 and more", 16), "not HTTP/1.x"},
           {"<html>HTTP/0.9 says hello</html>", "not HTTP/1.x"},
           {"HTTP/2.0 200 OK\r\n\r\n", "not HTTP/1.x"},
           {"HTTP/1.1 20x OK\r\n\r\n", "bad status"},
           {"HTTP/1.1 099 No\r\n\r\n", "bad status"},
           {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "unasked protocol switch"},
           {"HTTP/1.1 200 OK\r\nBad Field: 1\r\n\r\n", "bad header field"},
           {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "content-length"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "content-length"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "transfer-encoding"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            "content-length"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad chunk"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
            "bad chunk"}}) {
    SCOPED_TRACE(row.bytes);
    auto& call = start();
    host.last_stream().feed(row.bytes);
    host.run();
    EXPECT_FAILED(call, SQ_K_PROTOCOL, row.detail);
    EXPECT_EQ(host.open_streams(), 0u);
  }
  next_call_is_served();
  ASSERT_EQ(host.log_lines.size(), 1u) << "one line in ten seconds";
  EXPECT_EQ(host.log_lines[0].substr(0, 78),
            "http: bytes that are no answer, or no part of one, from target site: 53 53 48 ");
}

TEST_F(Fault, F6HeadersThatDoNotEndAreCut) {
  const auto flood = [&](const std::string& begin, const std::string& unit, uint64_t most,
                         size_t step) {
    auto& call = start();
    std::string text = begin;
    uint64_t fed = 0;
    while (!call.completed && fed < 10 * most) {
      for (text += unit; text.size() < step;) text += unit;
      host.last_stream().feed(text);
      fed += text.size();
      text.clear();
      host.run();
    }
    EXPECT_LE(fed, most + step);
    return &call;
  };
  EXPECT_FAILED(*flood("HTTP/1.1 200 OK\r\nX: ", std::string(100, 'x'), 67'000, 1), SQ_K_LIMIT,
                "header block");
  EXPECT_FAILED(*flood("HTTP/1.1 200 ", std::string(100, 'x'), 67'000, 1), SQ_K_LIMIT,
                "header block");
  EXPECT_FAILED(*flood("HTTP/1.1 200 OK\r\n", "X-A: " + std::string(1000, 'y') + "\r\n", 67'000, 1),
                SQ_K_LIMIT, "header block");
  EXPECT_FAILED(
      *flood("HTTP/1.1 200 OK\r\n", "X-A: " + std::string(1000, 'y') + "\r\n", 150'000, 50'000),
      SQ_K_LIMIT, "header block");
  EXPECT_FAILED(*flood("HTTP/1.1 200 OK\r\n", "a: b\r\n", 67'000, 40'000), SQ_K_LIMIT,
                "header fields");
  EXPECT_FAILED(*flood("", "HTTP/1.1 100 Continue\r\n\r\n", 1'000, 1), SQ_K_LIMIT,
                "informational answers");
  next_call_is_served();
}

TEST_F(Fault, F7EndlessBodiesAreCountedNotKept) {
  struct Row {
    std::string head, unit;
  };
  for (const Row& row :
       std::vector<Row>{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                         "400\r\n" + std::string(1024, 'e') + "\r\n"},
                        {"HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n",
                         std::string(1024, 'e')}}) {
    auto& call = user.start(http.prepare("get", bind(), UINT64_MAX, 4096));
    host.run();
    host.last_stream().feed(row.head);
    for (int i = 0; i < 3000; ++i) {
      host.last_stream().feed(row.unit);
      host.run();
    }
    EXPECT_FALSE(call.completed);
    EXPECT_GT(call.progress_in, 1u << 20);
    user.cancel(call);
    host.run();
    ASSERT_TRUE(call.completed);
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_CANCELLED});
    EXPECT_EQ(call.number("size"), 3000 * 1024);
    EXPECT_EQ(call.text("body").size(), 4096u);
    EXPECT_LE(host.last_stream().unread.size(), 2u) << "at most the end of a chunk waits";
  }
  auto& extension = start();
  host.last_stream().feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                          std::string(70'000, 'x'));
  host.run();
  EXPECT_FAILED(extension, SQ_K_LIMIT, "header block");
  auto& trailer = start();
  host.last_stream().feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " +
                          std::string(70'000, 'x'));
  host.run();
  EXPECT_FAILED(trailer, SQ_K_LIMIT, "header block");
  next_call_is_served();
}

TEST_F(Fault, F8BytesAfterTheAnswerFailIt) {
  auto& call = start();
  host.last_stream().feed(ok("hello") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  host.run();
  EXPECT_FAILED(call, SQ_K_PROTOCOL, "bytes after the answer");
  EXPECT_EQ(call.text("body"), "hello");
  EXPECT_EQ(call.bytes_in, ok("hello").size());
  next_call_is_served();
}

TEST_F(Fault, F8BytesBeforeARequestEndTheConnection) {
  auto& call = start();
  host.last_stream().feed(ok("hello"));
  host.run();
  EXPECT_OK(call, 200);
  host.last_stream().feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  host.run();
  EXPECT_EQ(host.open_streams(), 0u);
  auto& after = Http::call(user, get(), ok("mine"));
  EXPECT_OK(after, 200);
  EXPECT_EQ(after.text("body"), "mine");
  EXPECT_EQ(host.stream_count(), 2u);
}

}  // namespace
