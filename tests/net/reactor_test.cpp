// The loop itself: sleeping, waking, and watches that survive what C libraries do to descriptors.
#include "net/reactor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace squall {
namespace {

struct Pair {
  int a = -1, b = -1;
  Pair() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    a = fds[0];
    b = fds[1];
  }
  ~Pair() {
    if (a >= 0) ::close(a);
    if (b >= 0) ::close(b);
  }
  void feed() const { EXPECT_EQ(::write(b, "x", 1), 1); }
  void drain() const {
    char byte;
    EXPECT_EQ(::read(a, &byte, 1), 1);
  }
};

struct Seen {
  int count = 0;
  std::uint32_t events = 0;
  std::function<void(int fd, std::uint32_t events)> then;
  static void handle(void* context, int fd, std::uint32_t events) noexcept {
    auto& self = *static_cast<Seen*>(context);
    ++self.count;
    self.events = events;
    if (self.then) self.then(fd, events);
  }
};

TEST(Reactor, IsLevelTriggered) {
  Reactor reactor;
  Pair pair;
  Seen seen;
  Watch* watch = reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &seen);
  EXPECT_EQ(reactor.wait(0), 0u);
  pair.feed();
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(seen.count, 2);
  EXPECT_EQ(seen.events, std::uint32_t{SQ_FD_READ});
  reactor.modify(*watch, SQ_FD_WRITE);
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(seen.events, std::uint32_t{SQ_FD_WRITE});
  reactor.modify(*watch, 0);
  EXPECT_EQ(reactor.wait(0), 0u);
  reactor.unwatch(*watch);
  EXPECT_EQ(reactor.watches(), 0u);
}

TEST(Reactor, WithoutInterestAHangUpIsNotReportedForEver) {
  Reactor reactor;
  Pair pair;
  Seen seen;
  Watch* watch = reactor.watch(pair.a, 0, Seen::handle, &seen);
  ::close(pair.b);
  pair.b = -1;
  EXPECT_EQ(reactor.wait(0), 0u);
  reactor.modify(*watch, SQ_FD_READ);
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_TRUE(seen.events & SQ_FD_READ);
}

TEST(Reactor, ANumberThatWasClosedAndOpenedAgainBelongsToItsNewWatch) {
  Reactor reactor;
  Pair old_pair, new_pair;
  Seen old_seen, new_seen;
  Watch* new_watch = nullptr;
  Watch* old_watch = nullptr;
  const int number = old_pair.a;
  // Inside its callback the library closes the fd, gets the same number for another connection and
  // watches that; only then it drops the old watch.
  old_seen.then = [&](int, std::uint32_t) {
    ::close(number);
    ASSERT_EQ(::dup2(new_pair.a, number), number);
    new_watch = reactor.watch(number, SQ_FD_READ, Seen::handle, &new_seen);
    ASSERT_NE(new_watch, nullptr);
    reactor.unwatch(*old_watch);
  };
  old_watch = reactor.watch(number, SQ_FD_READ, Seen::handle, &old_seen);
  old_pair.feed();
  EXPECT_EQ(reactor.wait(0), 1u);
  new_pair.feed();
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(old_seen.count, 1);
  EXPECT_EQ(new_seen.count, 1);
  reactor.unwatch(*new_watch);
  EXPECT_EQ(reactor.wait(0), 0u);
}

TEST(Reactor, AnEventFetchedForAnOldFileNeverReachesTheNewOneOfItsNumber) {
  // Both are ready in one turn; whichever runs first replaces the other.
  Reactor reactor;
  Pair first, second, fresh;
  Seen seen[2], fresh_seen;
  Watch* watches[2] = {};
  Watch* fresh_watch = nullptr;
  const int fds[2] = {first.a, second.a};
  for (int i = 0; i < 2; ++i) {
    seen[i].then = [&, i](int, std::uint32_t) {
      const int other = 1 - i;
      if (fresh_watch || seen[other].count) return;
      reactor.unwatch(*watches[other]);
      ::close(fds[other]);
      ::dup2(fresh.a, fds[other]);
      fresh_watch = reactor.watch(fds[other], SQ_FD_READ, Seen::handle, &fresh_seen);
    };
    watches[i] = reactor.watch(fds[i], SQ_FD_READ, Seen::handle, &seen[i]);
  }
  first.feed();
  second.feed();
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(seen[0].count + seen[1].count, 1);
  EXPECT_EQ(fresh_seen.count, 0);
  fresh.feed();
  reactor.wait(0);
  EXPECT_EQ(fresh_seen.count, 1);
}

TEST(Reactor, OneDescriptorMayBeWatchedTwice) {
  Reactor reactor;
  Pair pair;
  Seen reader, writer;
  Watch* read = reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &reader);
  Watch* write = reactor.watch(pair.a, SQ_FD_WRITE, Seen::handle, &writer);
  ASSERT_NE(write, nullptr);
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(writer.count, 1);
  EXPECT_EQ(reader.count, 0);
  pair.feed();
  EXPECT_EQ(reactor.wait(0), 2u);
  reactor.unwatch(*write);
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(reader.count, 2);
  reactor.unwatch(*read);
  EXPECT_EQ(reactor.wait(0), 0u);
}

