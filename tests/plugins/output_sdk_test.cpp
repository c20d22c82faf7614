// squall/output.hpp: its buckets and quantiles are those of the core, its table tells the host what
// became of a batch whatever the plugin does.
#include <gtest/gtest.h>

#include <random>

#include "fake_output.hpp"
#include "stats/sample.hpp"
#include "stats/sparse_histogram.hpp"

namespace {

using namespace squall::plugin;

// ---- histograms, against the core's ------------------------------------------------------------

sq_hist view_of(const squall::SparseHistogram& histogram) {
  return {histogram.index().data(), histogram.counts().data(), histogram.index().size(),
          histogram.count(),        histogram.sum_ns(),        histogram.min_ns(),
          histogram.max_ns()};
}

TEST(OutputSdk, BucketsAreTheCores) {
  EXPECT_EQ(squall::plugin::kBuckets, squall::kBuckets);
  for (uint32_t bucket = 0; bucket < squall::kBuckets; ++bucket) {
    ASSERT_EQ(bucket_low(bucket), squall::bucket_low(bucket)) << bucket;
    ASSERT_EQ(bucket_high(bucket), squall::bucket_high(bucket)) << bucket;
    ASSERT_EQ(bucket_of(bucket_low(bucket)), bucket);
    ASSERT_EQ(bucket_of(bucket_high(bucket)), bucket);
  }
}

TEST(OutputSdk, SumsAndQuantilesAreTheCores) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> times(14, 3);
  HistogramSum sum;
  squall::SparseHistogram wanted;
  EXPECT_EQ(quantile_ns(sum.view(), .5), 0u);
  for (int window = 0; window < 50; ++window) {
    squall::SparseHistogram histogram;
    for (int i = window % 7; i > 0; --i)
      histogram.add(static_cast<uint64_t>(times(random)));  // also empty ones
    sum.add(view_of(histogram));
    wanted.merge(histogram);
  }
  const sq_hist total = sum.view();
  EXPECT_EQ(std::vector(total.index, total.index + total.n),
            std::vector(wanted.index().begin(), wanted.index().end()));
  EXPECT_EQ(std::vector(total.count, total.count + total.n),
            std::vector(wanted.counts().begin(), wanted.counts().end()));
  EXPECT_EQ(total.total, wanted.count());
  EXPECT_EQ(total.sum_ns, wanted.sum_ns());
  EXPECT_EQ(total.min_ns, wanted.min_ns());
  EXPECT_EQ(total.max_ns, wanted.max_ns());
  for (const double share : {-1., 0., .001, .25, .5, .9, .99, .999, 1., 2.})
    EXPECT_EQ(quantile_ns(total, share), wanted.quantile_ns(share)) << share;
}

TEST(OutputSdk, RanksAreTheCores) {
  HistogramSum sum;
  squall::SparseHistogram wanted, one;
  for (uint64_t count = 1; count <= 1'000; ++count) {
    one = {};
    one.add(count);  // exact below 1,024
    sum.add(view_of(one));
    wanted.merge(one);
    for (const double share : {.07, .29, .57, .9, .95, .99})
      ASSERT_EQ(quantile_ns(sum.view(), share), wanted.quantile_ns(share))
          << share << " of " << count;
  }
}

// ---- words -------------------------------------------------------------------------------------

TEST(OutputSdk, ErrorClassesAreTheWordsOfResults) {
  ASSERT_EQ(squall::plugin::kErrorClasses, squall::kErrorClasses);
  for (uint32_t kind = 1; kind < squall::plugin::kErrorClasses; ++kind)
    EXPECT_EQ(error_class(kind), squall::error_class_name(static_cast<squall::ErrorClass>(kind)));
  EXPECT_EQ(error_class(99), "unknown");
  EXPECT_EQ(outcome_name(SQ_OUT_CANCELLED), "cut");
}

TEST(OutputSdk, Utf8Sequences) {
  struct Row {
    std::string_view text;
    size_t length;
  };
  for (const auto& [text, length] : std::initializer_list<Row>{{"", 0},
                                                               {"a", 1},
                                                               {"ü!", 2},
                                                               {"€", 3},
                                                               {"𝄞", 4},
                                                               {"\xc3", 0},
                                                               {"\xc0\xaf", 0},
                                                               {"\xed\xa0\x80", 0},
                                                               {"\xf4\x90\x80\x80", 0},
                                                               {"\xe2\x82(", 0},
                                                               {"\xff", 0}})
    EXPECT_EQ(utf8_length(text), length) << text;
}

