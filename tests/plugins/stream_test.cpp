// The SDK's connection: what its owner hears, and what becomes of bytes and memory when it is dropped.
#include <squall/stream.hpp>

#include "fake_host.hpp"

namespace {

using squall::plugin::Stream;
using squall::plugin::StreamShard;

struct Owner {
  Owner(StreamShard& shard) : stream(shard, *this) {}
  void opened(const sq_stream_info&) { heard += "opened "; }
  size_t received(std::string_view bytes) {
    heard += bytes.empty() ? "end " : std::string(bytes) + " ";
    return bytes.size();
  }
  void closed(uint32_t kind, std::string_view why) { heard += "closed:" + std::to_string(kind) + ":" + std::string(why); }
  Stream<Owner> stream;
  std::string heard;
};

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    squall::plugin::host.load(&fake::Host::root());
    shard = new StreamShard(*this, &host.shard);
    owner = std::make_unique<Owner>(*shard);
  }
  ~StreamTest() override {
    owner.reset();
    shard->close(&done);
    EXPECT_EQ(done.ended, host.open_streams() == 0 && is_idle) << "it ended while the host owed an event";
    host.run();
    EXPECT_TRUE(done.ended);
  }
  sq_stream& connect() {
    is_idle = false;
    EXPECT_EQ(owner->stream.connect(target, 7), SQ_OK);
    EXPECT_EQ(host.last_stream().session, 7u);
    host.run();
    return host.last_stream();
  }

  fake::Host host;
  sq_done done;
  const sq_target* target = host.add_target("there", "tcp://127.0.0.1:1");
  StreamShard* shard = nullptr;
  std::unique_ptr<Owner> owner;
  bool is_idle = true;  // no stream that the host has yet to close
};

TEST_F(StreamTest, TellsItsOwnerWhatHappens) {
  sq_stream& peer = connect();
  EXPECT_TRUE(owner->stream);
  EXPECT_EQ(owner->stream.target(), target);
  peer.feed("hello");
  peer.finish();
  peer.reset();
  host.run();
  is_idle = true;
  EXPECT_EQ(owner->heard, "opened hello end closed:6:reset");
  EXPECT_FALSE(owner->stream);
}

TEST_F(StreamTest, KeepsBytesUntilTheyAreWrittenInOrder) {
  host.network.hold_writes = true;
  sq_stream& peer = connect();
  for (int i = 0; i < 100; ++i) {
    std::string text = std::to_string(i) + ",";
    EXPECT_EQ(owner->stream.write(text), SQ_OK);
    text.assign(text.size(), '#');  // the owner's memory is its own again
  }
  host.run();
  EXPECT_EQ(peer.sent, "");
  peer.release_writes();
  host.run();
  std::string all;
  for (int i = 0; i < 100; ++i) all += std::to_string(i) + ",";
  EXPECT_EQ(peer.sent, all);
  EXPECT_EQ(peer.writes, 2u) << "what waits goes out at once";
}

TEST_F(StreamTest, IsSilentOnceDropped) {
  host.network.hold_writes = true;
  sq_stream& peer = connect();
  EXPECT_EQ(owner->stream.write("half a request"), SQ_OK);
  peer.feed("an answer");
  owner->stream.drop();
  owner->stream.drop();
  EXPECT_FALSE(owner->stream);
  host.run();
  is_idle = true;
  EXPECT_EQ(owner->heard, "opened ");
}

TEST_F(StreamTest, MayBeOpenedAgainBeforeTheHostHasClosedTheFirst) {
  connect();
  owner->stream.drop();
  sq_stream& second = connect();
  EXPECT_EQ(host.stream_count(), 2u);
  second.feed("x");
  host.run();
  EXPECT_EQ(owner->heard, "opened opened x ");
}

TEST_F(StreamTest, OutlivesAnOwnerThatGoesWhileItConnects) {
  is_idle = false;
  EXPECT_EQ(owner->stream.connect(target, 7), SQ_OK);
}

TEST_F(StreamTest, SaysThatTheHostRefuses) {
  host.network.refuse_now = SQ_E_LIMIT;
  EXPECT_EQ(owner->stream.connect(target, 7), SQ_E_LIMIT);
  EXPECT_FALSE(owner->stream);
  host.network.refuse_now = SQ_OK;
  host.network.open = false;
  EXPECT_EQ(owner->stream.connect(target, 7), SQ_OK);
  host.run();
  EXPECT_EQ(owner->heard, "closed:2:refused");
}

}  // namespace
