// Results to render: small ones, and one that has something of everything.
#pragma once

#include <memory>
#include <string>

#include "fleet/run_result.hpp"

namespace squall {

inline constexpr const char* kHostile = "<img src=x onerror=alert(1)>\x1b[31m\"&'\xff";

inline RunResult one_series(const std::string& name) {
  RunResult result;
  result.info.scenario = name;
  result.info.duration_ns = 10'000'000'000;
  result.snapshot.measured_ns = 10'000'000'000;
  SeriesTotals series;
  series.key.population = "visitors";
  series.key.name = name;
  series.key.operation = "http.get";
  series.counts.ok = 99;
  series.counts.failed = 1;
  series.counts.bytes_in = 1'234'567;
  series.response.add(1'500'000, 99);
  series.response.add(80'000'000);
  series.errors.push_back({ErrorClass::status, 503, name, 1});
  result.snapshot.series.push_back(series);
  PopulationTotals population;
  population.name = "visitors";
  result.snapshot.populations.push_back(population);
  result.journal.push_back({0, "start", name});
  return result;
}

inline RunResult with_records_and_metrics() {
  RunResult result = one_series("page");
  RecordTotals records;
  records.dataset = "accounts<b>";
  records.records = 5;
  records.acquired = 1500;
  records.handed_back = 1499;
  records.held_most = 5;
  records.found_none = 7;
  records.in_vain = 3;
  records.in_vain_longest_ns = 4'000'000'000;
  records.least_used = 299;
  records.most_used = 301;
  records.waited.add(2'000'000'000, 40);
  result.records.push_back(records);
  MetricTotals memory{"memory", "MB", MetricKind::gauge, true, {}};
  memory.values.add(10, 0);
  memory.values.add(14, 1);
  MetricTotals rows{"rows", "", MetricKind::counter, false, {}};
  rows.values.add(5, 0);
  rows.values.add(7, 0);
  result.snapshot.metrics = {memory, rows, {"silent", "", MetricKind::trend, false, {}}};
  return result;
}

/// Nothing that a result may hold is empty, and no two numbers of it are the same.
inline RunResult with_everything() {
  RunResult result = with_records_and_metrics();
  result.info = {"20261121-x", "shop \xc3\xa4", "dir/shop.yaml", 18446744073709551615u, 1795435200'123'000'000, 12'345'678'901, 1, 2,
                 98'765'432, 3.25};
  result.parts = {{"setup", true, 1'500'000'000, 3, 1, "status 503"}, {"teardown", false, 2'000'000'000, 4, 2, "time-out"}};
  result.data = {{"log", 98, 2, 17}, {"users", 5, 0, 0}};
  result.outputs = {{"elastic", 100, 60, 10, 20, 10, "503 and <b>", true}};
  result.journal.push_back({-2'500'000'000, "connect", "before the load"});
  result.thresholds = {{"p99(page) < 10ms", 79.9, "ms", false, true, 3, "p99(page) was at least 79.9 ms, must be < 10 ms", -1},
                       {"failed < 2%", 1.0, "%", true, true, 0, "", -1},
                       {"p95(nobody) < 1s", 0, "ms", true, false, 0, "no sample", -1}};
  result.verdict = {VerdictWord::failed, 99, {"a threshold failed", kHostile}, {"the clock jumped"},
                    {{"generator lag p99", "1 ms", "< 5 ms", true}, {"busiest shard", "97 %", "< 95 %", false}}};
  Snapshot& snapshot = result.snapshot;
  snapshot.measured_ns = 10'000'000'001;
  snapshot.overflowed_series = 4;
  snapshot.ledger = {{10, 8, 1, 0, 1, 5, 2, 1}, {103, 99, 1, 3}, {7, 6, 1, 0}};
  SeriesTotals& page = snapshot.series[0];
  page.key.task = "visit";
  page.key.model = LoadModel::open;
  page.key.tags = {{"class", "M2"}, {"zone", "north"}};
  page.counts.cut = 3;
  page.counts.bytes_out = 777;
  page.rate_time_ns = 9'876'543'210;
  page.service.add(1'400'000, 100);
  page.lateness.add(3, 100);
  page.cut_waited.add(4'000'000'000, 3);
  page.phases[static_cast<std::size_t>(SamplePhase::tls)].add(222'222, 9);
  page.errors = {{ErrorClass::status, 503, "busy, \"very\"", 1, 1'000'000'000, 2'000'000'001}};
  const SeriesTotals whole_page = page;   // `page` does not outlive what is put beside it
  SeriesTotals early = whole_page;
  early.phase = RunPhase::warmup;
  early.errors.clear();
  snapshot.series.insert(snapshot.series.begin(), early);
  SeriesTotals group = whole_page;
  group.series = 1;
  group.key.name = "checkout";
  group.key.operation.clear();
  group.key.type = "group";
  group.key.kind = SeriesKind::group;
  snapshot.series.push_back(group);
  SeriesTotals probe = whole_page;
  probe.series = 2;
  probe.key.name = "health";
  probe.key.population = "logger";
  probe.key.background = true;
  snapshot.series.push_back(probe);
  SeriesTotals counter;
  counter.series = 3;
  counter.key.population = "lamps";
  counter.key.operation = "mqtt.delivery";
  counter.key.kind = SeriesKind::delivery;
  counter.key.name = "lost";
  counter.counts.told = 7;
  snapshot.series.push_back(counter);
  snapshot.populations[0].model = LoadModel::open;
  snapshot.populations[0].users_peak = 12;
  snapshot.populations[0].users_stopped = 2;
  snapshot.populations[0].iterations = {10, 8, 1, 0, 1, 5, 2, 1, 103, 7};
  snapshot.populations[0].blocked.add(5'000'000, 6);
  PopulationTotals logger;
  logger.name = "logger";
  logger.background = true;
  snapshot.populations.push_back(logger);
  snapshot.connections = {{"site", {0, 14, 1386, 13, 2, 3}}};
  SourceState whole, lost;
  whole.name = "shard 0";
  whole.final = true;
  whole.last_sequence = 12;
  whole.samples = 88;
  whole.busy_max = 0.25;
  lost.name = "shard 1";
  lost.last_sequence = 9;
  lost.samples = 12;
  lost.busy_max = 0.97;
  snapshot.sources = {whole, lost};
  snapshot.generator.lag.add(50'000, 10);
  snapshot.generator.warmup_lag.add(60'000, 11);
  snapshot.generator.turn.add(7'000, 12);
  for (const std::int64_t second : {0, 1, 2}) {
    auto window = std::make_shared<MergedWindow>();
    window->window = second;
    window->busy_max = 0.5;
    for (const std::uint32_t number : {0u, 1u, 2u}) {
      SeriesWindow& series = window->series.emplace_back();
      series.series = number;
      series.phase = number == 0 && second == 0 ? RunPhase::warmup : RunPhase::main;
      series.counts = {30, number == 0 ? 1u : 0u, 0, 300, 3000, 0};
      series.response.add(1'500'000 + number, 30);
    }
    for (const std::uint32_t number : {0u, 1u}) {
      PopulationWindow& users = window->populations.emplace_back();
      users.population = number;
      users.users_planned = 12;
      users.users_present = 10 + number;
      users.users_retiring = 1;
      users.in_flight = 4 + number;
    }
    window->metrics.resize(3);
    window->metrics[0].add(14 + static_cast<double>(second), 1);
    if (second != 1) window->metrics[1].add(5, 0);
    result.timeline.push_back(std::move(window));
  }
  return result;
}

}  // namespace squall
