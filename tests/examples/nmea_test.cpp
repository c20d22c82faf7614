// The example in C against a host that breaks a test when a rule of the ABI is broken: halves of lines, writes that the
// kernel holds back, cancels at every place, and no allocation in a steady run.
#include <cstdlib>

#include "fake_host.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SQUALL_HAS_OWN_MALLOC 0  // the sanitizer's
#else
#define SQUALL_HAS_OWN_MALLOC 1
#endif

static size_t plugin_allocations = 0;
#if SQUALL_HAS_OWN_MALLOC
// The plugin is C and binds to these of the program; both are glibc's with a counter before them.
extern "C" void* __libc_malloc(size_t) noexcept;
extern "C" void* __libc_calloc(size_t, size_t) noexcept;
extern "C" void* malloc(size_t size) noexcept {
  plugin_allocations += fake::in_plugin;
  return __libc_malloc(size);
}
extern "C" void* calloc(size_t count, size_t size) noexcept {
  plugin_allocations += fake::in_plugin;
  return __libc_calloc(count, size);
}
#endif

namespace {

constexpr const char* kAsk = "$EIGPQ,GGA*27\r\n";
constexpr const char* kAnswer = "$GPGGA,1,2*55\r\n";

struct Nmea : ::testing::Test {
  fake::Host host;
  const sq_target* bus = host.add_target("bus", "tcp://127.0.0.1:10110");
  fake::Protocol nmea{host, "nmea"};
  fake::Session session{nmea, 1};

  fake::Prepared prepare(const char* answer) {
    auto bindings = nmea.bind("send").to(bus).text("sentence", "EIGPQ").list("fields", {squall::plugin::text_value("GGA")});
    return nmea.prepare("send", answer ? bindings.text("answer", answer) : bindings);
  }
  fake::Call& start(const char* answer = "GPGGA") {
    fake::Call& call = session.start(prepare(answer));
    host.run();
    return call;
  }
  void feed(std::string_view bytes) {
    host.last_stream().feed(bytes);
    host.run();
  }
};

TEST_F(Nmea, ReadsLinesHoweverTheyAreCut) {
  const std::string lines = std::string("half a line of the time before\r\n") + "$GPZDA,1*55\r\n" + kAnswer;
  for (size_t step = 1; step < lines.size(); ++step) {
    fake::Call& call = start();
    if (step == 1) {
      EXPECT_EQ(host.last_stream().sent, kAsk);
    }
    for (size_t at = lines.find("$GPZDA"); at < lines.size(); at += step) {
      EXPECT_FALSE(call.completed);
      feed(std::string_view(lines).substr(at, step));
    }
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
    EXPECT_EQ(call.text("line"), "$GPGGA,1,2*55");
    EXPECT_EQ(call.text("sentence"), "GPGGA");
    EXPECT_EQ(call.text("field", "2"), "2");
    EXPECT_EQ(call.text("field", "3"), "");
    EXPECT_EQ(call.bytes_in, lines.size() - lines.find("$GPZDA"));
    session.release(call);
  }
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Nmea, WhatWasThereBeforeAQuestionIsNoAnswer) {
  fake::Call& first = start();
  fake::Call& second = start();
  EXPECT_EQ(host.last_stream().sent, kAsk);
  feed(std::string(kAnswer) + kAnswer);
  EXPECT_TRUE(first.completed);
  EXPECT_FALSE(second.completed);
  EXPECT_EQ(host.last_stream().sent, std::string(kAsk) + kAsk);
  feed(kAnswer);
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_OK});
}

TEST_F(Nmea, IsDoneWhenTheKernelHasIt) {
  host.network.hold_writes = true;
  fake::Call& first = start(nullptr);
  fake::Call& second = start(nullptr);
  EXPECT_FALSE(first.completed);
  host.last_stream().release_writes();
  host.run();
  EXPECT_TRUE(first.completed);
  EXPECT_TRUE(second.completed);
  EXPECT_EQ(host.last_stream().sent, std::string(kAsk) + kAsk);
}

TEST_F(Nmea, ACancelledQuestionTakesItsConnectionWithIt) {
  fake::Call& first = start();
  fake::Call& second = start();
  fake::Call& third = start();
  session.cancel(second);  // waits: only its place is given up
  session.cancel(second);
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_FALSE(host.stream(0).close_called);
  session.cancel(first);  // its answer may still come
  host.run();
  EXPECT_EQ(first.outcome, uint32_t{SQ_OUT_CANCELLED});
  ASSERT_EQ(host.stream_count(), 2u);
  feed(kAnswer);
  EXPECT_EQ(third.outcome, uint32_t{SQ_OUT_OK});
}

TEST_F(Nmea, WhoeverHasNotBeenSentSurvivesAClose) {
  fake::Call& first = start();
  fake::Call& second = start();
  feed("$GPGGA,1,");
  host.last_stream().finish();
  host.run();
  EXPECT_EQ(first.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(first.detail_text(), "eof");
  ASSERT_EQ(host.stream_count(), 2u);
  feed(kAnswer);
  EXPECT_EQ(second.outcome, uint32_t{SQ_OUT_OK});
}

TEST_F(Nmea, AFailedConnectFailsAllWhoWaitedForIt) {
  host.network.open = false;
  fake::Call& first = session.start(prepare("any"));
  fake::Call& second = session.start(prepare("any"));
  host.run();
  for (const fake::Call* call : {&first, &second}) {
    EXPECT_EQ(call->kind, uint32_t{SQ_K_CONNECT});
    EXPECT_EQ(call->detail_text(), "refused");
  }
  EXPECT_EQ(host.stream_count(), 1u);
}

TEST_F(Nmea, AllocatesNothingInASteadyRun) {
  if (!SQUALL_HAS_OWN_MALLOC) GTEST_SKIP() << "a sanitizer allocates here";
  const fake::Prepared prepared = prepare("any");
  const size_t cold = plugin_allocations;
  size_t warm = 0;
  for (int i = 0; i < 110; ++i) {
    if (i == 10) warm = plugin_allocations;
    fake::Call& call = session.start(prepared);
    host.run();
    feed(kAnswer);
    EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
    session.release(call);
  }
  EXPECT_GT(warm, cold);  // it is seen by this test
  EXPECT_EQ(plugin_allocations, warm);
}

}  // namespace