TEST(Reactor, AnyWatchMayBeDroppedInsideACallback) {
  Reactor reactor;
  constexpr int kPairs = 8;
  Pair pairs[kPairs];
  std::vector<Watch*> watches;
  Seen seen;
  seen.then = [&](int, std::uint32_t) {
    for (Watch* watch : watches) reactor.unwatch(*watch);
    watches.clear();
  };
  for (const Pair& pair : pairs) {
    pair.feed();
    watches.push_back(reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &seen));
    watches.push_back(reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &seen));
  }
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(seen.count, 1);
  EXPECT_EQ(reactor.watches(), 0u);
}

TEST(Reactor, AnEventOfAFileThatOnlyADuplicateKeepsAliveIsGotRidOf) {
  Reactor reactor;
  Pair pair;
  Seen seen;
  Watch* watch = reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &seen);
  const int duplicate = ::dup(pair.a);
  ::close(pair.a);
  pair.a = -1;
  reactor.unwatch(*watch);            // too late: the kernel has no such number any more
  pair.feed();
  reactor.wait(0);                    // a stray event: dropped, the epoll is made anew
  EXPECT_EQ(seen.count, 0);
  Pair other;
  Seen other_seen;
  reactor.watch(other.a, SQ_FD_READ, Seen::handle, &other_seen);
  reactor.wait(20'000'000);           // sleeps: nothing is ready
  EXPECT_TRUE(reactor.turn().slept);
  other.feed();
  EXPECT_EQ(reactor.wait(0), 1u);
  ::close(duplicate);
}

TEST(Reactor, RefusesWhatTheKernelRefuses) {
  Reactor reactor;
  Seen seen;
  EXPECT_EQ(reactor.watch(-1, SQ_FD_READ, Seen::handle, &seen), nullptr);
  EXPECT_EQ(errno, EBADF);
  const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(reactor.watch(file, SQ_FD_READ, Seen::handle, &seen), nullptr);
  EXPECT_EQ(errno, EPERM);
  ::close(file);
  EXPECT_EQ(reactor.watches(), 0u);
}

TEST(Reactor, WakeEndsTheNextSleepAndIsNotLostWhileAwake) {
  Reactor reactor;
  reactor.wake();
  reactor.wake();
  reactor.wait(kForever);             // would hang if the wake-up were lost
  std::atomic<int> rounds{0};
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      const int before = rounds;
      reactor.wake();
      while (rounds == before) std::this_thread::yield();
    }
  });
  for (int i = 0; i < 1000; ++i) {
    // Each wake ends one wait; a spurious one shows up as a wait that the thread did not ask for.
    reactor.wait(kForever);
    ++rounds;
  }
  other.join();
}

TEST(Reactor, CallsTheHookBeforeEachHandler) {
  Reactor reactor;
  Pair a, b;
  Seen seen;
  std::vector<int> handled_before;
  struct Context {
    Seen& seen;
    std::vector<int>& handled_before;
  } context{seen, handled_before};
  reactor.set_hooks({&context, nullptr, [](void* self, const Turn& turn, unsigned count) noexcept {
                       EXPECT_EQ(count, 1u);
                       EXPECT_GE(turn.return_ns, turn.enter_ns);
                       EXPECT_GE(turn.enter_ns, turn.previous_return_ns);
                       auto& own = *static_cast<Context*>(self);
                       own.handled_before.push_back(own.seen.count);
                     }});
  reactor.watch(a.a, SQ_FD_READ, Seen::handle, &seen);
  reactor.watch(b.a, SQ_FD_READ, Seen::handle, &seen);
  a.feed();
  b.feed();
  reactor.wait(0);
  EXPECT_EQ(handled_before, (std::vector<int>{0, 1}));
  EXPECT_FALSE(reactor.turn().slept);
}

