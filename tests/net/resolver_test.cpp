// Names: looked up away from the shard, once per run, again after a failed connection; and streams,
// lookups and watches that depend on them.
#include "net/resolver.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <atomic>
#include <thread>

#include "client.hpp"
#include "control.hpp"
#include "server.hpp"

namespace squall::test {
namespace {

TEST(Resolver, FindsLocalhost) {
  addrinfo* found = nullptr;   // a chroot without /etc/hosts and DNS knows no name at all
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) GTEST_SKIP() << "this machine does not know localhost";
  ::freeaddrinfo(found);
  Shard shard;
  Control control;
  Resolver resolver(control.context);
  Server server([](Peer& peer) { peer.echo(); });
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://localhost:" + std::to_string(server.port()));
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_open()) << client.ending();   // also where ::1 comes first and refuses
  EXPECT_EQ(client.peer, "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_GT(client.info.resolve_ns, 0u);
  Client second(shard);
  second.connect(target);
  ASSERT_TRUE(second.until_open());
  EXPECT_EQ(second.info.resolve_ns, 0u);
}

TEST(Resolver, AnUnknownNameIsOfClassResolve) {
  Shard shard;
  Control control;
  Resolver resolver(control.context);
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://nothing.invalid:80");
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_RESOLVE);
  EXPECT_NE(client.detail, "");
}

TEST(Resolver, ASilentNameServerTimesOutInThePhaseResolve) {
  Shard shard;
  Control control;
  std::atomic<bool> go_on{false};
  Resolver resolver(control.context, [&](const std::string&) {
    while (!go_on) std::this_thread::yield();
    return found({"127.0.0.1"});
  });
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://slow.test:80");
  shard.start();
  Client client(shard);
  client.connect(target, {.connect_timeout_ns = 30'000'000});
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.ending(), std::to_string(SQ_K_RESOLVE) + " timed out");
  go_on = true;
}

TEST(Resolver, ManyWaitForOneLookup) {
  Shard shard;
  Control control;
  std::atomic<int> lookups{0};
  std::atomic<bool> go_on{false};
  Resolver resolver(control.context, [&](const std::string&) {
    ++lookups;
    while (!go_on) std::this_thread::yield();
    return found({"127.0.0.1"});
  });
  Server server([](Peer& peer) { peer.echo(); });
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://app.test:" + std::to_string(server.port()));
  shard.start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<Client>(shard));
    clients.back()->connect(target);
  }
  clients[3]->close();                     // while it waits
  ASSERT_TRUE(clients[3]->until_closed());
  EXPECT_FALSE(clients[3]->is_open);
  go_on = true;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(clients[static_cast<std::size_t>(i)]->until_open(), i != 3);
  EXPECT_EQ(lookups, 1);
}

TEST(Resolver, TriesTheNextAddressWhenOneRefuses) {
  Shard shard;
  Control control;
  Resolver resolver(control.context, [](const std::string&) { return found({"127.0.0.9", "127.0.0.1"}); });
  Server server([](Peer& peer) { peer.echo(); });   // listens on 127.0.0.1 alone
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://app.test:" + std::to_string(server.port()));
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_open());
  EXPECT_EQ(client.peer, "127.0.0.1:" + std::to_string(server.port()));
}

TEST(Resolver, LooksUpAgainAfterAFailedConnection) {
  Shard shard;
  Control control;
  std::atomic<int> lookups{0};
  Resolver resolver(control.context, [&](const std::string&) {
    return ++lookups == 1 ? found({"127.0.0.9"}) : found({"127.0.0.1"});
  }, std::chrono::milliseconds(50));
  Server server([](Peer& peer) { peer.echo(); });
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://moved.test:" + std::to_string(server.port()));
  shard.start();
  Client first(shard);
  first.connect(target);
  ASSERT_TRUE(first.until_closed());
  EXPECT_EQ(first.ending(), std::to_string(SQ_K_CONNECT) + " refused");
  // Not more often than the limit: until then the old address refuses again and again.
  ASSERT_TRUE(shard.loop.until([&] {
    Client next(shard);
    next.connect(target);
    next.until_open();
    return next.is_open;
  }));
  EXPECT_EQ(lookups, 2);
}

TEST(Resolver, ANameThatLeadsToAForbiddenAddressIsOffTheList) {
  Shard shard;
  Control control;
  Resolver resolver(control.context, [](const std::string&) { return found({"169.254.169.254", "224.0.0.1"}); });
  shard.resolver = &resolver;
  const Target& target = shard.add("tcp://rebound.test:80");
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_OFF_LIST);
  EXPECT_EQ(client.detail, "resolves to a forbidden address");
}

