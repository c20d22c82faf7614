#include "load/trace.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "load/arrivals.hpp"

namespace squall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<std::int64_t> due_of(const ArrivalTrace& trace) {
  std::vector<std::int64_t> due;
  for (std::uint64_t i = 0; i < trace.count(); ++i) due.push_back(trace.due_ns(i));
  return due;
}
std::vector<std::uint64_t> records_of(const ArrivalTrace& trace) {
  std::vector<std::uint64_t> records;
  for (std::uint64_t i = 0; i < trace.count(); ++i) records.push_back(trace.record(i));
  return records;
}

TEST(ArrivalTrace, IsSortedByTimeAndEqualTimesKeepTheirOrder) {
  const ArrivalTrace trace({50 * kSecond, 20 * kSecond, 50 * kSecond, 20 * kSecond, 35 * kSecond});
  EXPECT_EQ(due_of(trace),
            (std::vector<std::int64_t>{0, 0, 15 * kSecond, 30 * kSecond, 30 * kSecond}));
  EXPECT_EQ(records_of(trace), (std::vector<std::uint64_t>{1, 3, 4, 0, 2}));
  EXPECT_EQ(trace.duration_ns(), 30 * kSecond);
  EXPECT_EQ(trace.due_ns(5), kNeverNs);
}

TEST(ArrivalTrace, InOrderNeedsNoOrderOfItsOwn) {
  const ArrivalTrace trace({-5, 0, 0, 7});
  EXPECT_EQ(due_of(trace), (std::vector<std::int64_t>{0, 5, 5, 12}));
  EXPECT_EQ(records_of(trace), (std::vector<std::uint64_t>{0, 1, 2, 3}));
}

TEST(ArrivalTrace, SpeedDividesAndRoundsDown) {
  const std::vector<std::int64_t> times{0, 1 * kSecond, 2 * kSecond, 7'200 * kSecond};
  EXPECT_EQ(due_of(ArrivalTrace(times, 3'600)),
            (std::vector<std::int64_t>{0, 277'777, 555'555, 2 * kSecond}));
  EXPECT_EQ(due_of(ArrivalTrace(times, 0.5)),
            (std::vector<std::int64_t>{0, 2 * kSecond, 4 * kSecond, 14'400 * kSecond}));
}

TEST(ArrivalTrace, WhatIsDueAtTheEndOrLaterNeverComes) {
  const ArrivalTrace trace({3 * kSecond, 0, 2 * kSecond, 1 * kSecond}, 1, 2 * kSecond);
  EXPECT_EQ(due_of(trace), (std::vector<std::int64_t>{0, kSecond}));
  EXPECT_EQ(records_of(trace), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(ArrivalTrace({1, 2}, 1, 0).count(), 0u);
  EXPECT_EQ(ArrivalTrace({1, 2}, 1, 0).duration_ns(), 0);
  EXPECT_EQ(ArrivalTrace({}).count(), 0u);
}

TEST(ArrivalTrace, TimesFurtherApartThanADifferenceCanSayDoNotOverflow) {
  using Limits = std::numeric_limits<std::int64_t>;
  const ArrivalTrace trace({Limits::max(), Limits::min(), 0}, 4);
  EXPECT_EQ(due_of(trace),
            (std::vector<std::int64_t>{0, std::int64_t{1} << 61, (std::int64_t{1} << 62) - 1}));
  EXPECT_EQ(ArrivalTrace({Limits::max(), Limits::min()}).count(), 1u);   // the other is beyond all time
}

TEST(ArrivalTrace, SharesOfAnyNumberOfOwnersAddUpToTheWhole) {
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < 1'003; ++i) times.push_back((i * 7'919 % 61) * kSecond);
  const ArrivalTrace trace(times, 60);
  ArrivalOptions options;
  options.trace = &trace;
  EXPECT_EQ(count_arrivals({}, options), 1'003u);
  for (const std::uint32_t owners : {1u, 2u, 3u, 7u, 64u}) {
    const SlotTable slots(owners);
    std::vector<int> seen(trace.count(), 0);
    for (std::uint32_t owner = 0; owner < owners; ++owner) {
      ArrivalSequence share({}, options);
      std::int64_t last = 0;
      while (const auto arrival = share.next_owned(slots, owner)) {
        ASSERT_LT(arrival->index, trace.count());
        EXPECT_EQ(arrival->due_ns, trace.due_ns(arrival->index));
        EXPECT_GE(arrival->due_ns, last);
        last = arrival->due_ns;
        ++seen[arrival->index];
      }
    }
    EXPECT_EQ(std::vector<int>(trace.count(), 1), seen) << owners;
  }
}

}  // namespace
}  // namespace squall