TEST(Reactor, TakesAGroupAheadOfItsHandlers) {
  struct Reader {
    std::string& story;
    std::string name;
    bool has_something = true;
    static bool take(void* context) noexcept {
      auto& self = *static_cast<Reader*>(context);
      self.story += "take " + self.name + ", ";
      return self.has_something;
    }
    static void handle(void* context, int, std::uint32_t) noexcept {
      auto& self = *static_cast<Reader*>(context);
      self.story += "handle " + self.name + ", ";
    }
  };
  std::string story;
  Reactor reactor;
  reactor.set_hooks({&story, [](void* self) noexcept { *static_cast<std::string*>(self) += "between, "; },
                     [](void* self, const Turn&, unsigned count) noexcept {
                       *static_cast<std::string*>(self) += std::to_string(count) + " taken, ";
                     }});
  Pair pairs[4];
  Reader readers[4]{{story, "a"}, {story, "b"}, {story, "c"}, {story, "d"}};
  for (int i = 0; i < 4; ++i) {
    Watch* const watch = reactor.watch(pairs[i].a, SQ_FD_READ, Reader::handle, &readers[i]);
    if (i < 3) watch->set_ahead(Reader::take);
  }
  const auto wait_for = [&](std::vector<int> ready) {
    story.clear();
    for (const int i : ready) pairs[i].feed();
    reactor.wait(0);
    for (const int i : ready) pairs[i].drain();
    return story;
  };
  EXPECT_EQ(wait_for({0}), "between, 1 taken, handle a, ");   // alone: nothing is gained
  EXPECT_EQ(wait_for({0, 1, 3, 2}),
            "between, take a, take b, 2 taken, handle a, handle b, between, 1 taken, handle d, "
            "between, 1 taken, handle c, ");
  readers[1].has_something = false;                            // it has a group of its own
  EXPECT_EQ(wait_for({0, 1, 2}),
            "between, take a, take b, 1 taken, handle a, between, take b, 1 taken, handle b, "
            "between, 1 taken, handle c, ");
}

TEST(Reactor, AGroupsHandlerMayDropTheOthers) {
  Reactor reactor;
  Pair pairs[3];
  Seen seen;
  std::vector<Watch*> watches;
  for (const Pair& pair : pairs) {
    watches.push_back(reactor.watch(pair.a, SQ_FD_READ, Seen::handle, &seen));
    watches.back()->set_ahead([](void*) noexcept { return true; });
    pair.feed();
  }
  seen.then = [&](int fd, std::uint32_t) {
    for (Watch*& watch : watches)
      if (watch && watch->fd() != fd) reactor.unwatch(*std::exchange(watch, nullptr));
  };
  EXPECT_EQ(reactor.wait(0), 1u);
  EXPECT_EQ(seen.count, 1);
  EXPECT_EQ(reactor.watches(), 1u);
}

TEST(Reactor, HandlesSomeHundredATurnAndLooksAgainWhenAllAreDone) {
  constexpr int kPairs = 600;
  Reactor reactor;
  std::vector<std::unique_ptr<Pair>> pairs;
  Seen seen;
  for (int i = 0; i < kPairs; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    ASSERT_NE(reactor.watch(pairs.back()->a, SQ_FD_READ, Seen::handle, &seen), nullptr);
    pairs.back()->feed();
  }
  const unsigned first = reactor.wait(0);
  const std::uint64_t looked = reactor.turn().enter_ns;
  EXPECT_LT(first, 600u);
  unsigned sum = first;
  while (sum < kPairs) {
    const unsigned handled = reactor.wait(kForever);   // does not sleep: events are left
    ASSERT_GT(handled, 0u);
    EXPECT_EQ(reactor.turn().enter_ns, looked);
    sum += handled;
  }
  EXPECT_EQ(sum, 600u);
  EXPECT_EQ(seen.count, 600);
  EXPECT_GT(reactor.wait(0), 0u);                      // nobody read: all are ready again
  EXPECT_GT(reactor.turn().enter_ns, looked);
}

TEST(Reactor, AnEventThatWasFetchedForAWatchThatIsGoneIsDropped) {
  constexpr int kPairs = 600;
  Reactor reactor;
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<Watch*> watches;
  Seen seen;
  for (int i = 0; i < kPairs; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    watches.push_back(reactor.watch(pairs.back()->a, SQ_FD_READ, Seen::handle, &seen));
    pairs.back()->feed();
  }
  const unsigned first = reactor.wait(0);
  for (Watch* watch : watches) reactor.unwatch(*watch);
  Seen fresh;
  reactor.watch(pairs.back()->a, SQ_FD_READ, Seen::handle, &fresh);   // the same number, another life
  while (fresh.count == 0) reactor.wait(kForever);
  EXPECT_EQ(seen.count, static_cast<int>(first));
  EXPECT_EQ(fresh.count, 1);
}

TEST(Reactor, HoldsTensOfThousands) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto pairs = std::min<rlim_t>(10'000, (limit.rlim_cur - 100) / 2);
  Reactor reactor;
  Seen seen;
  std::vector<int> ends;
  for (rlim_t i = 0; i < pairs; ++i) {
    int fds[2];
    ASSERT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    ends.insert(ends.end(), {fds[0], fds[1]});
    ASSERT_NE(reactor.watch(fds[0], SQ_FD_READ, Seen::handle, &seen), nullptr);
  }
  for (std::size_t i = 1; i < ends.size(); i += 2) ASSERT_EQ(::write(ends[i], "x", 1), 1);
  unsigned turns = 0;
  seen.then = [](int fd, std::uint32_t) {
    char byte;
    EXPECT_EQ(::read(fd, &byte, 1), 1);
  };
  while (seen.count < static_cast<int>(pairs) && turns < 10'000) {
    reactor.wait(0);
    ++turns;
  }
  EXPECT_EQ(seen.count, static_cast<int>(pairs));
  for (const int fd : ends) ::close(fd);
}

}  // namespace
}  // namespace squall