TEST(Resolver, AnAnswerAfterTheShardsEndIsDropped) {
  Loop loop;                               // environments outlive everybody who may post to them
  Control control;
  std::atomic<bool> go_on{false};
  Resolver resolver(control.context, [&](const std::string&) {
    while (!go_on) std::this_thread::yield();
    return found({"127.0.0.1"});
  });
  TargetTable targets;
  ASSERT_EQ(targets.add("a", "tcp://slow.test:80", {}), "");
  {
    ShardNet net(loop, loop.reactor, targets, &resolver);
    sq_shard shard;
    shard.net = &net;
    int answers = 0;
    const auto answer = [](void* context, sq_status status, sq_str) noexcept {
      EXPECT_EQ(status, SQ_E_CLOSED);
      ++*static_cast<int*>(context);
    };
    ASSERT_EQ(target_api()->resolve(&shard, &targets.at(0), answer, &answers), SQ_OK);
    net.close_all();
    ASSERT_TRUE(loop.until([&] { return net.is_idle(); }));
    EXPECT_EQ(answers, 1);
  }
  go_on = true;
  Resolution resolution;
  ASSERT_TRUE(loop.until([&] { return resolver.cached("slow.test", resolution); }));
  for (int turn = 0; turn < 3; ++turn) loop.turn(1'000'000);
}

TEST(TargetApi, ResolvesForLibrariesThatDialThemselves) {
  Shard shard;
  Control control;
  Resolver resolver(control.context, [](const std::string&) { return found({"::1", "127.0.0.1", "127.0.0.2"}); });
  shard.resolver = &resolver;
  const Target& named = shard.add("mqtt://broker.test");
  const Target& literal = shard.add("mqtt://[::1]");
  shard.start();
  struct Seen { sq_status status = 99; std::string text; } seen[2];
  const auto answer = [](void* context, sq_status status, sq_str text) noexcept {
    *static_cast<Seen*>(context) = {status, {text.ptr, text.len}};
  };
  target_api()->resolve(&shard, &named, answer, &seen[0]);
  target_api()->resolve(&shard, &literal, answer, &seen[1]);
  EXPECT_EQ(seen[1].status, 99) << "answered inside the call";
  ASSERT_TRUE(shard.loop.until([&] { return seen[0].status != 99 && seen[1].status != 99; }));
  EXPECT_EQ(seen[0].text, "::1 127.0.0.1 127.0.0.2") << "IPv6 and IPv4 in turn";
  EXPECT_EQ(seen[1].text, "::1");
}

TEST(TargetApi, TellsWhatATargetIs) {
  Shard shard;
  TargetOptions options;
  options.sources = {"127.0.0.2"};
  options.tls.ca = "ca.pem";
  options.tls.is_insecure = true;
  const Target& target = shard.add("https://shop.test:8443/base?q", options, "shop");
  shard.start();
  const sq_target_info& info = *target_api()->info(&target);
  EXPECT_EQ(std::string_view(info.name.ptr, info.name.len), "shop");
  EXPECT_EQ(std::string_view(info.scheme.ptr, info.scheme.len), "https");
  EXPECT_EQ(std::string_view(info.host.ptr, info.host.len), "shop.test");
  EXPECT_EQ(std::string_view(info.path.ptr, info.path.len), "/base?q");
  EXPECT_EQ(info.port, 8443u);
  EXPECT_EQ(info.flags, std::uint32_t{SQ_TG_TLS});
  const sq_tls_info& tls = *target_api()->tls(&target, 0);
  EXPECT_EQ(std::string_view(tls.ca.ptr, tls.ca.len), "ca.pem");
  EXPECT_EQ(std::string_view(tls.server_name.ptr, tls.server_name.len), "shop.test");
  EXPECT_EQ(tls.flags, std::uint32_t{SQ_TLS_INSECURE});
  const sq_str local = target_api()->local_address(&target, 5);
  EXPECT_EQ(std::string_view(local.ptr, local.len), "127.0.0.2");
  set_process_targets(&shard.targets);
  const std::string_view url = "https://shop.test:8443/else";
  EXPECT_EQ(target_api()->match({url.data(), url.size()}), &target);
  set_process_targets(nullptr);
  EXPECT_EQ(target_api()->match({url.data(), url.size()}), nullptr);
}

