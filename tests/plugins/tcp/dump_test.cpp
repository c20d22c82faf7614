// tcp.dump over scripted streams: every byte once and in its place, its checksum, its progress, and
// by what its end is known.
#include <unistd.h>
#include <xxhash.h>

#include <fstream>
#include <numeric>

#include "fake_host.hpp"

namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::string hex(const std::string& bytes) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(XXH64(bytes.data(), bytes.size(), 0)));
  return digits;
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ',';
  list += item;
}

struct Dump : ::testing::Test {
  fake::Host host;
  const sq_target* lake = host.add_target("lake", "tcp://127.0.0.1:9000");
  fake::Protocol tcp{host, "tcp"};
  fake::Session user{tcp, 3};
  std::string path = ::testing::TempDir() + "squall-dump-" + std::to_string(::getpid());

  ~Dump() override { ::unlink(path.c_str()); }
  fake::Bindings bind(int64_t bytes, int64_t streams = 1) {
    fake::Bindings bindings = tcp.bind("dump");
    bindings.to(lake).number("bytes", bytes).number("streams", streams).truth("checksum", true);
    return bindings;
  }
  fake::Call& start(const fake::Bindings& bindings) {
    return user.start(tcp.prepare("dump", bindings));
  }
  /// The peer of every stream closes once we have.
  void close_all() {
    host.run();
    for (size_t i = 0; i < host.stream_count(); ++i)
      if (host.stream(i).shut_down && !host.stream(i).is_closed) host.stream(i).finish();
    host.run();
  }
  std::string write_file(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i)
      text[i] = static_cast<char>(i * 131 + (i >> 8) * 7 + (i >> 16));
    std::ofstream(path, std::ios::binary) << text;
    return text;
  }
  static std::string repeated(const std::string& text, size_t size) {
    std::string all;
    while (all.size() < size) all += text;
    all.resize(size);
    return all;
  }
};

