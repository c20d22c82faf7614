// tcp.dump over real sockets: what the peer read is what was sent, byte for byte, and a dump moves
// about as much as a bare loop around write().
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

#include <fstream>
#include <set>
#include <thread>

#include "live_host.hpp"

namespace {

using squall::plugin::bool_value;
using squall::plugin::int_value;
using squall::plugin::text_value;
using squall::plugin::view;

/// Reads connections to their end, one after another or side by side, and closes them.
class Sink {
 public:
  explicit Sink(bool hashes) : hashes_(hashes) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 128), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
        readers_.emplace_back([this, fd] { read(fd); });
    });
  }
  ~Sink() { finish(); }
  /// No more connections; all that came have been read.
  void finish() {
    if (listener_ < 0) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& reader : readers_) reader.join();
    ::close(std::exchange(listener_, -1));
  }
  uint16_t port = 0;
  uint64_t bytes = 0;
  std::multiset<std::string> hashes;

 private:
  void read(int fd) {
    std::vector<char> buffer(1 << 20);
    XXH64_state_t* hash = XXH64_createState();
    XXH64_reset(hash, 0);
    uint64_t total = 0;
    // MSG_TRUNC: the kernel throws the bytes away without a copy, so that the sender is what is
    // measured.
    for (ssize_t n; (n = ::recv(fd, buffer.data(), buffer.size(), hashes_ ? 0 : MSG_TRUNC)) > 0;) {
      total += static_cast<uint64_t>(n);
      if (hashes_) XXH64_update(hash, buffer.data(), static_cast<size_t>(n));
    }
    ::close(fd);
    char digits[24];
    std::snprintf(digits, sizeof digits, "%016llx",
                  static_cast<unsigned long long>(XXH64_digest(hash)));
    XXH64_freeState(hash);
    std::lock_guard lock(mutex_);
    bytes += total;
    hashes.insert(digits);
  }
  const bool hashes_;
  int listener_ = -1;
  std::thread acceptor_;
  std::vector<std::thread> readers_;
  std::mutex mutex_;
};

enum Output : uint32_t { kSize, kGoodput, kChecksum, kAcknowledged };

std::multiset<std::string> split(const std::string& list) {
  std::multiset<std::string> items;
  std::istringstream text(list);
  for (std::string item; std::getline(text, item, ',');) items.insert(item);
  return items;
}

TEST(LiveDump, WhatThePeerReadIsWhatWasSent) {
  const std::string path = ::testing::TempDir() + "squall-live-" + std::to_string(::getpid());
  {
    std::string text(5'000'011, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 131 + (i >> 9));
    std::ofstream(path, std::ios::binary) << text;
  }
  for (const std::string source : {"pattern", "random", "file"}) {
    for (const int64_t streams : {1, 3, 8}) {
      Sink sink(true);
      live::Session session("tcp");
      const auto& target = session.shard.add("tcp://127.0.0.1:" + std::to_string(sink.port));
      session.begin();
      std::vector<live::Session::Value> values = {{"bytes", int_value(33'333'337)},
                                                  {"streams", int_value(streams)},
                                                  {"source", text_value(source)},
                                                  {"checksum", bool_value(true)}};
      if (source == "file") values.push_back({"file", text_value(path)});
      live::Call& call = session.run("dump", target, values);
      sink.finish();
      EXPECT_EQ(call.outcome, uint32_t{SQ_OUT_OK}) << view(call.detail);
      EXPECT_EQ(sink.bytes, 33'333'337u);
      EXPECT_EQ(call.bytes_out, sink.bytes);
      EXPECT_EQ(call.progress_out, sink.bytes);
      EXPECT_EQ(split(session.output(call, kChecksum)), sink.hashes)
          << source << ", " << streams << " streams";
      EXPECT_EQ(session.output(call, kAcknowledged), "peer close");
    }
  }
  // Zero-copy: the same bytes without a checksum of ours.
  Sink sink(true);
  live::Session session("tcp");
  const auto& target = session.shard.add("tcp://127.0.0.1:" + std::to_string(sink.port));
  session.begin();
  session.run("dump", target, {{"source", text_value("file")}, {"file", text_value(path)}});
  sink.finish();
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  char digits[24];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(XXH64(text.data(), text.size(), 0)));
  EXPECT_EQ(sink.hashes, std::multiset<std::string>{digits});
  ::unlink(path.c_str());
}

