#include "stats/merger.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "load/random.hpp"
#include "stats/recorder.hpp"

namespace squall {
namespace {

constexpr std::int64_t kMs = 1'000'000;

struct TableOf : SeriesTable {
  explicit TableOf(int series) {
    for (int i = 0; i < series; ++i) {
      SeriesKey key;
      key.population = i % 2 == 0 ? "visitors" : "air";
      key.task = "visit";
      key.name = std::to_string(series - i);
      intern(key);
    }
  }
};

MergerOptions options_for(std::uint32_t sources, std::int64_t warmup_ns = 0) {
  MergerOptions options;
  options.warmup_ns = warmup_ns;
  options.populations = {{"visitors", LoadModel::closed, false}, {"air", LoadModel::fleet, false}};
  options.targets = {"portal"};
  for (std::uint32_t i = 0; i < sources; ++i)
    options.sources.push_back(std::string("shard ").append(std::to_string(i)));
  return options;
}

// What `sources` shards say when they share the same samples between them in some way.
std::vector<WindowRecord> records_of(std::uint32_t sources, std::uint64_t seed, int samples) {
  std::vector<std::unique_ptr<Recorder>> shards;
  Random shares(seed, stream_id("shares"), sources);
  for (std::uint32_t i = 0; i < sources; ++i) {
    RecorderOptions options;
    options.source = i;
    options.warmup_ns = 2'000 * kMs;
    options.populations = 2;
    options.targets = 1;
    shards.push_back(std::make_unique<Recorder>(options));
  }
  std::vector<WindowRecord> records;
  std::int64_t now = 0;
  for (int i = 0; i < samples; ++i) {
    Random random(seed, stream_id("sample"), static_cast<std::uint64_t>(i));
    now += static_cast<std::int64_t>(random.below(4 * kMs));
    Sample s;
    s.series = static_cast<std::uint32_t>(random.below(10));
    s.ended_ns = now;
    s.started_ns = now - static_cast<std::int64_t>(std::exp(random.normal(14, 2)));
    s.due_ns = s.started_ns - static_cast<std::int64_t>(random.below(kMs));
    s.outcome = random.below(20) == 0 ? static_cast<Outcome>(1 + random.below(3)) : Outcome::ok;
    s.error = s.outcome == Outcome::failed ? ErrorClass::status : ErrorClass::none;
    s.code = static_cast<std::int32_t>(random.below(3));
    s.bytes_in = random.below(1'000);
    s.phases_ns[3] = random.below(3) == 0 ? random.below(kMs) : 0;
    Recorder& shard = *shards[shares.below(sources)];
    shard.record(s);
    IterationCounts& counts = shard.iterations(s.series % 2);
    ++counts.planned;
    ++counts.started;
    ++counts.completed;
    ++counts.operations_begun;
    ++shard.connections(0).reused;
    shard.lag(s.due_ns, s.lateness_ns());
    shard.blocked(s.series % 2, static_cast<std::int64_t>(random.below(kMs)));
  }
  for (auto& shard : shards) {
    for (WindowRecord& record : shard->finish(now, 0.3, 0.1)) records.push_back(std::move(record));
  }
  return records;
}

void expect_equal(const Snapshot& a, const Snapshot& b) {
  ASSERT_EQ(a.series.size(), b.series.size());
  for (std::size_t i = 0; i < a.series.size(); ++i) {
    const SeriesTotals& x = a.series[i];
    const SeriesTotals& y = b.series[i];
    EXPECT_EQ(x.key, y.key);
    EXPECT_EQ(x.phase, y.phase);
    EXPECT_EQ(x.counts, y.counts);
    EXPECT_EQ(x.response, y.response);
    EXPECT_EQ(x.service, y.service);
    EXPECT_EQ(x.lateness, y.lateness);
    EXPECT_EQ(x.phases, y.phases);
    EXPECT_EQ(x.errors, y.errors);
    EXPECT_EQ(x.rate_time_ns, y.rate_time_ns);
  }
  for (std::size_t i = 0; i < a.populations.size(); ++i) {
    EXPECT_EQ(a.populations[i].iterations, b.populations[i].iterations);
    EXPECT_EQ(a.populations[i].blocked, b.populations[i].blocked);
  }
  EXPECT_EQ(a.connections[0].counts, b.connections[0].counts);
  EXPECT_EQ(a.generator.lag, b.generator.lag);
  EXPECT_EQ(a.ledger.open_equations(), b.ledger.open_equations());
}

// T6, T8: any partition over 1..64 shards, in any order, with records that come twice.
TEST(Merger, AnyPartitionOrderAndRepetitionGiveTheSameSums) {
  const TableOf table(10);
  constexpr int kSamples = 3'000;
  Merger whole(table, options_for(1, 2'000 * kMs));
  for (const WindowRecord& record : records_of(1, 5, kSamples)) EXPECT_TRUE(whole.apply(record));
  const Snapshot expected = whole.snapshot(100'000 * kMs);
  EXPECT_EQ(expected.totals().count() + expected.totals().cut,
            static_cast<std::uint64_t>(kSamples));
  EXPECT_TRUE(expected.ledger.closed()) << expected.ledger.open_equations().front();

  for (std::uint32_t sources = 1; sources <= 64; ++sources) {
    std::vector<WindowRecord> records = records_of(sources, 5, kSamples);
    Random random(6, stream_id("order"), sources);
    for (std::size_t i = records.size(); i > 1; --i)
      std::swap(records[i - 1], records[random.below(i)]);
    Merger merger(table, options_for(sources, 2'000 * kMs));
    std::uint64_t repeated = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
      EXPECT_TRUE(merger.apply(records[i]));
      if (random.below(3) != 0) continue;
      EXPECT_FALSE(merger.apply(records[random.below(i + 1)]));
      ++repeated;
    }
    const Snapshot& snapshot = merger.snapshot(100'000 * kMs);
    expect_equal(snapshot, expected);
    EXPECT_EQ(snapshot.duplicate_records, repeated);
    for (const SourceState& source : snapshot.sources)
      EXPECT_TRUE(source.complete() && source.balanced);
  }
}

// The windows handed out for the timeline add up to the same.
TEST(Merger, WindowsAddUpToTheTotals) {
  const TableOf table(10);
  Merger merger(table, options_for(3, 2'000 * kMs));
  std::map<std::int64_t, std::shared_ptr<const MergedWindow>> newest;
  const auto take = [&](bool all) {
    for (const auto& window : merger.take_closed(all)) {
      const auto& known = newest[window->window];
      EXPECT_TRUE(!known || known->revision < window->revision);
      newest[window->window] = window;
    }
  };
  for (const WindowRecord& record : records_of(3, 9, 4'000)) {
    merger.apply(record);
    take(false);
  }
  take(true);
  SampleCounts sum;
  SparseHistogram response;
  for (const auto& [number, window] : newest) {
    for (const SeriesWindow& series : window->series) {
      sum += series.counts;
      response.merge(series.response);
    }
  }
  const Snapshot& snapshot = merger.snapshot(100'000 * kMs);
  EXPECT_EQ(sum, snapshot.totals());
  SparseHistogram total;
  for (const SeriesTotals& series : snapshot.series) total.merge(series.response);
  EXPECT_EQ(response, total);
  EXPECT_EQ(snapshot.late_records, 0u);
}

TEST(Merger, ALostRecordIsMissedByNumberAndATamperedOneByItsTotals) {
  const TableOf table(10);
  std::vector<WindowRecord> records = records_of(1, 3, 2'000);
  ASSERT_GT(records.size(), 3u);
  Merger lossy(table, options_for(1));
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i != 1) lossy.apply(records[i]);
  }
  EXPECT_EQ(lossy.snapshot(0).sources[0].missing, 1u);
  EXPECT_FALSE(lossy.snapshot(0).sources[0].complete());
  lossy.apply(records[1]);
  EXPECT_TRUE(lossy.snapshot(0).sources[0].complete());
  EXPECT_TRUE(lossy.snapshot(0).sources[0].balanced);

  Merger tampered(table, options_for(1));
  records[1].series[0].counts.ok += 1;
  for (const WindowRecord& record : records) tampered.apply(record);
  EXPECT_FALSE(tampered.snapshot(0).sources[0].balanced);
}

TEST(Merger, AWindowIsHandedOutWhenAllHaveItAndAgainWhenALateRecordComes) {
  const TableOf table(2);
  Merger merger(table, options_for(2));
  const auto record = [](std::uint32_t source, std::uint64_t sequence, std::int64_t window) {
    WindowRecord r;
    r.source = source;
    r.sequence = sequence;
    r.from_window = r.to_window = window;
    SeriesWindow& s = r.series.emplace_back();
    s.series = 0;
    s.counts.ok = 1;
    s.total.ok = sequence;
    return r;
  };
  merger.apply(record(0, 1, 0));
  EXPECT_TRUE(merger.take_closed().empty());
  merger.apply(record(1, 1, 0));
  auto closed = merger.take_closed();
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0]->series[0].counts.ok, 2u);
  for (std::uint64_t window = 1; window <= 4; ++window)
    merger.apply(record(0, window + 1, static_cast<std::int64_t>(window)));
  closed = merger.take_closed();  // the other one is three windows behind
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0]->window, 1);
  EXPECT_EQ(closed[0]->sources, 1u);
  merger.apply(record(1, 2, 1));
  closed = merger.take_closed();
  ASSERT_EQ(closed.size(), 1u);
  EXPECT_EQ(closed[0]->window, 1);
  EXPECT_EQ(closed[0]->revision, 1u);
  EXPECT_EQ(closed[0]->series[0].counts.ok, 2u);
  EXPECT_EQ(merger.take_closed(true).size(), 3u);
}

TEST(Merger, OldWindowsAreForgottenAndTheirLateRecordsStillCount) {
  const TableOf table(2);
  MergerOptions options = options_for(1);
  options.keep_windows = 10;
  Merger merger(table, options);
  WindowRecord r;
  for (std::uint64_t i = 0; i < 100; ++i) {
    if (i == 5) continue;
    r.sequence = i + 1;
    r.from_window = r.to_window = static_cast<std::int64_t>(i);
    merger.apply(r);
    merger.take_closed();
  }
  EXPECT_LE(merger.snapshot(0).windows.size(), 10u);
  r.sequence = 6;
  r.from_window = r.to_window = 5;
  r.series.emplace_back().counts.ok = 7;
  EXPECT_TRUE(merger.apply(r));
  EXPECT_EQ(merger.snapshot(0).late_records, 1u);
  EXPECT_EQ(merger.snapshot(0).totals().ok, 7u);
}

TEST(Merger, BusyStreaksAreCountedAfterTheWarmUpInAnyOrder) {
  const TableOf table(2);
  std::vector<WindowRecord> records;
  for (std::uint64_t i = 0; i < 300; ++i) {
    WindowRecord r;
    r.sequence = i + 1;
    r.from_window = r.to_window = static_cast<std::int64_t>(i);
    const bool busy = i < 8 || (i >= 20 && i < 26) || (i >= 40 && i < 44);
    r.generator.busy = busy ? 0.97 : 0.5;
    r.series.emplace_back().counts.ok = 8'400;
    records.push_back(r);
  }
  Random random(1, 1, 1);
  for (std::size_t i = 0; i + 60 < records.size(); ++i)
    std::swap(records[i], records[i + random.below(60)]);
  Merger merger(table, options_for(1, 5'000 * kMs));
  for (const WindowRecord& record : records) merger.apply(record);
  const SourceState state = merger.snapshot(0).sources[0];
  EXPECT_EQ(state.busy_streak, 6u);
  EXPECT_DOUBLE_EQ(state.streak_busy, 0.97);
  EXPECT_DOUBLE_EQ(state.streak_rate_per_s, 8'400);
}

TEST(Merger, PopulationsAddUpAndRememberTheirPeak) {
  const TableOf table(2);
  Merger merger(table, options_for(2));
  const std::uint64_t users[2][3] = {{1, 5, 2}, {3, 4, 0}};
  for (std::uint32_t source = 0; source < 2; ++source) {
    for (int window = 0; window < 3; ++window) {
      WindowRecord r;
      r.source = source;
      r.sequence = static_cast<std::uint64_t>(window) + 1;
      r.from_window = r.to_window = window;
      r.populations.resize(2);
      r.populations[1].population = 1;
      r.populations[0].users_present = r.populations[0].users_peak = users[source][window];
      r.populations[0].total.started = static_cast<std::uint64_t>(window + 1) * 10;
      r.populations[0].ended_ns = window == 2 ? 2'500 * kMs + source : -1;
      merger.apply(r);
    }
  }
  const Snapshot& snapshot = merger.snapshot(0);
  EXPECT_EQ(snapshot.populations[0].users_peak, 9u);
  EXPECT_EQ(snapshot.populations[0].users_present, 2u);
  EXPECT_EQ(snapshot.populations[0].iterations.started, 60u);
  EXPECT_EQ(snapshot.populations[0].ended_ns, 2'500 * kMs + 1);
  EXPECT_EQ(snapshot.populations[1].ended_ns, -1);
}

TEST(Merger, BackgroundPopulationsAreInNoTotal) {
  SeriesTable table;
  SeriesKey key;
  key.population = "logger";
  key.background = true;
  table.intern(key);
  MergerOptions options = options_for(1);
  options.populations = {{"logger", LoadModel::fleet, true}};
  Merger merger(table, options);
  WindowRecord r;
  r.sequence = 1;
  r.populations.resize(1);
  r.populations[0].total.planned = 10;
  r.series.emplace_back().counts.ok = 9;
  merger.apply(r);
  EXPECT_EQ(merger.snapshot(0).totals().ok, 0u);
  EXPECT_TRUE(merger.snapshot(0).ledger.closed());
}

// A bulk task with a late begin and an early end as planned is not thinned by the rest of the run.
TEST(Snapshot, RatesAreTakenOverTheTimeInWhichThereWasSomethingToDo) {
  Snapshot s;
  s.warmup_ns = 10 * kWindowNs;
  s.measured_ns = 100 * kWindowNs;
  EXPECT_EQ(s.rate_time_ns(10 * kWindowNs, -1), 100 * kWindowNs);
  EXPECT_EQ(s.rate_time_ns(0, -1), 100 * kWindowNs);
  EXPECT_EQ(s.rate_time_ns(40 * kWindowNs, -1), 70 * kWindowNs);
  EXPECT_EQ(s.rate_time_ns(40 * kWindowNs, 60 * kWindowNs), 20 * kWindowNs);
  EXPECT_EQ(s.rate_time_ns(40 * kWindowNs, 40 * kWindowNs + 5), kWindowNs);
  EXPECT_EQ(s.rate_time_ns(40 * kWindowNs, 500 * kWindowNs), 70 * kWindowNs);
  EXPECT_EQ(s.rate_time_ns(kNoTime, -1), 100 * kWindowNs);
}

}  // namespace
}  // namespace squall
