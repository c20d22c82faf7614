#include "stats/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "load/random.hpp"

namespace squall {
namespace {

TEST(Buckets, TheLayoutIsTheDocumentedFormula) {
  const auto formula = [](std::uint64_t v) -> std::uint64_t {
    if (v < 1024) return v;
    const auto e = static_cast<std::uint64_t>(63 - std::countl_zero(v));
    return ((e - 9) << 9) + (v >> (e - 9));
  };
  for (std::uint64_t v = 0; v < 100'000; ++v) ASSERT_EQ(bucket_of(v), formula(v)) << v;
  Random random(1, 2, 3);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t v = random.next() >> random.below(64);
    ASSERT_EQ(bucket_of(v), formula(v)) << v;
  }
  EXPECT_EQ(bucket_of(UINT64_MAX), kBuckets - 1);
}

TEST(Buckets, BoundsMeetWithoutGapsAndHoldTheirValues) {
  for (std::uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
    ASSERT_EQ(bucket_of(bucket_low(bucket)), bucket);
    ASSERT_EQ(bucket_of(bucket_high(bucket)), bucket);
    ASSERT_TRUE(bucket + 1 == kBuckets || bucket_high(bucket) + 1 == bucket_low(bucket + 1))
        << bucket;
    const auto middle = static_cast<double>(bucket_middle(bucket));
    ASSERT_LE(static_cast<double>(bucket_high(bucket)) - middle,
              std::max(middle * 0.00098, 0.0) + 1e-9)
        << bucket;
  }
}

struct Form {
  const char* name;
  std::function<double(Random&)> draw_ns;
};

// T5: eight shapes against sorting.
TEST(Histogram, QuantilesAgreeWithSortingForEightShapes) {
  const Form forms[] = {
      {"constant", [](Random&) { return 1'234'567.0; }},
      {"uniform", [](Random& r) { return 1e5 + 1e8 * r.uniform(); }},
      {"exponential", [](Random& r) { return r.exponential(5e6); }},
      {"lognormal", [](Random& r) { return std::exp(r.normal(15, 1.2)); }},
      {"pareto", [](Random& r) { return 1e6 * std::pow(1 - r.uniform(), -1 / 1.1); }},
      {"bimodal", [](Random& r) { return r.uniform() < 0.01 ? 1e8 : 1e6; }},
      {"tiny", [](Random& r) { return std::floor(2'000 * r.uniform()); }},
      {"hours", [](Random& r) { return 3.6e12 * (1 + 100 * r.uniform()); }},
  };
  constexpr int kValues = 1'000'000;
  for (const Form& form : forms) {
    Random random(5, stream_id(form.name), 0);
    Histogram histogram;
    std::vector<std::uint64_t> values(kValues);
    std::uint64_t sum = 0;
    for (std::uint64_t& value : values) {
      value = static_cast<std::uint64_t>(form.draw_ns(random));
      histogram.record(value);
      sum += value;
    }
    std::sort(values.begin(), values.end());
    const SparseHistogram h = histogram.take();
    EXPECT_EQ(h.count(), values.size()) << form.name;
    EXPECT_EQ(h.sum_ns(), sum) << form.name;
    EXPECT_EQ(h.min_ns(), values.front()) << form.name;
    EXPECT_EQ(h.max_ns(), values.back()) << form.name;
    EXPECT_EQ(h.quantile_ns(0), values.front()) << form.name;
    EXPECT_EQ(h.quantile_ns(1), values.back()) << form.name;
    std::uint64_t before = 0;
    for (int step = 1; step < 10'000; ++step) {
      const double q = step / 10'000.0;
      const auto rank = static_cast<std::size_t>(std::ceil(q * kValues - 1e-6)) - 1;
      const auto truth = static_cast<double>(values[rank]);
      const std::uint64_t said = h.quantile_ns(q);
      ASSERT_LE(std::abs(static_cast<double>(said) - truth), truth * 0.00098 + 1e-9)
          << form.name << " q " << q;
      ASSERT_GE(said, before) << form.name;
      ASSERT_LE(said, h.max_ns());
      before = said;
    }
  }
}

TEST(Histogram, NinetyFivePerCentOfAHundredIsTheNinetyFifth) {
  SparseHistogram h;
  for (std::uint64_t v = 1; v <= 100; ++v) h.add(v);
  EXPECT_EQ(h.quantile_ns(0.5), 50u);
  EXPECT_EQ(h.quantile_ns(0.95), 95u);
  EXPECT_EQ(h.quantile_ns(0.99), 99u);
  EXPECT_EQ(h.quantile_ns(0.999), 100u);
  EXPECT_EQ(h.quantile_ns(0.07), 7u);
  EXPECT_EQ(h.count_above(90), 10u);
  EXPECT_DOUBLE_EQ(h.mean_ns(), 50.5);
}

TEST(Histogram, NothingIsZeroAndNotNaN) {
  const SparseHistogram h;
  EXPECT_TRUE(h.empty());
  EXPECT_EQ(h.quantile_ns(0.5), 0u);
  EXPECT_EQ(h.mean_ns(), 0.0);
  EXPECT_EQ(h.min_ns(), 0u);
  EXPECT_EQ(h.max_ns(), 0u);
  EXPECT_EQ(h.count_above(0), 0u);
}

TEST(Histogram, FewValuesNeedNoOctave) {
  Histogram histogram;
  const std::size_t empty = histogram.memory_bytes();
  EXPECT_LE(empty, 600u);
  for (int i = 0; i < 16; ++i) histogram.record(1'000'000u << (i % 8));
  EXPECT_EQ(histogram.memory_bytes(), empty);
  EXPECT_EQ(histogram.take().count(), 16u);
  for (int second = 0; second < 1'000; ++second) {
    for (int i = 0; i < 10; ++i) histogram.record(static_cast<std::uint64_t>(second) * 1'000'003);
    histogram.take();
  }
  EXPECT_EQ(histogram.memory_bytes(), empty);
}

TEST(Histogram, EarlyValuesAndOctavesAreReadTogether) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(6, stream_id("early"), seed);
    Histogram histogram;
    SparseHistogram expected;
    for (int round = 0; round < 3; ++round) {
      for (std::uint64_t n = random.below(120); n > 0; --n) {
        const std::uint64_t value = random.below(4) << random.below(30);
        histogram.record(value);
        expected.add(value);
      }
      EXPECT_EQ(histogram.copy(), expected) << seed;
      EXPECT_EQ(histogram.take(), expected) << seed;
      EXPECT_TRUE(histogram.take().empty());
      expected = {};
    }
  }
}

TEST(Histogram, TheLargestValueHasItsBucket) {
  Histogram histogram;
  for (int i = 0; i < 40; ++i) histogram.record(UINT64_MAX >> 1);
  histogram.record(0);
  const SparseHistogram h = histogram.take();
  EXPECT_EQ(h.count(), 41u);
  EXPECT_EQ(h.max_ns(), UINT64_MAX >> 1);
  EXPECT_EQ(h.min_ns(), 0u);
}

// T6 for plain histograms: any partition, any order.
TEST(SparseHistogram, MergeIsTheUnionBitForBit) {
  for (std::uint64_t seed = 0; seed < 64; ++seed) {
    Random random(7, stream_id("merge"), seed);
    std::vector<Histogram> parts(1 + seed);
    Histogram whole;
    for (int i = 0; i < 5'000; ++i) {
      const auto value = static_cast<std::uint64_t>(std::exp(random.normal(14, 3)));
      whole.record(value);
      parts[random.below(parts.size())].record(value);
    }
    std::vector<SparseHistogram> sparse;
    for (Histogram& part : parts) sparse.push_back(part.take());
    for (std::size_t i = sparse.size(); i > 1; --i)
      std::swap(sparse[i - 1], sparse[random.below(i)]);
    SparseHistogram merged;
    for (const SparseHistogram& part : sparse) merged.merge(part);
    ASSERT_EQ(merged, whole.take()) << seed;
  }
}

// T7: an averaging tool says 50.5 or 10.9.
TEST(SparseHistogram, PercentilesOfUnequalSharesAreNotAveraged) {
  SparseHistogram a;
  SparseHistogram b;
  a.add(1'000'000, 900);
  b.add(100'000'000, 100);
  a.merge(b);
  EXPECT_NEAR(static_cast<double>(a.quantile_ns(0.5)), 1e6, 1e6 * 0.00098);
  EXPECT_NEAR(static_cast<double>(a.quantile_ns(0.95)), 1e8, 1e8 * 0.00098);
}

TEST(SparseHistogram, DecodesWhatItEncoded) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(8, stream_id("codec"), seed);
    SparseHistogram h;
    for (std::uint64_t n = random.below(300); n > 0; --n)
      h.add(random.next() >> random.below(64), 1 + random.below(1'000'000));
    const std::string bytes = h.encode_buckets();
    const auto back =
        SparseHistogram::decode(bytes, h.sum_ns(), h.empty() ? 0 : h.min_ns(), h.max_ns());
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, h);
  }
}