TEST(LiveDump, ARateIsKept) {
  Sink sink(false);
  live::Session session("tcp");
  const auto& target = session.shard.add("tcp://127.0.0.1:" + std::to_string(sink.port));
  session.begin();
  live::Call& call = session.run("dump", target,
                                 {{"bytes", int_value(2'000'000)},
                                  {"rate", int_value(10'000'000)},
                                  {"streams", int_value(2)}});
  sink.finish();
  EXPECT_EQ(sink.bytes, 2'000'000u);
  EXPECT_GE(call.end_ns - call.start_ns,
            150'000'000u);  // a bucket may begin full; it never ends early
}

double thread_cpu_s() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

/// Told as properties, not asserted: SQUALL_BENCH_BYTES=3000000000 makes it a measurement.  The
/// sender's CPU time is what a busy machine does not spoil.
TEST(LiveDump, MovesAboutAsMuchAsABareLoop) {
  const char* given = std::getenv("SQUALL_BENCH_BYTES");
  const int64_t bytes = given ? std::atoll(given) : 256 << 20;
  std::vector<double> ratios, cpu_ratios;
  double bare_rate = 0, dump_rate = 0;
  for (int round = 0; round < (given ? 7 : 1); ++round) {
    Sink sink(false);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(sink.port);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::vector<char> piece(256 << 10, 'x');
    const double bare_cpu_begin = thread_cpu_s();
    const auto begin = std::chrono::steady_clock::now();
    for (int64_t left = bytes; left > 0;) {
      const ssize_t n =
          ::write(fd, piece.data(), std::min<size_t>(piece.size(), static_cast<size_t>(left)));
      ASSERT_GT(n, 0);
      left -= n;
    }
    ::shutdown(fd, SHUT_WR);
    char end;
    EXPECT_EQ(::read(fd, &end, 1), 0);
    const double bare =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double bare_cpu = thread_cpu_s() - bare_cpu_begin;
    ::close(fd);

    live::Session session("tcp");
    const auto& target = session.shard.add("tcp://127.0.0.1:" + std::to_string(sink.port));
    session.begin();
    const double dump_cpu_begin = thread_cpu_s();
    live::Call& call = session.run("dump", target, {{"bytes", int_value(bytes)}});
    const double dump_cpu = thread_cpu_s() - dump_cpu_begin;
    EXPECT_EQ(call.bytes_out, static_cast<uint64_t>(bytes));
    const double dump = static_cast<double>(call.end_ns - call.start_ns) / 1e9;
    sink.finish();
    EXPECT_EQ(sink.bytes, 2 * static_cast<uint64_t>(bytes));
    ratios.push_back(bare / dump);
    cpu_ratios.push_back(dump_cpu / bare_cpu);
    bare_rate = static_cast<double>(bytes) / bare / 1e9;
    dump_rate = static_cast<double>(bytes) / dump / 1e9;
    if (given)
      std::printf("bare %.2f GB/s %.3f CPU s/GB, dump %.2f GB/s %.3f CPU s/GB\n", bare_rate,
                  bare_cpu * 1e9 / static_cast<double>(bytes), dump_rate,
                  dump_cpu * 1e9 / static_cast<double>(bytes));
  }
  std::sort(ratios.begin(), ratios.end());
  std::sort(cpu_ratios.begin(), cpu_ratios.end());
  RecordProperty("rate_to_bare", std::to_string(ratios[ratios.size() / 2]));
  RecordProperty("cpu_to_bare", std::to_string(cpu_ratios[cpu_ratios.size() / 2]));
}

}  // namespace