TEST(TargetApi, CountsWhatPluginsSayOfConnections) {
  Shard shard;
  const Target& first = shard.add("mqtt://127.0.0.1");
  const Target& second = shard.add("mqtt://127.0.0.2");
  shard.start();
  for (const std::uint32_t what : {SQ_CN_OPENED, SQ_CN_REUSED, SQ_CN_REUSED, SQ_CN_REUSED, SQ_CN_CLOSED_BY_PEER})
    target_api()->note(&shard, &first, what);
  target_api()->note(&shard, &second, SQ_CN_FAILED);
  const auto counters = shard.net->counters();
  EXPECT_EQ(counters[0].opened, 1u);
  EXPECT_EQ(counters[0].reused, 3u);
  EXPECT_EQ(counters[0].closed_by_peer, 1u);
  EXPECT_EQ(counters[0].failed, 0u);
  EXPECT_EQ(counters[1].failed, 1u);
  TargetTable others;
  ASSERT_EQ(others.add("elsewhere", "mqtt://127.0.0.1", {}), "");
  target_api()->note(&shard, &others.at(0), SQ_CN_OPENED);   // of another run: has no place here
  EXPECT_EQ(counters[0].opened, 1u);
  EXPECT_TRUE(shard.loop.faults.empty());
  target_api()->note(&shard, &first, 77);
  EXPECT_EQ(shard.loop.faults.size(), 1u);
}

TEST(TargetApi, TablesAreFoundByTheirIds) {
  EXPECT_EQ(net_extension(SQ_STREAM_V1, sizeof(sq_stream_api)), stream_api());
  EXPECT_EQ(net_extension(SQ_FDWATCH_V1, 8), fdwatch_api());
  EXPECT_EQ(net_extension(SQ_DATAGRAM_V1, 8), datagram_api());
  EXPECT_EQ(net_extension(SQ_TARGET_V1, 8), target_api());
  EXPECT_EQ(net_extension(SQ_STREAM_V1, sizeof(sq_stream_api) + 1), nullptr);
  EXPECT_EQ(net_extension("squall.loop/1", 8), nullptr);
}

struct Events {
  int count = 0;
  std::uint32_t events = 0;
  static void handle(void* context, int, std::uint32_t events) noexcept {
    auto& self = *static_cast<Events*>(context);
    ++self.count;
    self.events = events;
  }
};

int dial(std::uint16_t port, const char* ip, bool nonblocking) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
  const Address address = *Address::parse(ip, port);
  const int result = ::connect(fd, address.data(), address.size());
  EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
  return fd;
}

TEST(PluginWatch, RefusesASocketThatIsConnectedOffTheList) {
  Server listed([](Peer& peer) { peer.echo(); });
  Server other([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add(listed.url());
  shard.start();
  Events events;
  const int good = dial(listed.port(), "127.0.0.1", false), bad = dial(other.port(), "127.0.0.1", false);
  EXPECT_EQ(fdwatch_api()->watch(&shard, &target, bad, SQ_FD_READ, Events::handle, &events), nullptr);
  EXPECT_EQ(fdwatch_api()->watch(&shard, &target, 0, SQ_FD_READ, Events::handle, &events), nullptr);
  sq_watch* watch = fdwatch_api()->watch(&shard, &target, good, SQ_FD_READ, Events::handle, &events);
  ASSERT_NE(watch, nullptr);
  ASSERT_EQ(::send(good, "x", 1, 0), 1);
  ASSERT_TRUE(shard.loop.until([&] { return events.count > 0; }));
  EXPECT_EQ(fdwatch_api()->modify(watch, SQ_FD_WRITE), SQ_OK);
  events.count = 0;
  ASSERT_TRUE(shard.loop.until([&] { return events.count > 0; }));
  EXPECT_EQ(events.events, std::uint32_t{SQ_FD_WRITE});
  fdwatch_api()->unwatch(watch);
  // No network descriptor: no target.
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  watch = fdwatch_api()->watch(&shard, nullptr, pipe_fds[1], SQ_FD_WRITE, Events::handle, &events);
  ASSERT_NE(watch, nullptr);
  fdwatch_api()->unwatch(watch);
  for (const int fd : {good, bad, pipe_fds[0], pipe_fds[1]}) ::close(fd);
}

TEST(PluginWatch, CutsASocketThatTurnsOutToBeOffTheList) {
  // A library may hand over its socket before the far end can be asked for.
  Server other([](Peer& peer) { peer.echo(); });
  Shard shard;
  const Target& target = shard.add("tcp://127.0.0.1:1");
  shard.start();
  Events events;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sq_watch* watch = fdwatch_api()->watch(&shard, &target, fd, SQ_FD_WRITE, Events::handle, &events);
  ASSERT_NE(watch, nullptr);
  const Address address = *Address::parse("127.0.0.1", other.port());
  ::connect(fd, address.data(), address.size());
  ASSERT_TRUE(shard.loop.until([&] { return events.count > 0; }));
  EXPECT_TRUE(events.events & SQ_FD_ERROR);
  EXPECT_EQ(::send(fd, "x", 1, MSG_NOSIGNAL), -1);
  EXPECT_EQ(errno, EPIPE);
  fdwatch_api()->unwatch(watch);
  ::close(fd);
}

}  // namespace
}  // namespace squall::test
