// tcp.connect, .send, .request and .close over scripted streams: where an answer ends however it is
// cut, whose answer it is, and what happens to the connection.
#include <cstdio>

#include "fake_host.hpp"

namespace {

using squall::plugin::bytes_value;
using squall::plugin::int_value;
using squall::plugin::text_value;

struct Tcp : ::testing::Test {
  fake::Host host;
  const sq_target* box = host.add_target("box", "tcp://127.0.0.1:7000");
  fake::Protocol tcp{host, "tcp"};
  fake::Session user{tcp, 42};

  fake::Bindings bind(std::string_view op) {
    fake::Bindings bindings = tcp.bind(op);
    bindings.to(box);
    return bindings;
  }
  fake::Call& start(const fake::Bindings& bindings, std::string_view op) {
    return user.start(tcp.prepare(op, bindings));
  }
  fake::Call& request(std::string payload) {
    return start(bind("request").source("payload", host.make_source(std::move(payload))),
                 "request");
  }
};

TEST_F(Tcp, ConnectIsOneSampleAndItsPhasesAddUp) {
  host.network = {.resolve_ns = 100, .connect_ns = 30, .tls_ns = 5};
  fake::Call& call = start(bind("connect"), "connect");
  host.advance(1'000);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.phase_ns[SQ_PH_RESOLVE], 100u);
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 30u);
  EXPECT_EQ(call.phase_ns[SQ_PH_TLS], 5u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  EXPECT_EQ(host.stream(0).session, 42u);
  start(bind("connect"), "connect");  // is open already
  host.run();
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Tcp, AFailedConnectHasItsClass) {
  host.network = {.open = false, .kind = SQ_K_RESOLVE, .detail = "no such name", .resolve_ns = 70};
  fake::Call& call = start(bind("connect"), "connect");
  host.advance(1'000);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
  EXPECT_EQ(call.kind, uint32_t{SQ_K_RESOLVE});
  EXPECT_EQ(call.detail_text(), "no such name");
  EXPECT_EQ(call.phase_ns[SQ_PH_RESOLVE], 70u);
  host.network = {};
  fake::Call& next = request("again\n");  // the session goes on
  host.run();
  host.last_stream().feed("yes\n");
  host.run();
  EXPECT_EQ(next.text("body"), "yes");
}

TEST_F(Tcp, AManyTimesRefusedQueueEndsWithoutDepth) {
  host.network.refuse_now = SQ_E_LIMIT;
  const fake::Prepared connect = tcp.prepare("connect", bind("connect"));
  std::vector<fake::Call*> calls;
  for (int i = 0; i < 20'000; ++i) calls.push_back(&user.start(connect));
  host.run();
  for (fake::Call* call : calls) ASSERT_EQ(call->kind, uint32_t{SQ_K_LOCAL_RESOURCE});
}

TEST_F(Tcp, SendConnectsByItselfAndEndsWithItsLastByte) {
  host.network = {.connect_ns = 10, .hold_writes = true};
  fake::Call& call = start(bind("send").source("payload", host.make_source("hello")), "send");
  host.advance(10);
  ASSERT_EQ(host.stream_count(), 1u);
  host.advance(500);
  EXPECT_FALSE(call.completed);
  host.stream(0).release_writes();
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.bytes_out, 5u);
  EXPECT_EQ(call.number("size"), 5);
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 10u);
  EXPECT_EQ(call.phase_ns[SQ_PH_SEND], 500u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  EXPECT_EQ(host.stream(0).sent, "hello");
}

TEST_F(Tcp, SendsAPayloadOfManyPiecesInOrder) {
  std::string text;
  for (int i = 0; text.size() < 1'500'000; ++i) text += std::to_string(i) + " ";
  sq_source* source = host.make_source(text);
  source->piece = 10'007;
  fake::Call& call = start(bind("send").source("payload", source), "send");
  host.run();
  EXPECT_EQ(call.bytes_out, text.size());
  EXPECT_TRUE(host.stream(0).sent == text);
  EXPECT_LE(host.stream(0).writes, 20u);  // pieces are gathered
}

TEST_F(Tcp, SendsAFilesRangesWithoutACopy) {
  std::FILE* file = std::tmpfile();
  const std::string text(700'000, 'f');
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
  fake::Call& call =
      start(bind("send")
                .source("payload", host.make_file_source(::fileno(file), text.size()))
                .text("framing", "length-prefix"),
            "send");
  host.run();
  std::fclose(file);
  EXPECT_EQ(call.bytes_out, text.size() + 4);
  EXPECT_EQ(host.stream(0).file_bytes, text.size());
  EXPECT_TRUE(host.stream(0).sent == std::string("\0\x0a\xae\x60", 4) + text);
}

TEST_F(Tcp, AnEmptyPayloadIsSentAtOnce) {
  EXPECT_TRUE(start(bind("send"), "send").completions == 0);
  start(bind("send").source("payload", host.make_source("")), "send");
  host.run();
  EXPECT_EQ(host.stream(0).sent, "");
}

// ---- framing -----------------------------------------------------------------------------------

struct FramingRow {
  const char* name;
  std::function<void(fake::Bindings&)> framing;
  std::string answer, body;
  bool ends_with_close = false;
};

std::vector<FramingRow> framing_rows() {
  const auto framed = [](std::string_view kind, int64_t length_bytes = 0,
                         std::string_view endian = "big") {
    return [=](fake::Bindings& bindings) {
      bindings.text("framing", kind);
      if (length_bytes) bindings.number("length_bytes", length_bytes).text("endian", endian);
    };
  };
  return {
      {"line", framed("delimiter"), "hello\n", "hello"},
      {"empty line", framed("delimiter"), "\n", ""},
      {"delimiter", [](fake::Bindings& b) { b.bytes("delimiter", "\r\n\r\n"); },
       "a\r\n\r\rb\r\n\r\n", "a\r\n\r\rb"},
      {"delimiter with itself inside", [](fake::Bindings& b) { b.bytes("delimiter", "aab"); },
       "aaaab", "aa"},
      {"one byte", framed("length-prefix", 1), std::string("\3abc"), "abc"},
      {"two bytes", framed("length-prefix", 2), std::string("\0\3abc", 5), "abc"},
      {"two bytes, little", framed("length-prefix", 2, "little"), std::string("\3\0abc", 5), "abc"},
      {"four bytes", framed("length-prefix", 4), std::string("\0\0\0\5he\0lo", 9),
       std::string("he\0lo", 5)},
      {"four bytes, little", framed("length-prefix", 4, "little"), std::string("\2\0\0\0hi", 6),
       "hi"},
      {"length of nothing", framed("length-prefix", 4), std::string(4, '\0'), ""},
      {"fixed", [](fake::Bindings& b) { b.text("framing", "fixed").number("size", 6); }, "sixsix",
       "sixsix"},
      {"close", framed("close"), "until the end", "until the end", true},
      {"close with nothing", framed("close"), "", "", true},
  };
}

TEST_F(Tcp, AnAnswerIsTheSameHoweverItIsCut) {
  for (const FramingRow& row : framing_rows()) {
    fake::Bindings bindings = bind("request");
    row.framing(bindings);
    const fake::Prepared prepared =
        tcp.prepare("request", bindings.source("payload", host.make_source("q")));
    for (size_t first = 0; first <= row.answer.size(); ++first) {
      for (size_t second = first; second <= row.answer.size(); ++second) {
        fake::Call& call = user.start(prepared);
        host.run();
        sq_stream& stream = host.last_stream();
        for (const auto& [begin, end] :
             {std::pair<size_t, size_t>{0, first}, {first, second}, {second, row.answer.size()}}) {
          if (begin == end) continue;
          stream.feed(std::string_view(row.answer).substr(begin, end - begin));
          host.run();
          if (end < row.answer.size() || row.ends_with_close) {
            ASSERT_FALSE(call.completed) << row.name;
          }
        }
        if (row.ends_with_close) stream.finish();
        host.run();
        ASSERT_TRUE(call.completed) << row.name << " cut at " << first << ", " << second;
        ASSERT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << row.name << ": " << call.detail_text();
        ASSERT_EQ(call.text("body"), row.body) << row.name;
        ASSERT_EQ(call.number("size"), static_cast<int64_t>(row.body.size())) << row.name;
        ASSERT_EQ(call.bytes_in, row.answer.size()) << row.name;
        user.release(call);
      }
    }
    user.start(tcp.prepare("close", bind("close")));
    host.run();
    if (!host.last_stream().is_closed) host.last_stream().finish();
    host.run();
    ASSERT_EQ(host.open_streams(), 0u);
  }
}

TEST_F(Tcp, ALengthPrefixIsAlsoSent) {
  fake::Bindings bindings = bind("request");
  bindings.text("framing", "length-prefix")
      .number("length_bytes", 2)
      .source("payload", host.make_source("ping"));
  user.start(tcp.prepare("request", bindings));
  host.run();
  EXPECT_EQ(host.stream(0).sent, std::string("\0\4ping", 6));
  host.stream(0).feed(std::string("\0\0", 2));
  bindings.truth("prefix", false);
  host.run();
  host.stream(0).take_sent();
  user.start(tcp.prepare("request", bindings));
  host.run();
  EXPECT_EQ(host.stream(0).sent, "");  // the source has been read; only that no prefix came counts
}

TEST_F(Tcp, APayloadTooLongForItsPrefixIsNotSent) {
  fake::Call& call = start(bind("send")
                               .text("framing", "length-prefix")
                               .number("length_bytes", 1)
                               .source("payload", host.make_source(std::string(256, 'x'))),
                           "send");
  host.run();
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CHECK});
  EXPECT_EQ(host.stream(0).sent, "");
}

TEST_F(Tcp, AnAnswerAboveTheLimitFails) {
  struct Row {
    const char* framing;
    std::string answer;
  };
  for (const Row& row :
       {Row{"delimiter", std::string(101, 'x')}, Row{"length-prefix", std::string("\0\0\0\x65", 4)},
        Row{"close", std::string(101, 'x')}}) {
    fake::Call& call =
        start(bind("request").text("framing", row.framing).number("max_answer", 100), "request");
    host.run();
    host.last_stream().feed(row.answer);
    host.run();
    EXPECT_EQ(call.kind, uint32_t{SQ_K_LIMIT}) << row.framing;
    EXPECT_TRUE(host.last_stream().is_closed);
  }
}

TEST_F(Tcp, KeepsOnlyWhatIsWanted) {
  const fake::Bindings bindings = bind("request");
  fake::Call& some = user.start(tcp.prepare("request", bindings, UINT64_MAX, 3));
  host.run();
  host.stream(0).feed("abcdef\n");
  host.run();
  EXPECT_EQ(some.text("body"), "abc");
  EXPECT_EQ(some.number("size"), 6);
  fake::Call& none = user.start(tcp.prepare("request", bindings, 2));
  host.run();
  host.stream(0).feed("abcdef\n");
  host.run();
  EXPECT_EQ(none.text("body"), "");
  EXPECT_EQ(none.number("size"), 6);
}

// ---- whose answer ------------------------------------------------------------------------------

TEST_F(Tcp, CallsOfOneSessionQueueOnItsConnection) {
  fake::Call& first = request("1");
  fake::Call& second = request("2");
  host.run();
  EXPECT_EQ(host.stream(0).sent, "1");
  host.advance(300);
  host.stream(0).feed("a\n");
  host.run();
  EXPECT_EQ(first.text("body"), "a");
  EXPECT_EQ(host.stream(0).sent, "12");
  host.stream(0).feed("b\n");
  host.run();
  EXPECT_EQ(second.text("body"), "b");
  EXPECT_EQ(second.phase_ns[SQ_PH_WAIT_CONN], 300u);
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Tcp, PhasesOfARequestAddUp) {
  host.network = {.connect_ns = 7, .hold_writes = true};
  fake::Call& call = request("q");
  host.advance(7);
  host.advance(20);
  host.stream(0).release_writes();
  host.run();
  host.advance(300);
  host.stream(0).feed("half");
  host.run();
  host.advance(4'000);
  host.stream(0).feed("\n");
  host.run();
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 7u);
  EXPECT_EQ(call.phase_ns[SQ_PH_SEND], 20u);
  EXPECT_EQ(call.phase_ns[SQ_PH_FIRST_BYTE], 300u);
  EXPECT_EQ(call.phase_ns[SQ_PH_RECEIVE], 4'000u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  EXPECT_EQ(call.first_byte_ns, call.start_ns + 327);
}

TEST_F(Tcp, ALateAnswerIsNeverCreditedToTheNextRequest) {
  fake::Call& first = request("1");
  fake::Call& second = request("2");
  host.run();
  host.stream(0).feed("hal");
  host.run();
  first.deadline_ns = host.now_ns;
  user.cancel(first);
  user.cancel(first);
  host.stream(0).feed("f\n");
  host.run();
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_TIMEOUT});
  EXPECT_FALSE(second.completed);
  ASSERT_EQ(host.stream_count(), 2u);
  EXPECT_EQ(host.stream(1).sent, "2");
  host.stream(1).feed("b\n");
  host.run();
  EXPECT_EQ(second.text("body"), "b");
}

TEST_F(Tcp, WhatComesUnaskedAnswersNothing) {
  start(bind("connect"), "connect");
  host.run();
  host.stream(0).feed("220 welcome\n");
  host.run();
  fake::Call& call = request("q");
  host.run();
  EXPECT_FALSE(call.completed);
  host.stream(0).feed("a\nb\n");  // one answer too many
  host.run();
  EXPECT_EQ(call.text("body"), "a");
  EXPECT_EQ(call.bytes_in, 2u);
  fake::Call& next = request("q");
  host.run();
  EXPECT_FALSE(next.completed);
  host.stream(0).feed("c\n");
  host.run();
  EXPECT_EQ(next.text("body"), "c");
}

TEST_F(Tcp, AnAnswerMayBeginBeforeTheRequestIsThrough) {
  host.network.hold_writes = true;
  fake::Call& call = request("long");
  host.run();
  host.stream(0).feed("a\n");
  host.run();
  EXPECT_FALSE(call.completed);
  host.stream(0).release_writes();
  host.run();
  EXPECT_EQ(call.text("body"), "a");
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
}

TEST_F(Tcp, AQueuedCallMayBeTakenBack) {
  request("1");
  fake::Call& second = request("2");
  host.run();
  user.cancel(second);
  host.run();
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(host.stream(0).sent, "1");
}

TEST_F(Tcp, ACancelWhileConnecting) {
  host.network.connect_ns = 1'000;
  fake::Call& first = request("1");
  fake::Call& second = request("2");
  host.advance(10);
  user.cancel(first);
  host.advance(10'000);
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(host.stream(1).sent, "2");
  host.stream(1).feed("b\n");
  host.run();
  EXPECT_EQ(second.text("body"), "b");
}

// ---- ends of connections -----------------------------------------------------------------------

TEST_F(Tcp, AnEndInTheMiddleOfAnAnswerIsAFailure) {
  fake::Call& eof = request("1");
  host.run();
  host.stream(0).feed("hal");
  host.stream(0).finish();
  host.run();
  EXPECT_EQ(eof.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(eof.detail_text(), "eof");
  EXPECT_EQ(eof.phases(), eof.end_ns - eof.start_ns);
  fake::Call& reset = request("2");
  host.run();
  host.stream(1).reset();
  host.run();
  EXPECT_EQ(reset.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(reset.detail_text(), "reset");
  fake::Call& good = request("3");
  host.run();
  host.stream(2).feed("c\n");
  host.run();
  EXPECT_EQ(good.text("body"), "c");
}

TEST_F(Tcp, AnIdleConnectionThatThePeerClosesIsReplaced) {
  start(bind("connect"), "connect");
  host.run();
  host.stream(0).finish();
  fake::Call& call = request("q");
  host.run();
  if (!call.completed) host.last_stream().feed("a\n");
  host.run();
  EXPECT_TRUE(host.stream(0).is_closed);
}

TEST_F(Tcp, CloseWaitsForThePeer) {
  start(bind("connect"), "connect");
  host.run();
  fake::Call& call = start(bind("close"), "close");
  host.run();
  EXPECT_TRUE(host.stream(0).shut_down);
  EXPECT_FALSE(call.completed);
  host.advance(50);
  host.stream(0).finish();
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.end_ns - call.start_ns, 50u);
  EXPECT_TRUE(host.stream(0).is_closed);
  fake::Call& again = start(bind("close"), "close");  // nothing is open
  host.run();
  EXPECT_EQ(again.outcome, uint32_t{SQ_OUT_OK});
}

TEST_F(Tcp, CloseDoesNotWaitForEver) {
  start(bind("connect"), "connect");
  fake::Call& call = start(bind("close"), "close");
  fake::Call& next = request("q");
  host.run();
  host.advance(2'000'000'000);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.detail_text(), "the peer did not close");
  host.last_stream().feed("a\n");
  host.run();
  EXPECT_EQ(next.text("body"), "a");
}

TEST_F(Tcp, ASessionMayEndWithItsConnectionsOpen) {
  const sq_target* other = host.add_target("other", "tcp://127.0.0.1:7001");
  start(bind("connect"), "connect");
  user.start(tcp.prepare("connect", tcp.bind("connect").to(other)));
  host.run();
  EXPECT_EQ(host.open_streams(), 2u);
  user.close();
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Tcp, MistakesAreFoundWhenThePlanIsMade) {
  EXPECT_EQ(tcp.refusal("connect", tcp.bind("connect")), "tcp needs a target: to");
  EXPECT_EQ(tcp.refusal("request", bind("request").text("framing", "fixed")),
            "framing fixed needs size");
  EXPECT_EQ(tcp.refusal("request", bind("request").number("length_bytes", 3)),
            "length_bytes must be 1, 2 or 4");
  EXPECT_EQ(tcp.refusal("request", bind("request").bytes("delimiter", "")), "delimiter is empty");
}

}  // namespace
