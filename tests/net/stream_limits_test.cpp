// What bounds streams: connections of a target, source addresses, descriptors, ports.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <functional>
#include <memory>

#include "client.hpp"
#include "net/shard_parts.hpp"
#include "server.hpp"
#include "stream_helpers.hpp"

namespace squall::test {
namespace {

TEST(Stream, RefusesMoreThanMaxConnections) {
  Server server([](Peer& peer) { peer.echo(); });
  Shard shard;
  TargetOptions options;
  options.max_connections = 2;
  const Target& target = shard.add(server.url(), options);
  shard.start();
  Client a(shard), b(shard), c(shard), d(shard);
  a.connect(target);
  b.connect(target);
  c.connect(target);
  ASSERT_TRUE(c.until_closed());
  EXPECT_EQ(c.ending(), std::to_string(SQ_K_LIMIT) + " max_connections");
  ASSERT_TRUE(a.until_open());
  a.close();
  ASSERT_TRUE(a.until_closed());
  d.connect(target);
  ASSERT_TRUE(d.until_open());
}

TEST(Stream, UsesTheSourceAddressOfItsSession) {
  std::mutex mutex;
  std::vector<std::string> sources;
  Server server([&](Peer& peer) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    getpeername(peer.fd, reinterpret_cast<sockaddr*>(&address), &length);
    char text[64];
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    peer.send(text);
    const std::lock_guard lock(mutex);
    sources.emplace_back(text);
  });
  Shard shard;
  TargetOptions options;
  options.sources = {"127.0.0.2", "127.0.0.3"};
  options.congestion = "reno";
  const Target& target = shard.add(server.url(), options);
  shard.start();
  for (std::uint64_t session = 0; session < 4; ++session) {
    Client client(shard);
    client.connect(target, {.session = session});
    ASSERT_TRUE(client.until_received(9));
    EXPECT_EQ(client.received, session % 2 ? "127.0.0.3" : "127.0.0.2");
    client.close();
    ASSERT_TRUE(client.until_closed());
  }
}

TEST(Stream, AnUnknownCongestionControlFailsTheConnect) {
  Listener listener;
  Shard shard;
  TargetOptions options;
  options.congestion = "nosuch";
  const Target& target = shard.add(listener.url(), options);
  shard.start();
  Client client(shard);
  client.connect(target);
  ASSERT_TRUE(client.until_closed());
  EXPECT_EQ(client.kind, SQ_K_CONNECT);
}

/// In a child, since the limit is the process's.  The answer is its exit code.
int in_child(const std::function<bool()>& story) {
  const pid_t child = fork();
  if (child == 0) _exit(story() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(Stream, OutOfDescriptorsIsALocalResource) {
  Listener listener;
  const int result = in_child([&] {
    Shard shard;
    const Target& target = shard.add(listener.url());
    shard.start();
    Client first(shard);
    first.connect(target);
    if (!first.until_open()) return false;
    const int next = ::dup(0);
    rlimit usual{};
    getrlimit(RLIMIT_NOFILE, &usual);
    const rlimit none{static_cast<rlim_t>(next), usual.rlim_max};
    ::close(next);
    setrlimit(RLIMIT_NOFILE, &none);
    Client client(shard);
    client.connect(target);
    const bool is_closed = client.until_closed();
    setrlimit(RLIMIT_NOFILE, &usual);   // a sanitizer's checks need descriptors
    if (!is_closed) return false;
    if (client.kind != SQ_K_LOCAL_RESOURCE || client.detail != "EMFILE") return false;
    // The open one goes on.
    first.write("x", 1);
    return first.until_written(1) && !first.is_closed;
  });
  EXPECT_EQ(result, 0);
}

TEST(Stream, OutOfPortsIsALocalResource) {
  // One source address and one port for it: what a full port range looks like.
  Listener listener;
  const int result = in_child([&] {
    Shard shard;
    TargetOptions options;
    options.sources = {"192.0.2.1"};   // no address of this machine
    const Target& target = shard.add(listener.url(), options);
    shard.start();
    Client client(shard);
    client.connect(target);
    return client.until_closed() && client.kind == SQ_K_LOCAL_RESOURCE && client.detail == "EADDRNOTAVAIL";
  });
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace squall::test
