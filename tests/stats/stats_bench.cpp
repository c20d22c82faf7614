// What the hot path of the statistics costs, in nanoseconds: the best of several passes, on one
// core.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "load/arrivals.hpp"
#include "load/random.hpp"
#include "stats/merger.hpp"
#include "stats/recorder.hpp"

namespace {

using namespace squall;

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Pass>
void measure(const char* name, double per_pass, Pass&& pass) {
  double best = 1e300;
  for (int i = 0; i < 7; ++i) {
    const double begin = cpu_ns();
    pass();
    best = std::min(best, (cpu_ns() - begin) / per_pass);
  }
  std::printf("%-52s %10.2f ns\n", name, best);
}

}  // namespace

int main() {
  constexpr int kValues = 1 << 20;
  std::vector<std::uint64_t> values(kValues);
  Random random(1, 2, 3);
  for (auto& value : values) value = static_cast<std::uint64_t>(std::exp(random.normal(14, 1)));
  std::uint64_t checksum = 0;

  Histogram histogram;
  measure("histogram: record one value", kValues, [&] {
    for (const std::uint64_t value : values) histogram.record(value);
  });
  const SparseHistogram window = histogram.copy();
  std::printf("%-52s %10zu\n", "histogram: buckets that are not empty", window.index().size());
  measure("histogram: take a window of it", 1, [&] { checksum += histogram.copy().count(); });
  SparseHistogram sum = window;
  measure("sparse histogram: merge one into another", 100, [&] {
    for (int i = 0; i < 100; ++i) sum.merge(window);
  });
  measure("sparse histogram: p50, p90, p95, p99, p999", 1, [&] {
    for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999}) checksum += sum.quantile_ns(q);
  });
  const std::string bytes = window.encode_buckets();
  std::printf("%-52s %10zu\n", "sparse histogram: encoded bytes", bytes.size());
  measure("sparse histogram: decode", 1, [&] {
    checksum +=
        SparseHistogram::decode(bytes, window.sum_ns(), window.min_ns(), window.max_ns())->count();
  });

  for (const std::uint32_t series : {1u, 20u, 1'000u}) {
    Recorder recorder({});
    Sample sample;
    std::int64_t now = 0;
    const std::string name = "recorder: record one sample, " + std::to_string(series) + " series";
    measure(name.c_str(), kValues, [&] {
      for (int i = 0; i < kValues; ++i) {
        now += 100;
        sample.series = static_cast<std::uint32_t>(i) % series;
        sample.ended_ns = now;
        sample.started_ns = now - static_cast<std::int64_t>(values[static_cast<std::size_t>(i)]);
        sample.due_ns = sample.started_ns - 1'000;
        recorder.record(sample);
      }
      checksum += recorder.drain(now, 0, 0).size();
    });
  }
  {
    SeriesTable table;
    SeriesKey key;
    for (int i = 0; i < 20; ++i) {
      key.name = std::to_string(i);
      table.intern(key);
    }
    Recorder recorder({});
    Sample sample;
    std::vector<WindowRecord> records;
    for (int i = 0; i < kValues; ++i) {
      sample.series = static_cast<std::uint32_t>(i) % 20;
      sample.ended_ns = static_cast<std::int64_t>(i) * 10'000;
      sample.due_ns = sample.started_ns =
          sample.ended_ns - static_cast<std::int64_t>(values[static_cast<std::size_t>(i)]);
      recorder.record(sample);
    }
    records = recorder.finish(kValues * std::int64_t{10'000}, 0, 0);
    measure("merger: apply one record of 20 series, 5,000 each",
            static_cast<double>(records.size()), [&] {
              Merger merger(table, {});
              for (const WindowRecord& record : records) merger.apply(record);
              checksum += merger.snapshot(1).series.size();
            });
  }
  const RateShape shape = RateShape::constant({1'000'000, 1'000'000'000}, 1'000'000'000);
  const SlotTable slots(100);
  for (const ArrivalKind kind : {ArrivalKind::even, ArrivalKind::poisson}) {
    measure(kind == ArrivalKind::even ? "arrivals: even, one" : "arrivals: Poisson, one", 1e6, [&] {
      ArrivalSequence sequence(shape, {kind, 1, 1});
      while (const auto arrival = sequence.next()) checksum += arrival->index;
    });
  }
  measure("arrivals: Poisson, one passed over for other shards", 1e6, [&] {
    ArrivalSequence sequence(shape, {ArrivalKind::poisson, 1, 1});
    while (const auto arrival = sequence.next_owned(slots, 5)) checksum += arrival->index;
  });
  std::printf("checksum %llu\n", static_cast<unsigned long long>(checksum));
}