TEST(SparseHistogram, ARecordThatLiesIsRefused) {
  SparseHistogram h;
  h.add(5'000, 3);
  h.add(9'000, 4);
  const std::string good = h.encode_buckets();
  const auto decode = [&](std::string bytes) {
    return SparseHistogram::decode(bytes, h.sum_ns(), 5'000, 9'000);
  };
  ASSERT_TRUE(decode(good));
  for (std::size_t cut = 1; cut < good.size(); ++cut)
    EXPECT_FALSE(decode(good.substr(0, cut))) << cut;
  EXPECT_FALSE(decode(std::string(20, '\xff')));
  EXPECT_FALSE(SparseHistogram::decode(good, 0, 1, 9'000));       // the minimum is in no bucket
  EXPECT_FALSE(SparseHistogram::decode(good, 0, 5'000, 90'000));  // nor the maximum
  EXPECT_FALSE(SparseHistogram::from_parts({5, 5}, {1, 1}, 0, 5, 5));
  EXPECT_FALSE(SparseHistogram::from_parts({5, 4}, {1, 1}, 0, 5, 4));
  EXPECT_FALSE(SparseHistogram::from_parts({5}, {0}, 0, 5, 5));
  EXPECT_FALSE(SparseHistogram::from_parts({kBuckets}, {1}, 0, 0, 0));
  EXPECT_FALSE(SparseHistogram::from_parts({1, 2}, {UINT64_MAX, 2}, 0, 1, 2));
  Random random(9, 9, 9);
  for (int i = 0; i < 20'000; ++i) {  // no bytes at all make it crash
    std::string bytes;
    for (std::uint64_t n = random.below(24); n > 0; --n) bytes += static_cast<char>(random.next());
    (void)decode(bytes);
  }
}

}  // namespace
}  // namespace squall
