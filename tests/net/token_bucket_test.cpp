#include "net/token_bucket.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace squall {
namespace {

class Rate : public testing::TestWithParam<std::uint64_t> {};

// A sender that is woken up to 300 µs late and always has more to send.
TEST_P(Rate, HoldsInEveryWindowOfOneSecond) {
  const std::uint64_t rate = GetParam();
  TokenBucket bucket;
  std::uint64_t now = 5'000'000'000;
  const std::uint64_t end = now + 20'000'000'000;
  bucket.set_rate(rate, now);
  std::mt19937 generator(3);
  std::uniform_int_distribution<std::uint64_t> late(0, 300'000);
  std::deque<std::pair<std::uint64_t, std::uint64_t>> window;
  std::uint64_t in_window = 0, total = 0, wakes = 0;
  const std::uint64_t begin = now;
  now = std::max(now, bucket.ready_ns(UINT64_MAX / 4));   // at 100 B/s the first byte takes a while
  while (now < end) {
    const std::uint64_t bytes = bucket.allowance(now, UINT64_MAX / 4);
    ASSERT_GT(bytes, 0u);
    bucket.spend(bytes);
    total += bytes;
    window.emplace_back(now, bytes);
    in_window += bytes;
    while (now - window.front().first >= 1'000'000'000) {
      in_window -= window.front().second;
      window.pop_front();
    }
    if (now - begin > 1'100'000'000) {
      const double tolerance = std::max(0.01 * static_cast<double>(rate), 1.0);
      EXPECT_NEAR(static_cast<double>(in_window), static_cast<double>(rate), tolerance);
    }
    ASSERT_EQ(bucket.allowance(now, UINT64_MAX / 4), 0u);
    const std::uint64_t ready = bucket.ready_ns(UINT64_MAX / 4);
    ASSERT_GT(ready, now);
    now = ready + late(generator);
    ++wakes;
  }
  EXPECT_NEAR(static_cast<double>(total), 20.0 * static_cast<double>(rate), 0.001 * 20 * static_cast<double>(rate) + 2);
  EXPECT_LE(wakes, 20 * 500u + 1);
}
INSTANTIATE_TEST_SUITE_P(From100BytesTo10Gigabytes, Rate,
                         testing::Values(100, 1000, 65'536, 1'000'000, 123'456'789, 1'250'000'000, 10'000'000'000));

TEST(TokenBucket, SmallWritesGoAtOnceWhileThereIsCredit) {
  TokenBucket bucket;
  bucket.set_rate(1'000'000, 0);
  EXPECT_EQ(bucket.allowance(1'000'000'000, 200), 200u);
  bucket.spend(200);
  EXPECT_EQ(bucket.allowance(1'000'000'000, 200), 200u);
}

TEST(TokenBucket, APauseIsNotPouredOut) {
  TokenBucket bucket;
  bucket.set_rate(1'000'000, 1'000'000'000);
  EXPECT_EQ(bucket.allowance(61'000'000'000, 1'000'000), 10'000u);
}

// Sends what it may every millisecond from `now` on, until `end`.
std::uint64_t send_all(TokenBucket& bucket, std::uint64_t now, std::uint64_t end) {
  std::uint64_t sent = 0;
  for (; now < end; now += 1'000'000) {
    const std::uint64_t bytes = bucket.allowance(now, 1'000'000'000);
    bucket.spend(bytes);
    sent += bytes;
  }
  return sent;
}

TEST(TokenBucket, AHiccupIsMadeUpForAtFiveQuartersOfTheRate) {
  constexpr std::uint64_t kMs = 1'000'000;
  TokenBucket bucket;
  bucket.set_rate(100'000'000, 1000 * kMs);
  EXPECT_NEAR(send_all(bucket, 1000 * kMs, 1500 * kMs), 50e6, 1e6);
  // Nothing goes for 60 ms; the 6 MB are back 240 ms later, and not earlier.
  EXPECT_NEAR(send_all(bucket, 1560 * kMs, 1680 * kMs), 15e6, 1.1e6);
  EXPECT_NEAR(send_all(bucket, 1680 * kMs, 2000 * kMs), 35e6, 1.1e6);
  EXPECT_NEAR(send_all(bucket, 2000 * kMs, 3000 * kMs), 100e6, 1e6);
}

TEST(TokenBucket, OfALongPauseAQuarterOfASecondIsMadeUpFor) {
  constexpr std::uint64_t kMs = 1'000'000;
  TokenBucket bucket;
  bucket.set_rate(100'000'000, 1000 * kMs);
  send_all(bucket, 1000 * kMs, 1100 * kMs);
  EXPECT_NEAR(send_all(bucket, 9000 * kMs, 12'000 * kMs), 325e6, 1.1e6);
}

TEST(TokenBucket, WithoutARateNothingIsHeldBack) {
  TokenBucket bucket;
  EXPECT_FALSE(bucket.is_limited());
  EXPECT_EQ(bucket.allowance(1, 1'000'000), 1'000'000u);
}

}  // namespace
}  // namespace squall