TEST_F(Dump, EveryByteIsSentOnceOverAnyNumberOfStreams) {
  std::string whole;
  for (const int64_t bytes : {0, 1, 2, 7, 63, 65'537, 262'144, 262'145, 9'000'001}) {
    for (const int64_t streams : {1, 2, 3, 5, 8}) {
      const size_t first = host.stream_count();
      fake::Call& call = start(bind(bytes, streams));
      close_all();
      ASSERT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << call.detail_text();
      std::string joined, checksums;
      size_t least = SIZE_MAX, most = 0;
      for (size_t i = first; i < host.stream_count(); ++i) {
        const std::string& sent = host.stream(i).sent;
        joined += sent;
        append(checksums, hex(sent));
        least = std::min(least, sent.size());
        most = std::max(most, sent.size());
      }
      EXPECT_EQ(host.stream_count() - first, static_cast<size_t>(streams));
      EXPECT_EQ(joined.size(), static_cast<size_t>(bytes));
      EXPECT_LE(most - least, 1u);
      EXPECT_EQ(call.text("checksum"), checksums);
      EXPECT_EQ(call.number("size"), bytes);
      EXPECT_EQ(call.bytes_out, static_cast<uint64_t>(bytes));
      EXPECT_EQ(call.progress_out, static_cast<uint64_t>(bytes));
      EXPECT_EQ(call.text("acknowledged"), "peer close");
      if (whole.size() < joined.size()) whole = joined;
      EXPECT_TRUE(joined == whole.substr(0, joined.size()))
          << "the bytes depend on their position alone";
    }
  }
}

TEST_F(Dump, RandomBytesHangOnTheSeed) {
  start(bind(100'000).text("source", "random"));
  start(bind(100'000).text("source", "random"));
  start(bind(100'000));
  close_all();
  EXPECT_TRUE(host.stream(0).sent == host.stream(1).sent);
  EXPECT_FALSE(host.stream(0).sent == host.stream(2).sent);
  fake::Protocol other(host, "tcp", {{"seed", squall::plugin::int_value(2)}});
  fake::Session another(other, 1);
  another.start(other.prepare(
      "dump", other.bind("dump").to(lake).number("bytes", 100'000).text("source", "random")));
  close_all();
  EXPECT_FALSE(host.stream(0).sent == host.last_stream().sent);
}

TEST_F(Dump, ASmallFileIsRepeatedFromMemory) {
  for (const size_t size : {1u, 3u, 1000u, 262'144u, 300'001u}) {
    const std::string text = write_file(size);
    const size_t first = host.stream_count();
    start(bind(1'000'003, 2).text("source", "file").text("file", path));
    close_all();
    EXPECT_TRUE(host.stream(first).sent + host.stream(first + 1).sent == repeated(text, 1'000'003))
        << size;
    EXPECT_EQ(host.stream(first).file_bytes, 0u);
  }
}

TEST_F(Dump, ALargeFileIsRepeatedByZeroCopyOrThroughTheChecksum) {
  const std::string text = write_file(5'000'011);
  for (const bool has_checksum : {false, true, false}) {
    const size_t first = host.stream_count();
    fake::Bindings bindings = tcp.bind("dump");
    bindings.to(lake)
        .number("bytes", 12'345'678)
        .number("streams", 3)
        .text("source", "file")
        .text("file", path);
    fake::Call& call = start(bindings.truth("checksum", has_checksum));
    close_all();
    std::string joined, checksums;
    for (size_t i = first; i < host.stream_count(); ++i) {
      joined += host.stream(i).sent;
      append(checksums, hex(host.stream(i).sent));
      EXPECT_EQ(host.stream(i).file_bytes, has_checksum ? 0u : host.stream(i).sent.size());
    }
    EXPECT_TRUE(joined == repeated(text, 12'345'678));
    EXPECT_EQ(call.text("checksum"), has_checksum ? checksums : "");
  }
}

TEST_F(Dump, AFileIsSentOnceByDefault) {
  const std::string text = write_file(70'000);
  start(tcp.bind("dump").to(lake).text("source", "file").text("file", path));
  close_all();
  EXPECT_TRUE(host.stream(0).sent == text);
}

TEST_F(Dump, AtMostTwoWritesAreUnderWay) {
  host.network.hold_writes = true;
  fake::Call& call = start(bind(10'000'000, 2));
  host.run();
  for (size_t i : {0u, 1u}) EXPECT_EQ(host.stream(i).pending.size(), 2u);
  for (size_t i : {0u, 1u}) host.stream(i).release_writes();
  close_all();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(host.stream(0).writes, 20u);  // 256 KiB each
}

TEST_F(Dump, ARateIsSharedByTheStreams) {
  start(bind(1'000'000, 4).number("rate", 1'000'000));
  close_all();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(host.stream(i).pace_bytes_per_s, 250'000u);
    EXPECT_EQ(host.stream(i).writes, 10u);  // cut finer, so that progress shows
  }
}

TEST_F(Dump, TheEndIsThePeersClose) {
  host.network.connect_ns = 10;
  fake::Call& call = start(bind(1000));
  host.advance(10);
  host.advance(500);
  EXPECT_FALSE(call.completed);
  host.stream(0).finish();
  host.run();
  EXPECT_EQ(call.end_ns - call.start_ns, 510u);
  EXPECT_EQ(call.phase_ns[SQ_PH_CONNECT], 10u);
  EXPECT_EQ(call.phase_ns[SQ_PH_RECEIVE], 500u);
  EXPECT_EQ(call.phases(), call.end_ns - call.start_ns);
  sq_value goodput{};
  EXPECT_EQ(call.output("goodput", {}, &goodput), SQ_OK);
  EXPECT_DOUBLE_EQ(goodput.u.f64, 1000 * 1e9 / 500);
}

TEST_F(Dump, OrTheEmptySendQueueWhenThePeerDoesNotClose) {
  fake::Call& call = start(bind(1000, 2).duration("close_wait", kSecond));
  host.run();
  host.stream(1).finish();
  host.advance(kSecond - 1);
  EXPECT_FALSE(call.completed);
  host.advance(1);
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.text("acknowledged"), "send queue empty");
  EXPECT_EQ(call.end_ns, call.start_ns);  // when the queue was empty, not when the wait was over
  EXPECT_EQ(call.phases(), 0u);
}

TEST_F(Dump, APeerThatHasNothingToSayIsSentEverythingAllTheSame) {
  host.network.hold_writes = true;
  fake::Call& call = start(bind(1'000'000));
  host.run();
  host.stream(0).finish();  // half-closed at once
  host.advance(100);
  host.stream(0).release_writes();
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(call.text("acknowledged"), "send queue empty");
  EXPECT_EQ(call.bytes_out, 1'000'000u);
}

TEST_F(Dump, ALossBeforeTheEndFailsAndTakesTheOtherStreamsAlong) {
  host.network.hold_writes = true;
  fake::Call& call = start(bind(10'000'000, 3));
  host.run();
  host.stream(1).reset();
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_FAILED});
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CLOSED});
  EXPECT_EQ(call.detail_text(), "reset");
  EXPECT_EQ(call.bytes_out, call.progress_out);
  EXPECT_EQ(host.open_streams(), 0u);
}

TEST_F(Dump, AResetAfterTheLastByteIsALossUnlessTheQueueWasEmpty) {
  host.network.hold_writes = true;
  fake::Call& lost = start(bind(1000));
  host.run();
  host.stream(0).reset();
  host.run();
  EXPECT_EQ(lost.outcome, uint32_t{SQ_OUT_FAILED});
  host.network.hold_writes = false;
  fake::Call& kept = start(bind(1000));
  host.run();
  host.stream(1).reset();
  host.run();
  EXPECT_EQ(kept.outcome, uint32_t{SQ_OUT_OK});
  EXPECT_EQ(kept.text("acknowledged"), "send queue empty");
}

TEST_F(Dump, ACancelEndsAllStreams) {
  host.network.hold_writes = true;
  fake::Call& call = start(bind(10'000'000, 4));
  host.run();
  user.cancel(call);
  user.cancel(call);
  host.run();
  EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_CANCELLED});
  EXPECT_EQ(host.open_streams(), 0u);
  host.network.connect_ns = 1'000'000;
  fake::Call& early = start(bind(1));
  user.cancel(early);
  host.run();
  EXPECT_EQ(early.outcome, uint32_t{SQ_OUT_CANCELLED});
}

TEST_F(Dump, AFailedConnectFailsIt) {
  host.network = {.open = false, .kind = SQ_K_CONNECT, .detail = "refused"};
  fake::Call& call = start(bind(1000, 3));
  host.run();
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CONNECT});
  EXPECT_EQ(call.detail_text(), "refused");
  host.network.refuse_now = SQ_E_LIMIT;
  fake::Call& none = start(bind(1000, 3));
  host.run();
  EXPECT_EQ(none.kind, uint32_t{SQ_K_LOCAL_RESOURCE});
}

TEST_F(Dump, AFileThatShrinksFailsIt) {
  write_file(5'000'000);
  host.network.hold_writes = true;
  fake::Call& call = start(bind(5'000'000).text("source", "file").text("file", path));
  host.run();
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  host.stream(0).release_writes();
  host.run();
  EXPECT_EQ(call.kind, uint32_t{SQ_K_LOCAL_RESOURCE});
  EXPECT_EQ(call.detail_text(), "the file cannot be read");
}

TEST_F(Dump, MistakesAreFoundWhenThePlanIsMade) {
  const auto plain = [&] {
    fake::Bindings bindings = tcp.bind("dump");
    bindings.to(lake);
    return bindings;
  };
  EXPECT_EQ(tcp.refusal("dump", plain()), "bytes is missing");
  EXPECT_EQ(tcp.refusal("dump", bind(1, 65)), "streams must be 1 to 64");
  EXPECT_EQ(tcp.refusal("dump", bind(-1)), "bytes must be 0 or more");
  EXPECT_EQ(tcp.refusal("dump", bind(1).text("source", "file")), "source file needs file");
  EXPECT_EQ(tcp.refusal("dump", bind(1).text("source", "file").text("file", "/nonexistent")),
            "file /nonexistent: No such file or directory");
  EXPECT_EQ(tcp.refusal("dump", bind(1).text("source", "file").text("file", "/dev")),
            "file /dev: not a regular file");
  fake::Call& call = user.start(tcp.prepare("dump", tcp.bind("dump").to(lake).slot("bytes", 0)),
                                {squall::plugin::int_value(-5)});
  host.run();
  EXPECT_EQ(call.kind, uint32_t{SQ_K_CHECK});
}

}  // namespace