// ---- batches and the table ---------------------------------------------------------------------

TEST(OutputSdk, ABatchIsRanges) {
  fake::Batch made(4);
  const sq_series_desc first = fake::series(0, "a"), second = fake::series(1, "b");
  made.series = {&first, &second};
  made.add_window(0).count = 3;
  made.add_window(1).count = 5;
  made.add_sample(1);
  made.gauges = {{str("users"), 2}};
  const Batch batch(*made.view());
  std::string names;
  for (const sq_series_desc& series : batch.series()) names += view(series.name);
  EXPECT_EQ(names, "ab");
  std::vector<uint64_t> counts;  // of elements that are longer than the header's
  for (const sq_window& window : batch.windows()) counts.push_back(window.count);
  EXPECT_EQ(counts, (std::vector<uint64_t>{3, 5}));
  EXPECT_EQ(std::ranges::next(batch.windows().begin())->series, 1u);
  EXPECT_EQ(batch.unix_ns(batch.samples().front().due_ns), 1'795'000'000'000'001'000u);
  EXPECT_EQ(batch.items(), 4u);
  EXPECT_TRUE(batch.events().empty());
}

/// Does with a batch of that number what the test wants to see told.
struct Obedient {
  Obedient(std::span<const sq_pair> options, sq_shard*) {
    if (find(options, "wrong")) throw invalid("wrong is no option");
  }
  Delivery write(const Batch& batch) {
    switch (batch.number()) {
      case 0:
        return delivered();
      case 1:
        return rejected(batch, "no room");
      case 2:
        return {1, false, "one was too long"};
      case 3:
        return later("busy");
      case 4:
        throw std::bad_alloc();
      default:
        throw std::runtime_error("the database is gone");
    }
  }
  void close() { throw Refusal(SQ_E_IO, "cannot flush"); }
};
constexpr sq_output kObedient = output<Obedient>("obedient", kNoParams, SQ_OUTPUT_SAMPLES);

TEST(OutputSdk, TheTableTellsWhatBecameOfABatch) {
  static constexpr sq_loop_api kLoop{sizeof kLoop,
                                     0,
                                     [](sq_done* done, sq_status status, sq_str why) noexcept {
                                       ++done->done;
                                       done->status = status;
                                       done->why = std::string(view(why));
                                     },
                                     [](sq_done* done, const sq_delivery* told) noexcept {
                                       ++done->written;
                                       done->delivered = told->delivered;
                                       done->rejected = told->rejected;
                                       done->why = (told->retry ? "later: " : "") +
                                                   std::string(view(told->why));
                                     },
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr,
                                     nullptr};
  host.loop = &kLoop;
  sq_error error{};
  void* sink = nullptr;
  const sq_pair wrong{str("wrong"), text_value("x")};
  EXPECT_EQ(kObedient.open(nullptr, &wrong, 1, &sink, &error), SQ_E_INVALID);
  EXPECT_STREQ(error.text, "wrong is no option");
  ASSERT_EQ(kObedient.open(nullptr, nullptr, 0, &sink, &error), SQ_OK);
  EXPECT_EQ(kObedient.flags, uint32_t{SQ_OUTPUT_SAMPLES});
  struct Told {
    uint64_t delivered, rejected;
    const char* why;
  };
  const Told told[] = {{3, 0, ""},
                       {0, 3, "no room"},
                       {2, 1, "one was too long"},
                       {0, 0, "later: busy"},
                       {0, 3, "out of memory"},
                       {0, 3, "the database is gone"}};
  for (uint64_t number = 0; number < std::size(told); ++number) {
    fake::Batch batch(number);
    for (uint32_t i = 0; i < 3; ++i) batch.add_window(i);
    sq_done account;
    kObedient.write(sink, batch.view(), &account);
    EXPECT_EQ(account.written, 1);
    EXPECT_EQ(account.delivered, told[number].delivered) << number;
    EXPECT_EQ(account.rejected, told[number].rejected) << number;
    EXPECT_EQ(account.why, told[number].why);
  }
  sq_done account;
  kObedient.close(sink, &account);
  EXPECT_EQ(account.done, 1);
  EXPECT_EQ(account.status, SQ_E_IO);
  EXPECT_EQ(account.why, "cannot flush");
}

}  // namespace
