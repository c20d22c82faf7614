// The sink's thread: who adds never waits for it, and the end is told once everything is settled.
#include "sink/sender.hpp"

#include <gtest/gtest.h>

#include <future>

namespace squall::sink {
namespace {

/// Answers nothing until it may.
class Gate : public Wire {
 public:
  Answer send(std::span<const Record> batch, Time) override {
    if (!std::exchange(has_come_, true)) come_.set_value();
    open_.wait();
    records += batch.size();
    return {Answer::Kind::judged, std::vector<Fate>(batch.size(), Fate::delivered), {}, {}};
  }
  void wait_for_a_batch() { come_.get_future().wait(); }
  void open() { may_go_.set_value(); }

  size_t records = 0;   // read after the end

 private:
  std::promise<void> come_, may_go_;
  std::shared_future<void> open_ = may_go_.get_future().share();
  bool has_come_ = false;
};

std::vector<Record> ten() { return std::vector<Record>(10, Record{"0123456789", 1}); }

TEST(Sender, WhoAddsNeverWaitsForTheTarget) {
  Limits limits;
  limits.batch_bytes = 100;
  limits.queue_bytes = 1000;
  Gate gate;
  Sink sink(limits, gate, Backoff(1), nullptr);
  Sender sender(sink);
  sender.add(ten());
  gate.wait_for_a_batch();
  for (int i = 0; i < 99; ++i) sender.add(ten());   // the target has not answered anything yet
  Account account = sink.account();
  EXPECT_EQ(account.own.accepted, 1000u);
  EXPECT_EQ(account.own.waiting, 100u) << "as many as the queue holds";
  EXPECT_EQ(account.own.dropped, 900u);
  std::promise<void> ended;
  sender.end([&] { ended.set_value(); });
  gate.open();
  ended.get_future().wait();
  account = sink.account();
  EXPECT_EQ(account.own.delivered, 100u);
  EXPECT_EQ(gate.records, 100u);
  EXPECT_TRUE(account.own.adds_up());
  EXPECT_EQ(account.own.waiting, 0u);
}

TEST(Sender, ManyMayAddAtOnce) {
  Gate gate;
  gate.open();
  Limits limits;
  limits.batch_bytes = 500;
  Sink sink(limits, gate, Backoff(1), nullptr);
  Sender sender(sink);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        sender.add(ten());
        EXPECT_TRUE(sink.account().own.adds_up());
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::promise<void> ended;
  sender.end([&] { ended.set_value(); });
  ended.get_future().wait();
  EXPECT_EQ(sink.account().own.delivered, 8000u);
  EXPECT_EQ(gate.records, 8000u);
}

TEST(Sender, EndsWithoutBeingAsked) {
  Gate gate;
  gate.open();
  Sink sink({}, gate, Backoff(1), nullptr);
  { Sender sender(sink); sender.add(ten()); }
  EXPECT_EQ(sink.account().own.delivered, 10u);
}

}  // namespace
}  // namespace squall::sink
